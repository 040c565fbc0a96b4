"""Magnum's API: templates, clusters with their odd first second, certificates, quotas; microversions 1.1 to 1.14."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from starlette.requests import Request

from sandbox.cloud import Cloud
from sandbox.openstack.certificates import sign
from sandbox.openstack.clusters import Clusters
from sandbox.openstack.service import Answer, ApiError, Call, Service, page
from sandbox.store import NotFoundError, Resource

CLUSTERS_MAX = 20
_MIN, _MAX = (1, 1), (1, 14)
_VERSION_HEADER = "container-infrastructure-management"
# A cluster that was just asked for: the first read finds no row, the second one without node groups. Here it is always
# so, not a matter of luck as in a real cloud, where it lasts up to a second.
_BIRTH_S = 1.0
_LISTED = ("uuid", "name", "cluster_template_id", "keypair", "docker_volume_size", "labels", "node_count", "status")
_LISTED += ("master_flavor_id", "flavor_id", "create_timeout", "master_count", "health_status", "links")
_FROM_TEMPLATE = ("docker_volume_size", "master_flavor_id", "flavor_id", "fixed_network", "fixed_subnet")
_FROM_TEMPLATE += ("floating_ip_enabled", "master_lb_enabled")
_INTEGERS = {"node_count": 0, "master_count": 1, "docker_volume_size": 1, "create_timeout": 0}  # name -> smallest
_TEXTS = {"name", "cluster_template_id", "keypair", "master_flavor_id", "flavor_id", "fixed_network", "fixed_subnet"}
_TEXTS |= {"discovery_url"}
_OTHERS = {"labels", "floating_ip_enabled", "master_lb_enabled", "merge_labels"}


def _microversion(request: Request) -> tuple[int, int]:
    """What the request asks for; 1.1 when it does not say (as openstacksdk does not).

    Raises:
        ApiError: 406 outside of 1.1 to 1.14.
    """
    asked = re.match(
        r"container-infra(?:structure-management)? (\S+)", request.headers.get("openstack-api-version", "")
    )
    if not asked:
        return _MIN
    if asked[1] == "latest":
        return _MAX
    major, _, minor = asked[1].partition(".")
    version = (int(major), int(minor or 0))
    if not _MIN <= version <= _MAX:
        raise ApiError(406, f"Version {asked[1]} was requested but the minor version is not supported.", "microversion")
    return version


def _version_headers(request: Request) -> dict[str, str]:
    try:
        version = _microversion(request)
    except ApiError:
        version = _MAX
    name, join = _VERSION_HEADER, ".".join
    return {
        "OpenStack-API-Version": f"{name} {join(map(str, version))}",
        "OpenStack-API-Minimum-Version": f"{name} {join(map(str, _MIN))}",
        "OpenStack-API-Maximum-Version": f"{name} {join(map(str, _MAX))}",
        "Vary": "OpenStack-API-Version",
    }


def _render(error: ApiError) -> dict[str, Any]:
    if error.kind == "microversion":
        title = "Requested microversion is unsupported"
        return {
            "errors": [
                {"max_version": "1.14", "min_version": "1.1", "code": "magnum.microversion-unsupported", "title": title}
            ]
        }
    code = "client" if error.status < 500 else "server"
    title = error.message.split(".", 1)[0]
    detail = {
        "request_id": "",
        "code": code,
        "status": error.status,
        "title": title,
        "detail": error.message,
        "links": [],
    }
    return {"errors": [detail]}


def _versions(call: Call) -> Answer:
    links = [{"rel": "self", "href": call.cloud.url("container-infra/v1/")}]
    version = {"id": "v1", "status": "CURRENT", "max_version": "1.14", "min_version": "1.1", "links": links}
    return {"name": "OpenStack Magnum API", "versions": [version]}


def _version(call: Call) -> Answer:
    return {"id": "v1", "links": [{"rel": "self", "href": call.cloud.url("container-infra/v1/")}]}


def _links(call: Call, plural: str, ident: str) -> list[dict[str, str]]:
    base = call.cloud.url("container-infra")
    return [
        {"rel": "self", "href": f"{base}/v1/{plural}/{ident}"},
        {"rel": "bookmark", "href": f"{base}/{plural}/{ident}"},
    ]


def _stamp(text: str | None) -> str | None:
    return text and text.replace("Z", "+00:00")


def _shown_template(call: Call, template: Resource) -> dict[str, Any]:
    hidden = {"id", "shared", "status"}
    return {
        "uuid": template["id"],
        **{field: value for field, value in template.items() if field not in hidden},
        "links": _links(call, "clustertemplates", template["id"]),
        "created_at": _stamp(template["created_at"]),
    }


def _templates(call: Call) -> Answer:
    _microversion(call.request)
    visible = call.cloud.store.list("template", project_id=call.project_id)
    return {"clustertemplates": [_shown_template(call, template) for template in page(visible, call.query)]}


def _template(call: Call) -> Answer:
    return _shown_template(call, call.cloud.store.find("template", call.path["id"], project_id=call.project_id))


def _shown(call: Call, cluster: Resource) -> dict[str, Any]:
    template = call.cloud.store.get("template", cluster["cluster_template_id"])
    inherited, labels = template["labels"], cluster["labels"]
    shown = {
        "uuid": cluster["id"],
        **{field: cluster[field] for field in Clusters.REPORTED},
        "labels_overridden": {k: v for k, v in inherited.items() if k in labels and labels[k] != v},
        "labels_added": {k: v for k, v in labels.items() if k not in inherited},
        "labels_skipped": {k: v for k, v in inherited.items() if k not in labels},
        "links": _links(call, "clusters", cluster["id"]),
        "created_at": _stamp(cluster["created_at"]),
        "updated_at": _stamp(cluster["updated_at"]),
    }
    shown["cluster_id" if _microversion(call.request) >= (1, 13) else "stack_id"] = cluster["stack_id"]
    return shown


def _born(cluster: Resource) -> bool:
    """Whether a just created cluster has a row by now.

    Raises:
        ApiError: 400, the row is there and its node groups are not.
    """
    if cluster["reads"] >= 2 or time.monotonic() - cluster["asked_monotonic_s"] > _BIRTH_S:
        return True
    cluster["reads"] += 1
    if cluster["reads"] == 1:
        return False
    words = "Invalid input for field/attribute master_count. Value: 'None'. unable to convert to int"
    raise ApiError(400, words)


def _one(call: Call, ident: str) -> Resource:
    cluster = call.cloud.store.find("cluster", ident, project_id=call.project_id)
    if not _born(cluster):
        raise NotFoundError("cluster", ident)
    return cluster


def _cluster(call: Call) -> Answer:
    cluster = _one(call, call.path["id"])
    faults = {"faults": cluster["faults"]} if cluster["status"].endswith("_FAILED") else {}
    return _shown(call, cluster) | faults


def _visible_clusters(call: Call) -> list[Resource]:
    _microversion(call.request)
    return [c for c in page(call.cloud.store.list("cluster", project_id=call.project_id), call.query) if _born(c)]


def _clusters(call: Call) -> Answer:
    shown = [_shown(call, cluster) for cluster in _visible_clusters(call)]
    kept = {*_LISTED, "stack_id", "cluster_id"}
    return {"clusters": [{field: value for field, value in cluster.items() if field in kept} for cluster in shown]}


def _clusters_in_detail(call: Call) -> Answer:
    return {"clusters": [_shown(call, cluster) for cluster in _visible_clusters(call)]}


def _create(call: Call) -> Answer:
    version = _microversion(call.request)
    wanted = _checked(call.body or {})
    try:
        template = call.cloud.store.find("template", wanted["cluster_template_id"], project_id=call.project_id)
    except NotFoundError as error:
        status = 404 if version >= (1, 10) else 400
        raise ApiError(status, f"ClusterTemplate {error.ident} could not be found.") from error
    if version < (1, 10) and wanted["node_count"] == 0:
        raise ApiError(400, "Resizing a nodegroup to zero is not supported in the provided microversion.")
    if wanted["master_count"] % 2 == 0:
        count = wanted["master_count"]
        raise ApiError(400, f"master nodegroup size of {count} is invalid, size cannot be an even number.")
    if len(call.cloud.store.list("cluster", project_id=call.project_id)) >= _cluster_limit(call.cloud):
        words = f"You have reached the maximum clusters per project, {_cluster_limit(call.cloud)}."
        raise ApiError(403, f"Resource limit exceeded: {words} You may delete a cluster to make room for a new one.")
    for field in _FROM_TEMPLATE:
        wanted[field] = wanted.get(field) or template[field]
    wanted["keypair"] = wanted.get("keypair") or template["keypair_id"]
    wanted["labels"] = _labels(wanted, template)
    _check_resources(call, wanted)
    cluster = call.cloud.clusters.create(
        template, project_id=call.project_id, user_id=call.request_token["user_id"], reads=0, wanted=wanted
    )
    return 202, {"uuid": cluster["id"]}


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body's fields with Magnum's defaults, of the right types.

    Raises:
        ApiError: 400, in Magnum's words.
    """
    for field, value in body.items():
        if field not in _TEXTS | _OTHERS | set(_INTEGERS):
            raise ApiError(400, f"Unknown attribute for argument cluster: {field}")
        if field in _INTEGERS and value is not None:
            try:
                number = int(value)
            except (TypeError, ValueError) as error:
                words = f"Invalid input for field/attribute cluster. Value: '{body}'. {error}"
                raise ApiError(400, words) from error
            if number < _INTEGERS[field]:
                least = f"Value should be greater or equal to {_INTEGERS[field]}"
                raise ApiError(400, f"Invalid input for field/attribute {field}. Value: '{value}'. {least}")
    if "cluster_template_id" not in body:
        words = "Mandatory field missing."
        raise ApiError(400, f"Invalid input for field/attribute cluster_template_id. Value: 'None'. {words}")
    name = body.get("name")
    pattern = "^[a-zA-Z][a-zA-Z0-9_.-]*$"
    if name is not None and not re.match(pattern, name):
        raise ApiError(
            400, f"Invalid input for field/attribute name. Value: '{name}'. Value should match the pattern {pattern}"
        )
    defaults = {"name": "zeta-22-cluster", "node_count": 1, "master_count": 1, "create_timeout": 60}
    return defaults | {field: value for field, value in body.items() if value is not None}


