"""Glance: the image of the cluster templates, to be read."""

from __future__ import annotations

from typing import Any

from sandbox.openstack.service import Answer, ApiError, Call, Service
from sandbox.store import matches


def _versions(call: Call) -> Answer:
    link = {"rel": "self", "href": call.cloud.url("image/v2/")}
    return 300, {"versions": [{"id": "v2.17", "status": "CURRENT", "links": [link]}]}


def _images(call: Call) -> Answer:
    found = [image for image in call.cloud.store.list("image") if matches(image, call.query)]
    return {"images": found, "first": "/v2/images", "schema": "/v2/schemas/images"}


def _render(error: ApiError) -> dict[str, Any]:
    return {"code": f"{error.status}", "title": "Error", "message": error.message}


SERVICE = Service(
    name="glance",
    prefix="image",
    routes=[
        ("GET", "/", _versions, (200,)),
        ("GET", "/v2/images", _images, (200,)),
        ("GET", "/v2/images/{id}", lambda call: call.cloud.store.get("image", call.path["id"]), (200, 404)),
    ],
    render=_render,
    public=frozenset({"/"}),
    not_found={"image": ("No image found with ID {}", "")},
)
