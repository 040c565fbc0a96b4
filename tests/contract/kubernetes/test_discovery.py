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
        told.tell(name, resource=shown[name])


def test_aggregated(told: Told) -> None:
    """What helm and kubectl ask first: everything in two documents."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    shown: dict[tuple[str, str, str], Any] = {}
    for path in ("/api", "/apis"):
        answer = told.api.call("GET", path, headers={"Accept": accept})
        assert answer.headers["content-type"] == accept
        told.tell(path, head={key: value for key, value in answer.body.items() if key != "items"})
        for group in answer.body["items"]:
            name = group["metadata"].get("name", "")
            for served in group["versions"]:
                assert served["freshness"] == "Current"
                shown |= {(name, served["version"], r["resource"]): r for r in served["resources"]}
    for resource in Kinds():
        found = shown[resource.group, resource.version, resource.plural]
        found["subresources"] = sorted(
            (s for s in found.get("subresources", []) if s["subresource"] in resource.subresources),
            key=lambda s: s["subresource"],
        )
        told.tell(f"{resource.group_version} {resource.plural}", resource=found)


def test_groups(told: Told) -> None:
    for group in sorted({r.group for r in Kinds()} - {""}):
        told.call("GET", f"/apis/{group}", leave=("versions",))
    older = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"}
    assert told.api.call("GET", "/apis", headers=older).body["kind"] == "APIGroupList"
    assert told.api.call("GET", "/apis").body.keys() == {"kind", "apiVersion", "groups"}