def _labels(wanted: dict[str, Any], template: Resource) -> dict[str, Any]:
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
    networks = store.list("network", project_id=call.project_id)
    if wanted["fixed_network"] not in {known for network in networks for known in (network["id"], network["name"])}:
        raise ApiError(400, f"Unable to find fixed network {wanted['fixed_network']}.")
    if not store.list("keypair", name=wanted["keypair"], user_id=call.request_token["user_id"]):
        raise ApiError(404, f"Unable to find keypair {wanted['keypair']}.")
    if wanted["master_count"] > 1 and not wanted["master_lb_enabled"]:
        raise ApiError(400, "master_count must be 1 when master_lb_enabled is False")


def _delete(call: Call) -> Answer:
    call.cloud.clusters.delete(call.cloud.store.find("cluster", call.path["id"], project_id=call.project_id))
    return 204, None


def _nodegroups(call: Call) -> Answer:
    cluster = _one(call, call.path["id"])
    groups = [("default-master", "master", "master"), ("default-worker", "worker", "node")]
    return {
        "nodegroups": [
            {
                "uuid": str(uuid.uuid5(uuid.UUID(cluster["id"]), name)),
                "name": name,
                "cluster_id": cluster["id"],
                "role": role,
                "node_count": cluster[f"{prefix}_count"],
                "node_addresses": cluster[f"{prefix}_addresses"],
                "flavor_id": cluster["master_flavor_id" if role == "master" else "flavor_id"],
                "status": cluster["status"],
                "status_reason": cluster["status_reason"],
                "is_default": True,
            }
            for name, role, prefix in groups
        ]
    }


