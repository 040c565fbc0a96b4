"""How a run that judges a site ends: by the site's own word, as a state of that name in Prefect's UI."""

from __future__ import annotations

from typing import TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from magnumhub.domain.deployment import Deployment
from magnumhub.domain.health import Health

T = TypeVar("T")


def ended(deployment: Deployment) -> Deployment | State[Deployment]:
    """The document itself when all is well; else a state called Degraded (completed) or Unhealthy (failed) around
    it."""
    return _ended(deployment, deployment.health) if deployment.health else deployment


def ended_health(health: Health) -> Health | State[Health]:
    """The same for the document of a check."""
    return _ended(health, health)


def _ended(document: T, health: Health) -> T | State[T]:
    message = "; ".join(finding.summary for finding in health.findings if finding.level != "Healthy")
    if health.level in ("Degraded", "Skipped"):
        return Completed(name=health.level, message=message or health.checks[0].summary, data=document)
    if health.level in ("Unhealthy", "Unknown"):
        return Failed(name=health.level, message=message, data=document)
    return document
