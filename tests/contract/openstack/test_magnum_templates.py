"""Cluster templates: what they tell, by uuid and by name, and in pages. Their values are their owners' choice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openstack.cloud import Told
from tests.contract.openstack.magnum_side import UNKNOWN, Magnum

TEMPLATES = "/v1/clustertemplates"
KEPT = {"uuid", "name", "coe", "links", "created_at", "updated_at", "hidden", "image_id", "driver", "server_type"}
KEPT |= {"tls_disabled", "master_lb_enabled", "floating_ip_enabled", "cluster_distro"}


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


def comparable(template: dict[str, Any]) -> dict[str, Any]:
    """All fields; the values of those that are the same wherever a plain Kubernetes template is."""
    return {field: value if field in KEPT else "chosen" for field, value in template.items()}


@pytest.mark.parametrize("path", [TEMPLATES, f"{TEMPLATES}/detail"], ids=["list", "detail"])
def test_listed(told: Told, magnum: Magnum, path: str) -> None:
    def ours(body: Any) -> Any:
        kept = [template for template in body["clustertemplates"] if template["uuid"] == magnum.template["uuid"]]
        return body | {"clustertemplates": [comparable(template) for template in kept]}

    listed = told.call("magnum", "GET", path, comparable=ours).body["clustertemplates"]
    assert magnum.template in listed


def test_one(told: Told, magnum: Magnum) -> None:
    for ident in (magnum.template["uuid"], magnum.template["name"]):
        answer = told.call("magnum", "GET", f"{TEMPLATES}/{ident}", comparable=comparable)
        assert answer.body == magnum.template
    template = answer.body
    assert all(isinstance(value, str) for value in template["labels"].values())
    assert template["docker_volume_size"] is None or template["docker_volume_size"] > 0
    for switch in ("floating_ip_enabled", "master_lb_enabled", "tls_disabled", "hidden", "public", "registry_enabled"):
        assert isinstance(template[switch], bool)


@pytest.mark.parametrize("ident", ["contract-none", UNKNOWN], ids=["name", "uuid"])
def test_unknown(told: Told, ident: str) -> None:
    assert told.call("magnum", "GET", f"{TEMPLATES}/{ident}").status == 404


@pytest.mark.parametrize("path", [TEMPLATES, f"{TEMPLATES}/detail"], ids=["list", "detail"])
def test_pages(told: Told, magnum: Magnum, path: str) -> None:
    everything = magnum.project.call("magnum", "GET", path).body["clustertemplates"]
    paged = magnum.project.call("magnum", "GET", path, query={"limit": "1"}).body
    assert paged["clustertemplates"] == everything[:1]
    last = f"limit=1&marker={everything[0]['uuid']}"
    assert paged["next"] == f"{magnum.project.roots['magnum']}{path}?sort_key=id&sort_dir=asc&{last}"
    rest = magnum.project.call("magnum", "GET", path, query={"marker": everything[0]["uuid"]}).body
    assert rest == {"clustertemplates": everything[1:]}
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"marker": "x"}):
        assert told.call("magnum", "GET", path, query=wrong).status == 400
    assert told.call("magnum", "GET", path, query={"marker": UNKNOWN}).status == 404