def _ca_certificate(call: Call) -> Answer:
    cluster = _one(call, call.path["id"])
    return {"cluster_uuid": cluster["id"], "pem": _authority(cluster)[0].decode(), "csr": None, "links": []}


def _sign(call: Call) -> Answer:
    wanted = call.body or {}
    cluster = _one(call, str(wanted.get("cluster_uuid")))
    try:
        pem = sign(wanted.get("csr", ""), *_authority(cluster))
    except ValueError as error:
        raise ApiError(400, f"Invalid csr: {error}") from error
    return 201, {"cluster_uuid": cluster["id"], "pem": pem, "csr": wanted["csr"], "links": []}


def _authority(cluster: Resource) -> tuple[bytes, bytes]:
    if cluster["ca"] is None:
        raise ApiError(404, "A key pair None could not be found.")
    certificate, key = cluster["ca"]
    return certificate, key


def _cluster_limit(cloud: Cloud) -> int:
    return int(cloud.faults.settings.get("quota_cluster", CLUSTERS_MAX))


def _quota(call: Call) -> Answer:
    return {"hard_limit": _cluster_limit(call.cloud), "project_id": call.path["project_id"], "resource": "Cluster"}


def _stats(call: Call) -> Answer:
    clusters = call.cloud.store.list("cluster", project_id=call.project_id)
    return {"clusters": len(clusters), "nodes": sum(c["node_count"] + c["master_count"] for c in clusters)}


SERVICE = Service(
    name="magnum",
    prefix="container-infra",
    routes=[
        ("GET", "/", _versions, (200,)),
        ("GET", "/v1", _version, (200,)),
        ("GET", "/v1/", _version, (200,)),
        ("GET", "/v1/clustertemplates", _templates, (200,)),
        ("GET", "/v1/clustertemplates/detail", _templates, (200,)),
        ("GET", "/v1/clustertemplates/{id}", _template, (200, 404)),
        ("GET", "/v1/clusters", _clusters, (200, 400, 406)),
        ("GET", "/v1/clusters/detail", _clusters_in_detail, (200, 400, 406)),
        ("POST", "/v1/clusters", _create, (202, 400, 403, 404, 409)),
        ("GET", "/v1/clusters/{id}", _cluster, (200, 400, 404, 406, 409)),
        ("DELETE", "/v1/clusters/{id}", _delete, (204, 404, 409)),
        ("GET", "/v1/clusters/{id}/nodegroups", _nodegroups, (200, 404)),
        ("GET", "/v1/certificates/{id}", _ca_certificate, (200, 404)),
        ("POST", "/v1/certificates", _sign, (201, 400, 403, 404, 409)),
        ("GET", "/v1/quotas/{project_id}/{resource}", _quota, (200, 404)),
        ("GET", "/v1/stats", _stats, (200,)),
    ],
    render=_render,
    public=frozenset({"/", "/v1", "/v1/"}),
    headers=_version_headers,
    not_found={
        "cluster": ("Cluster {} could not be found.", ""),
        "template": ("ClusterTemplate {} could not be found.", ""),
    },
)
