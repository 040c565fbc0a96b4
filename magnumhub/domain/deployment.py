"""What a finished provision has to say: the document that programs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from magnumhub.domain.errors import FailedError, MagnumhubError, WaitingError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import Health
from magnumhub.domain.results import MagnumCluster, Release, Result, StageRecord


class Deployment(Result):
    """A site as it stands after a run.

    addresses and endpoints: by role; None where there is none. duration_s: without Prefect's own start.
    health: None when nothing had changed and the light check found nothing wrong. outage_s: by role, how long nobody
    could reach a part whose address moved. undone: users could not work with what was asked for, and everything, or at
    least the addresses, went back.
    """

    site: str
    magnum_cluster: MagnumCluster
    addresses: dict[str, str | None]
    endpoints: dict[str, str | None]
    releases: dict[str, Release]
    stages: tuple[StageRecord, ...] = ()
    duration_s: float = 0.0
    health: Health | None
    outage_s: dict[str, float] = Field(default_factory=dict)
    undone: bool = False

    def document(self) -> dict[str, Any]:
        """The JSON document of `provision --json`."""
        return {
            "site": self.site,
            "cluster": self.magnum_cluster.model_dump(include={"uuid", "name", "template", "api_address"}),
            "addresses": self.addresses,
            "endpoints": self.endpoints,
            "releases": {
                name: release.model_dump(include={"chart", "version", "app_version", "revision"})
                for name, release in self.releases.items()
            },
            "stages": [record.model_dump() for record in self.stages],
            "outage_s": {role: self.outage_s.get(role) for role in ("jupyterhub", "dask_gateway")},
            "duration_s": self.duration_s,
            "health": self.health.model_dump(mode="json", by_alias=True) if self.health else None,
        }


def brought_back(
    failed: Deployment, *, now: Deployment | None, addresses: Mapping[str, str], why_not: str = ""
) -> Deployment:
    """The document of a run after which users could not work, so that everything went back.

    Args:
        now: the site as it is again; None: it could not be brought back, or was never seen to work before.
        addresses: by role, those that moved and serve again.
        why_not: what kept it from coming back.
    """
    assert failed.health is not None
    finding = Finding(
        check="releases",
        level="Unhealthy",
        category=Category.RELEASE,
        summary=_serves(now, why_not),
        remedy="Mend what the other findings say, then run again." if now else "magnumhub provision SITE, or by hand.",
    )
    health = failed.health.model_copy(update={"level": "Unhealthy", "findings": (*failed.health.findings, finding)})
    return (now or _at(failed, addresses)).model_copy(update={"health": health, "undone": True})


def _at(deployment: Deployment, addresses: Mapping[str, str]) -> Deployment:
    """The same at other addresses."""
    urls = {
        role: url.replace(deployment.addresses[role] or "", addresses[role]) if url and role in addresses else url
        for role, url in deployment.endpoints.items()
    }
    return deployment.model_copy(update={"addresses": {**deployment.addresses, **addresses}, "endpoints": urls})


def stopped(error: MagnumhubError, *, now: Deployment | None, why_not: str = "") -> MagnumhubError:
    """The error that stopped a run, and what serves users since everything went back."""
    if isinstance(error, WaitingError) and not why_not:  # whoever is asked needs to know of nothing else
        return error
    if isinstance(error, WaitingError):
        text = f"{error.message}; {_serves(now, why_not)}"
        return WaitingError(text, addresses=error.addresses, ports=error.ports, request=error.request)
    hint = error.hint if now else f"{error.hint}; look at the releases with magnumhub status, then provision again"
    return FailedError(f"{error.message}; {_serves(now, why_not)}", hint)


def _serves(now: Deployment | None, why_not: str) -> str:
    if now is None:
        because = f": {why_not}" if why_not else ": there are no revisions that were seen to work"
        return f"the releases could not be rolled back{because}"
    revisions = " and ".join(f"{release.name} chart {release.version}" for release in now.releases.values())
    level = now.health.level if now.health else "Healthy"
    return f"everything was rolled back to {revisions}, which is {level}"
