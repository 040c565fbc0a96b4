"""Tags of floating IPs and ports."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from sandbox.openstack.neutron import resources
from sandbox.openstack.service import Answer, ApiError, Call, Handler
from sandbox.store import NotFoundError, Resource

_LENGTH_MAX, _NUMBER_MAX = 255, 50


def tag_routes(kind: str, plural: str) -> list[tuple[str, str, Handler, tuple[int, ...]]]:
    """The routes for one kind of resource."""
    path = f"/v2.0/{plural}/{{id}}/tags"
    return [
        ("GET", path, lambda call: {"tags": _find(call, kind, "get")["tags"]}, (200, 403, 500)),
        ("PUT", path, lambda call: _set_all(call, kind, plural), (200, 400, 403, 500)),
        ("PUT", f"{path}/{{tag}}", lambda call: _add(call, kind), (201, 400, 403, 500)),
        ("DELETE", f"{path}/{{tag}}", lambda call: _remove(call, kind), (204, 403, 404, 500)),
    ]


def _find(call: Call, kind: str, action: str) -> Resource:
    """The resource; its tags are the only thing of another project's that is forbidden and not missing."""
    try:
        resource = call.cloud.store.get(kind, call.path["id"])
    except NotFoundError as error:
        # As Neutron 29 does.
        words = "Request Failed: internal server error while processing your request."
        raise ApiError(500, words, "HTTPInternalServerError") from error
    if resource["project_id"] != call.project_id:
        raise ApiError(403, f"rule:{action}_{kind}:tags is disallowed by policy", "PolicyNotAuthorized")
    return resource


def _set_all(call: Call, kind: str, plural: str) -> Answer:
    resource = _find(call, kind, "update")
    if not isinstance(call.body, dict) or "tags" not in call.body:
        raise _invalid("Invalid tags body.")
    tags = call.body["tags"]
    if not isinstance(tags, list):
        raise _invalid(f"'{tags}' is not a list.")
    for number, tag in enumerate(tags):
        if tag in tags[:number]:
            raise _invalid(f"Duplicate items in the list: '{tag}'.")
        _check(tag)
    if len(tags) > _NUMBER_MAX:
        words = f"Bad {plural} request: The number of tags exceed the per-resource limit of {_NUMBER_MAX}."
        raise resources.bad_request(words, "BadRequest")
    _keep(call, kind, resource, tags)
    return {"tags": tags}


def _add(call: Call, kind: str) -> Answer:
    resource = _find(call, kind, "update")
    _check(call.path["tag"])
    _keep(call, kind, resource, [*resource["tags"], call.path["tag"]])
    return JSONResponse(None, 201)


def _remove(call: Call, kind: str) -> Answer:
    resource = _find(call, kind, "delete")
    if call.path["tag"] not in resource["tags"]:
        raise ApiError(404, f"Tag {call.path['tag']} could not be found.", "TagNotFound")
    _keep(call, kind, resource, [tag for tag in resource["tags"] if tag != call.path["tag"]])
    return 204, None


def _keep(call: Call, kind: str, resource: Resource, tags: list[str]) -> None:
    if set(tags) != set(resource["tags"]):
        resources.change(call.cloud, kind, resource, {"tags": sorted(set(tags))})


def _check(tag: Any) -> None:
    if not isinstance(tag, str):
        raise _invalid(f"'{tag}' is not a valid string.")
    if len(tag) > _LENGTH_MAX:
        raise _invalid(f"'{tag}' exceeds maximum length of {_LENGTH_MAX}.")


def _invalid(words: str) -> ApiError:
    return resources.bad_request(f"Invalid input for operation: {words}", "InvalidInput")
