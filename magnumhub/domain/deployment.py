"""What a finished provision has to say: the document that programs read."""

from __future__ import annotations

from typing import Any

from magnumhub.domain.health import Health
from magnumhub.domain.results import MagnumCluster, Release, Result, StageRecord


class Deployment(Result):
    """A site as it stands after a run.

    addresses and endpoints: by role; None where there is none. duration_s: without Prefect's own start.
    health: None when nothing had changed and the light check found nothing wrong.
    """

    site: str
    magnum_cluster: MagnumCluster
    addresses: dict[str, str | None]
    endpoints: dict[str, str | None]
    releases: dict[str, Release]
    stages: tuple[StageRecord, ...]
    duration_s: float
    health: Health | None

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
            "outage_s": {"jupyterhub": None, "dask_gateway": None},  # only a redeploy moves an address
            "duration_s": self.duration_s,
            "health": self.health.model_dump(mode="json", by_alias=True) if self.health else None,
        }
