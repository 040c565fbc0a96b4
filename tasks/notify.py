"""The events that people are notified by: a site became unhealthy, has recovered, waits for a person.

Prefect's own events are about runs; a run that fails one night is no news. These are about the site, and come when it
is sure (`magnumhub.domain.history.decide_event`).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events.schemas.events import Event as PrefectEvent
from prefect.events.schemas.events import RelatedResource, Resource

from blocks.prefect_server import NO_SERVER
from magnumhub.domain.errors import WaitingError
from magnumhub.domain.health import Health
from magnumhub.domain.history import Event, Record, event_id
from magnumhub.domain.spec import Site
from tasks.progress import stage


def announce(event: Event, health: Health, history: Sequence[Record] = ()) -> bool:
    """Send the event to Prefect's server, about the resource `magnumhub.site.NAME` and this flow run.

    By a request, which the server answers, and not by Prefect's `emit_event`, which hands it to a thread that tells
    nobody when it could not be sent.

    Safe to repeat: with the same history it is the same event, by its id, which the server heeds once in half an hour.

    Args:
        history: the site's earlier checks, newest first.

    Source: `SEEN_EXPIRATION` of Prefect's server (3.8.8); in its list of events an id stands once for ever.

    Returns:
        whether the server has it. When it has not, that is said, and the verdict stays what it is; the next check is
        to know that nobody was told.
    """
    told = PrefectEvent(
        id=event_id(event, health.site, history),
        event=event,
        resource=_resource(health),
        related=_flow_run(),
        payload=_payload(health),
    )
    return _send(told)


def announce_waiting(site: Site, waiting: WaitingError, event_id: UUID) -> bool:
    """Send `site.waiting`: a person has to have the firewall opened, and answer the run.

    Safe to repeat: a second event of that id is the same one.

    Returns:
        as `announce`; the question stands in the run's form and in its artifact all the same.
    """
    payload = {"site": site.name, "why": waiting.message, "request": waiting.request}
    resource = {"prefect.resource.id": f"magnumhub.site.{site.name}", "prefect.resource.name": site.name}
    told = PrefectEvent(
        id=event_id, event="site.waiting", resource=Resource(resource), related=_flow_run(), payload=payload
    )
    return _send(told)


def _send(told: PrefectEvent) -> bool:
    with stage("notify") as report:
        try:
            with get_client(sync_client=True) as client:
                client.request("POST", "/events", json=[told.model_dump(mode="json")])
        except NO_SERVER as error:
            report.remark(f"{told.event} could not be delivered to Prefect's server: {error}")
            return False
        report.remark(f"{told.event} delivered")
        return True


def _resource(health: Health) -> Resource:
    return Resource(
        {
            "prefect.resource.id": f"magnumhub.site.{health.site}",
            "prefect.resource.name": health.site,
            "magnumhub.level": health.level,
        }
    )


def _flow_run() -> list[RelatedResource]:
    """By which an automation's text finds the run: `{{ flow_run|ui_url }}`."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return []
    labels = {
        "prefect.resource.id": f"prefect.flow-run.{context.flow_run.id}",
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": context.flow_run.name,
    }
    return [RelatedResource(labels)]


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
