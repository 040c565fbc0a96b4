"""What Magnum makes of a request for a cluster: refusals in its words, and what comes from the template."""

from __future__ import annotations

import random
import re
from typing import Any

from sandbox.openstack.service import ApiError, Call
from sandbox.store import NotFoundError, Resource

_INTEGERS = {"node_count": 0, "master_count": 1, "docker_volume_size": 1, "create_timeout": 0}  # name -> smallest
_TEXTS = {"name": 242, "keypair": 255, "master_flavor_id": 255, "flavor_id": 255}  # name -> longest
_TEXTS |= {"fixed_network": 255, "fixed_subnet": 255}
_SWITCHES = {"floating_ip_enabled", "master_lb_enabled", "merge_labels"}
_READ_ONLY = {"stack_id", "cluster_id", "api_address", "coe_version", "container_version", "project_id", "user_id"}
_READ_ONLY |= {"node_addresses", "master_addresses", "links", "created_at", "updated_at"}
_KNOWN = {*_INTEGERS, *_TEXTS, *_SWITCHES, *_READ_ONLY, "labels", "cluster_template_id", "discovery_url"}
_NAME = "^[a-zA-Z][a-zA-Z0-9_.-]*$"
_NO_ZERO = "Resizing a nodegroup to zero is not supported in the provided microversion."
_FROM_TEMPLATE = ("docker_volume_size", "master_flavor_id", "flavor_id", "fixed_network", "fixed_subnet")


def checked(body: Any) -> dict[str, Any]:
    """The body's fields with Magnum's defaults, of the right types.

    Raises:
        ApiError: 400, in Magnum's words.
    """
    if not isinstance(body, dict):
        raise ApiError(400, 'Missing argument: "cluster"')
    for field in body:
        if field not in _KNOWN:
            raise ApiError(400, f"Unknown attribute for argument cluster: {field}")
    wanted = {field: _value(field, value, body) for field, value in body.items()}
    if "cluster_template_id" not in body:
        raise _invalid("cluster_template_id", None, "Mandatory field missing.")
    defaults = {"name": _random_name(), "node_count": 1, "master_count": 1, "create_timeout": 60}
    return defaults | {field: value for field, value in wanted.items() if value is not None}


def checked_resize(body: Any, version: tuple[int, int]) -> dict[str, Any]:
    """What a resize asks for: node_count and nodes_to_remove.

    Raises:
        ApiError: 400, in Magnum's words.
    """
    if not isinstance(body, dict):
        raise ApiError(400, 'Missing argument: "cluster_resize_req"')
    for field in body:
        if field not in ("node_count", "nodes_to_remove", "nodegroup"):
            raise ApiError(400, f"Unknown attribute for argument cluster_resize_req: {field}")
    if body.get("node_count") is None:
        raise _invalid("node_count", None, "Mandatory field missing.")
    try:
        node_count = int(body["node_count"])
    except ValueError as error:
        raise _invalid("cluster_resize_req", body, str(error)) from error
    if node_count < 0:
        raise _invalid("node_count", node_count, "Value should be greater or equal to 0")
    if version < (1, 10) and node_count == 0:
        raise ApiError(400, _NO_ZERO)
    return {"node_count": node_count, "nodes_to_remove": body.get("nodes_to_remove") or []}


def _value(field: str, value: Any, body: dict[str, Any]) -> Any:
    if field in _READ_ONLY:
        raise _invalid(field, value, "Cannot set read only field.")
    if value is None:
        return None
    if field in _INTEGERS:
        return _integer(field, value, body)
    if field in _TEXTS:
        return _text(field, value)
    if field == "labels":
        return _labels(value, body)
    if field in _SWITCHES and not isinstance(value, bool):
        raise _invalid(field, value, "Value should be a boolean")
    return value


