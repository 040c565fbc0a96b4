"""Glance: the image of the cluster templates, to be read."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack.pages import nothing_there, page, refusal
from sandbox.openstack.service import Answer, ApiError, Call, Service
from sandbox.store import NotFoundError, Resource, now

_MINORS = (15, 13, 12, 11, 10, 9, 8, 17, 7, 6, 5, 4, 3, 2, 1, 0)  # in Glance's own order
_NEWEST = 17
_UNAUTHORIZED = (
    "This server could not verify that you are authorized to access the document you requested. Either you supplied the"
    " wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials"
    " required."
)


def create_image(cloud: Cloud, name: str, owner_id: str, os_distro: str) -> Resource:
    """A public image; nobody reads what is in it."""
    content = name.encode()
    image = {
        "name": name,
        "owner": owner_id,
        "os_distro": os_distro,
        "status": "active",
        "visibility": "public",
        "size": len(content),
        "virtual_size": len(content),
        "disk_format": "raw",
        "container_format": "bare",
        "checksum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(content).hexdigest(),
        "os_hidden": False,
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "stores": "fs",
        "schema": "/v2/schemas/image",
        "tags": [],
        "updated_at": now(),
    }
    return cloud.store.create("image", **image)


def _versions(call: Call) -> Answer:
    links = [{"rel": "self", "href": call.cloud.url("image/v2/")}]
    status = dict.fromkeys(_MINORS, "SUPPORTED") | {_NEWEST: "CURRENT"}
    return 300, {"versions": [{"id": f"v2.{minor}", "status": status[minor], "links": links} for minor in _MINORS]}


def _shown(image: Resource) -> dict[str, Any]:
    path = f"/v2/images/{image['id']}"
    return image | {"self": path, "file": f"{path}/file"}


def _images(call: Call) -> Answer:
    """Whatever is asked for has to be a property of the image."""
    images = call.cloud.store.list("image")
    found = [image for image in images if all(_is(image.get(key), value) for key, value in call.query)]
    query = f"?{call.request.url.query}" if call.request.url.query else ""
    return {"images": [_shown(i) for i in found], "first": f"/v2/images{query}", "schema": "/v2/schemas/images"}


def _is(value: Any, text: str) -> bool:
    return str(value).lower() == text.lower() if isinstance(value, bool) else str(value) == text


def _image(call: Call) -> Answer:
    try:
        return _shown(call.cloud.store.get("image", call.path["id"]))
    except NotFoundError as error:
        return refusal(call, 404, f"No image found with ID {error.ident}")


def _elsewhere(call: Call, status: int) -> Answer:
    """Whatever is not below its version gets the versions."""
    return nothing_there(call, status) if call.asked_path.startswith("/v2/") else _versions(call)


def _render(error: ApiError) -> dict[str, Any]:
    return {"code": f"{error.status}", "title": "Error", "message": error.message}


SERVICE = Service(
    name="glance",
    prefix="image",
    routes=[
        ("GET", "/", _versions, (300,)),
        ("GET", "/v2/images", _images, (200,)),
        ("GET", "/v2/images/{id}", _image, (200, 404)),
    ],
    render=_render,
    public=frozenset({"/"}),
    unauthorized_page=page(401, _UNAUTHORIZED),
    heads=frozenset({"/"}),
    guarded=("/v2/",),
    elsewhere=(_elsewhere, (300, 404, 405)),
)
