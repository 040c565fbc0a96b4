"""Which services were recorded: what each one's version document says."""

from __future__ import annotations

import json

from tests.contract.openstack.cloud import Project
from tests.contract.transcript import RECORDED


def told(project: Project) -> dict[str, str]:
    """Service -> the newest API version that it tells."""
    documents = {service: project.call(service, "GET", "/", token="").body["versions"] for service in project.roots}
    documents["keystone"] = documents["keystone"]["values"]
    newest = {}
    for service, versions in documents.items():
        current = next((v for v in versions if v["status"].upper() in ("CURRENT", "STABLE")), versions[-1])
        newest[service] = str(current.get("max_version") or current.get("version") or current["id"])
    return newest


def record(project: Project) -> None:
    """Write them beside the recorded answers."""
    path = RECORDED / "openstack" / "versions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told(project), indent=1, sort_keys=True) + "\n")