def _integer(field: str, value: Any, body: dict[str, Any]) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise _invalid("cluster", body, str(error)) from error
    if number < _INTEGERS[field]:
        raise _invalid(field, value, f"Value should be greater or equal to {_INTEGERS[field]}")
    return number


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _invalid(field, value, "Value should be string")
    if not value:
        raise _invalid(field, value, "Value should have a minimum character requirement of 1")
    if len(value) > _TEXTS[field]:
        raise _invalid(field, value, f"Value should have a maximum character requirement of {_TEXTS[field]}")
    if field == "name" and not re.match(_NAME, value):
        raise _invalid(field, value, f"Value should match the pattern {_NAME}")
    return value


def _labels(value: Any, body: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid("cluster", body, f"Value not a valid dict: {value}")
    kinds = (str, int, bool, float)
    for item in value.values():
        if not isinstance(item, kinds):
            raise _invalid("labels", value, f"Wrong type. Expected '{kinds}', got '{type(item)}'")
    return {name: str(item) for name, item in value.items()}


def _invalid(field: str, value: Any, why: str) -> ApiError:
    return ApiError(400, f"Invalid input for field/attribute {field}. Value: '{value}'. {why}")


def _random_name() -> str:
    letter = random.choice(("alpha", "kappa", "omega", "sigma", "zeta"))  # noqa: S311 (a name, not a secret)
    return f"{letter}-{random.randrange(1, 26)}-cluster"  # noqa: S311


def find_template(call: Call, wanted: dict[str, Any], version: tuple[int, int]) -> Resource:
    """The template that is asked for.

    Raises:
        ApiError: there is none, the counts are impossible, or the project has clusters enough.
    """
    asked = str(wanted.get("cluster_template_id"))
    try:
        template = call.cloud.store.find("template", asked, project_id=call.project_id)
    except NotFoundError as error:
        raise ApiError(404 if version >= (1, 10) else 400, f"ClusterTemplate {asked} could not be found.") from error
    if (count := wanted["master_count"]) % 2 == 0:
        raise ApiError(400, f"master nodegroup size of {count} is invalid, size cannot be an even number.")
    if version < (1, 10) and wanted["node_count"] == 0:
        raise ApiError(400, _NO_ZERO)
    return template


def completed(call: Call, wanted: dict[str, Any], template: Resource) -> dict[str, Any]:
    """What is asked for, with the template's values where nothing is asked.

    Raises:
        ApiError: something that it names does not exist.
    """
    inherited = {field: wanted.get(field) or template[field] for field in _FROM_TEMPLATE}
    switches = {field: wanted.get(field, template[field]) for field in ("floating_ip_enabled", "master_lb_enabled")}
    complete = wanted | inherited | switches
    complete["keypair"] = wanted.get("keypair") or template["keypair_id"]
    complete["labels"] = _merged(wanted, template)
    _check_resources(call, complete)
    return complete


def _merged(wanted: dict[str, Any], template: Resource) -> dict[str, Any]:
    own = wanted.get("labels")
    if not own:
        return dict(template["labels"])
    return template["labels"] | own if wanted.get("merge_labels") else dict(own)


def _check_resources(call: Call, wanted: dict[str, Any]) -> None:
    store = call.cloud.store
    flavors = {known for flavor in store.list("flavor") for known in (flavor["id"], flavor["name"])}
    for field in ("flavor_id", "master_flavor_id"):
        if wanted[field] not in flavors:
            raise ApiError(400, f"Unable to find flavor {wanted[field]}.")
    for kind in ("network", "subnet"):
        asked = wanted[f"fixed_{kind}"]
        visible = store.list(kind, project_id=call.project_id)
        if asked and asked not in {known for resource in visible for known in (resource["id"], resource["name"])}:
            raise ApiError(400, f"Unable to find fixed {kind} {asked}.")
    if not store.list("keypair", name=wanted["keypair"], user_id=call.request_token["user_id"]):
        raise ApiError(404, f"Unable to find keypair {wanted['keypair']}.")
    if wanted["master_count"] > 1 and not wanted["master_lb_enabled"]:
        raise ApiError(400, "master_count must be 1 when master_lb_enabled is False")
