"""What the API says that it is and serves."""

from __future__ import annotations

from typing import Any

from sandbox.kube.kinds import Kinds
from tests.contract.kubernetes.client import Told

_BUILD = ("buildDate", "gitCommit", "gitTreeState", "goVersion")


def test_version(told: Told) -> None:
    version = told.call("GET", "/version", leave=_BUILD).body
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


def test_documents(told: Told) -> None:
    """What is served at all differs: the sandbox has what it acts on. What both have is described alike."""
    for path in ("/api", "/apis", "/openapi/v3"):
        assert told.api.call("GET", path).status == 200
    document = told.api.call("GET", "/openapi/v3").body["paths"]["apis/apps/v1"]["serverRelativeURL"]
    first = told.api.call("GET", document)
    assert first.status == 200
    assert told.api.call("GET", document, headers={"If-None-Match": first.headers["etag"]}).status == 304
    shown: dict[str, Any] = {}
    for version in sorted({r.group_version for r in Kinds()}):
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for resource in told.api.call("GET", path).body["resources"]:
            shown[f"{version} {resource['name']}"] = resource
    for resource in Kinds():
        name = f"{resource.group_version} {resource.plural}"
        told.tell(name, resource={key: value for key, value in shown[name].items() if key != "categories"})
