"""How a run that judges a site ends: by the site's own word, as a state of that name in Prefect's UI."""

from __future__ import annotations

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from magnumhub.domain.deployment import Deployment


def ended(deployment: Deployment) -> Deployment | State[Deployment]:
    """The document itself when all is well; else a state called Degraded (completed) or Unhealthy (failed) around
    it."""
    health = deployment.health
    if health is None or health.level not in ("Degraded", "Unhealthy"):
        return deployment
    message = "; ".join(finding.summary for finding in health.findings)
    if health.level == "Degraded":
        return Completed(name="Degraded", message=message, data=deployment)
    return Failed(name="Unhealthy", message=message, data=deployment)
