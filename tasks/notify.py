"""The events that people are notified by: a site became unhealthy, a site has recovered.

Prefect's own events are about runs; a run that fails one night is no news. These are about the site, and come when it
is sure (`magnumhub.domain.history.decide_event`).
"""

from __future__ import annotations

from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from magnumhub.domain.health import Health
from magnumhub.domain.history import Event
from tasks.progress import stage

_DELIVERY_S = 20.0
"""Prefect sends events from a thread; this long is waited until the server has them."""


def announce(event: Event, health: Health) -> None:
    """Emit the event, about the resource `magnumhub.site.NAME` and this flow run, and wait until the server has it.

    A server that does not take it changes nothing of the verdict: it is said. Not safe to repeat: each call is told.
    """
    with stage("notify") as report:
        emit_event(event, _resource(health), payload=_payload(health))  # Prefect adds the flow run
        # A command's process ends within a second, and is not to take the event along.
        drained = EventsWorker.drain_all(timeout=_DELIVERY_S, at_exit=False)
        is_late = isinstance(drained, tuple) and bool(drained[1])
        report.remark(f"{event} could not be delivered to Prefect's server in time" if is_late else f"{event} emitted")


def _resource(health: Health) -> dict[str, str]:
    return {
        "prefect.resource.id": f"magnumhub.site.{health.site}",
        "prefect.resource.name": health.site,
        "magnumhub.level": health.level,
    }


def _payload(health: Health) -> dict[str, str]:
    first = next((finding for finding in health.findings if finding.level != "Healthy"), None)
    return {
        "site": health.site,
        "level": health.level,
        "started_at": health.started_at,
        "summary": first.summary if first else "every check is well",
        "remedy": first.remedy if first else "",
        "category": first.category.value if first else "",
    }
