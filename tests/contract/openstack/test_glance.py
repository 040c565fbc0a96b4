"""Glance: the images that there are."""

from __future__ import annotations

from typing import Any

from tests.contract.openstack.cloud import Told
from tests.contract.openstack.network import SOMETHING

IMAGES = "/v2/images"
CHOSEN = (
    "name",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_value",
    "disk_format",
    "min_ram",
    "min_disk",
    "os_distro",
)


def comparable(body: Any) -> Any:
    """The images without what those who brought them said of them."""
    if "images" in body:
        return body | {"images": [comparable(image) for image in body["images"]]}
    kept = {key: value for key, value in body.items() if not key.startswith("owner_specified.")}
    return kept | {key: f"<{type(kept[key]).__name__}>" for key in (*CHOSEN, "os_distro")}


def images(told: Told, **query: str) -> list[dict[str, Any]]:
    return list(told.project.call("glance", "GET", IMAGES, query=query).body["images"])


def test_versions(told: Told) -> None:
    answer = told.call("glance", "GET", "/", token="")
    assert answer.status == 300
    current = [version["id"] for version in answer.body["versions"] if version["status"] == "CURRENT"]
    assert len(current) == 1


def test_one(told: Told) -> None:
    image = next(image for image in images(told) if "os_distro" in image)
    shown = told.call("glance", "GET", f"{IMAGES}/{image['id']}", comparable=comparable).body
    assert shown == image
    assert (shown["status"], shown["self"]) == ("active", f"{IMAGES}/{image['id']}")


def test_filters(told: Told) -> None:
    image = next(image for image in images(told) if "os_distro" in image)
    by_name = {"name": image["name"], "visibility": image["visibility"]}
    assert image in images(told, **by_name)
    assert image in images(told, os_distro=image["os_distro"])
    none = told.call("glance", "GET", IMAGES, query={"name": "contract-none", "status": "active"})
    assert none.body["images"] == []
    assert told.call("glance", "GET", IMAGES, query={"nonsense": "1"}).body["images"] == []
    assert told.call("glance", "GET", IMAGES, query={"os_hidden": "true"}).body["images"] == []


def test_missing(told: Told) -> None:
    """A page, or JSON for those who say that they read it."""
    for ident in (SOMETHING, "nonsense"):
        page = told.call("glance", "GET", f"{IMAGES}/{ident}")
        assert (page.status, f"No image found with ID {ident}" in page.body) == (404, True)
        told_so = told.call("glance", "GET", f"{IMAGES}/{ident}", headers={"Accept": "application/json"})
        assert (told_so.status, told_so.body["title"]) == (404, "Not Found")
