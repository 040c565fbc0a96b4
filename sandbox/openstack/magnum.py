"""Magnum's API: templates, clusters with their odd first second, certificates, quotas, statistics."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack import cluster_requests, keystone
from sandbox.openstack.certificates import sign
from sandbox.openstack.clusters import Clusters
from sandbox.openstack.microversions import UNSUPPORTED, from_version, microversion, version_headers, versioned
from sandbox.openstack.service import Answer, ApiError, Call, Handler, Service
from sandbox.store import NotFoundError, Resource

CLUSTERS_MAX = 20
# A cluster that was just asked for: the first read finds no row, the second one without node groups. Here it is always
# so, not a matter of luck as in a real cloud, where it lasts up to a second.
_BIRTH_S = 1.0
_LISTED = ("uuid", "name", "cluster_template_id", "keypair", "docker_volume_size", "labels", "node_count", "status")
_LISTED += ("master_flavor_id", "flavor_id", "create_timeout", "master_count", "health_status", "merge_labels", "links")
_PARTS = ("clustertemplates", "clusters", "quotas", "certificates", "mservices", "stats", "federations", "credentials")


def _render(error: ApiError) -> dict[str, Any]:
    if error.kind == UNSUPPORTED:
        return {"errors": [_UNSUPPORTED]}
    code = "client" if error.status < 500 else "server"
    shown = {
        "request_id": "",
        "code": code if error.message else "",
        "status": error.status,
        "title": error.message.split(".", 1)[0],
        "detail": error.message,
        "links": [],
    }
    return {"errors": [shown]}


_UNSUPPORTED = {
    "max_version": "1.14",
    "min_version": "1.1",
    "code": "magnum.microversion-unsupported",
    "title": "Requested microversion is unsupported",
    "links": [{"rel": "help", "href": "http://docs.openstack.org/api-guide/compute/microversions.html"}],
}


def _versions(call: Call) -> Answer:
    links = [{"rel": "self", "href": call.cloud.url("container-infra/v1/")}]
    version = {"id": "v1", "status": "CURRENT", "max_version": "1.14", "min_version": "1.1", "links": links}
    description = "Magnum is an OpenStack project which aims to provide container cluster management."
    return {"name": "OpenStack Magnum API", "description": description, "versions": [version]}


def _version(call: Call) -> Answer:
    page = "http://docs.openstack.org/developer/magnum/dev/api-spec-v1.html"
    links = [
        {"rel": "self", "href": call.cloud.url("container-infra/v1/")},
        {"rel": "describedby", "href": page, "type": "text/html"},
    ]
    media = {"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}
    parts = {part: _links(call, part, "") for part in _PARTS}
    parts["nodegroups"] = _links(call, "clusters/{cluster_id}", "nodegroups")
    return {"id": "v1", "media_types": [media], "links": links, **parts}


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


def _listing(
    call: Call, path: str, found: list[Resource], show: Callable[[Resource], dict[str, Any]]
) -> dict[str, Any]:
    """A list as `limit` and `marker` ask for it, with a link to the next where it is as long as was asked."""
    plural, _, _ = path.partition("/")
    kind = {"clusters": "cluster", "clustertemplates": "template"}[plural]
    options = dict(call.query)
    limit = _limit(options["limit"]) if "limit" in options else None
    if "marker" in options:
        last = call.cloud.store.get(kind, _uuid(options["marker"]), project_id=call.project_id)
        found = found[found.index(last) + 1 :]
    shown = [show(resource) for resource in found[:limit]]
    if not shown or len(shown) != limit:
        return {plural: shown}
    marker = f"?sort_key=id&sort_dir=asc&limit={limit}&marker={shown[-1]['uuid']}"
    return {plural: shown, "next": call.cloud.url(f"container-infra/v1/{path}{marker}")}


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError as error:
        words = f"Value: '{text}'. unable to convert to int. Error: {error}"
        raise ApiError(400, f"Invalid input for field/attribute limit. {words}") from error
    if limit <= 0:
        raise ApiError(400, "Limit must be positive")
    return limit


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        words = f"Value: '{text}'. unable to convert to uuid. Error: Expected a uuid but received {text}."
        raise ApiError(400, f"Invalid input for field/attribute marker. {words}") from error


def _templates(call: Call) -> Answer:
    found = call.cloud.store.list("template", project_id=call.project_id)
    return _listing(call, "clustertemplates", found, lambda template: _shown_template(call, template))


def _templates_in_detail(call: Call) -> Answer:
    found = call.cloud.store.list("template", project_id=call.project_id)
    return _listing(call, "clustertemplates/detail", found, lambda template: _shown_template(call, template))


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
    shown["cluster_id" if microversion(call.request) >= (1, 13) else "stack_id"] = cluster["stack_id"]
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
    words = "Invalid input for field/attribute master_count. Value: '0'. Value should be greater or equal to 1"
    raise ApiError(400, words)


def _one(call: Call, ident: str) -> Resource:
    """A cluster whose row is there; half of it is enough for all but showing it."""
    cluster = call.cloud.store.find("cluster", ident, project_id=call.project_id)
    if cluster["reads"] == 0 and time.monotonic() - cluster["asked_monotonic_s"] <= _BIRTH_S:
        raise NotFoundError("cluster", ident)
    return cluster


def _cluster(call: Call) -> Answer:
    cluster = call.cloud.store.find("cluster", call.path["id"], project_id=call.project_id)
    if not _born(cluster):
        raise NotFoundError("cluster", call.path["id"])
    faults = {"faults": cluster["faults"]} if cluster["status"].endswith("_FAILED") else {}
    return _shown(call, cluster) | faults


def _clusters(call: Call) -> Answer:
    kept = {*_LISTED, "stack_id", "cluster_id"}

    def show(cluster: Resource) -> dict[str, Any]:
        return {field: value for field, value in _shown(call, cluster).items() if field in kept}

    return _listing(call, "clusters", _born_clusters(call), show)


def _clusters_in_detail(call: Call) -> Answer:
    return _listing(call, "clusters/detail", _born_clusters(call), lambda cluster: _shown(call, cluster))


def _born_clusters(call: Call) -> list[Resource]:
    return [cluster for cluster in call.cloud.store.list("cluster", project_id=call.project_id) if _born(cluster)]


def _create(call: Call) -> Answer:
    wanted = cluster_requests.checked(call.body)
    template = cluster_requests.find_template(call, wanted, microversion(call.request))
    limit = _cluster_limit(call.cloud)
    if len(call.cloud.store.list("cluster", project_id=call.project_id)) >= limit:
        words = f"You have reached the maximum clusters per project, {limit}."
        raise ApiError(403, f"Resource limit exceeded: {words} You may delete a cluster to make room for a new one.")
    cluster = call.cloud.clusters.create(
        template,
        project_id=call.project_id,
        user_id=call.request_token["user_id"],
        reads=0,
        may_delegate=keystone.may_delegate(call.cloud, call.request_token),
        wanted=cluster_requests.completed(call, wanted, template),
    )
    return 202, {"uuid": cluster["id"]}


def _delete(call: Call) -> Answer:
    call.cloud.clusters.delete(call.cloud.store.find("cluster", call.path["id"], project_id=call.project_id))
    return 204, None


def _resize(call: Call) -> Answer:
    from_version(call.request, (1, 7))
    wanted = cluster_requests.checked_resize(call.body, microversion(call.request))
    cluster = _one(call, call.path["id"])
    call.cloud.clusters.resize(cluster, wanted["node_count"], wanted["nodes_to_remove"])
    return 202, {"uuid": cluster["id"]}


def _nodegroups(call: Call) -> Answer:
    from_version(call.request, (1, 9))
    cluster = _one(call, call.path["id"])
    template = call.cloud.store.get("template", cluster["cluster_template_id"])
    groups = [("default-master", "master", "master"), ("default-worker", "worker", "node")]
    usual = {"min_node_count": 0, "max_node_count": None, "is_default": True, "merge_labels": False}
    return {
        "nodegroups": [
            {
                "uuid": str(uuid.uuid5(uuid.UUID(cluster["id"]), name)),
                "name": name,
                "role": role,
                "node_count": cluster[f"{prefix}_count"],
                "flavor_id": cluster["master_flavor_id" if role == "master" else "flavor_id"],
                "image_id": template["image_id"],
                "stack_id": cluster["stack_id"],
                "status": cluster["status"],
                **usual,
            }
            for name, role, prefix in groups
        ]
    }


def _ca_certificate(call: Call) -> Answer:
    cluster = _one(call, call.path["id"])
    pem = _authority(cluster)[0].decode().strip()
    return {"cluster_uuid": cluster["id"], "pem": pem, "links": _links(call, "certificates", cluster["id"])}


def _sign(call: Call) -> Answer:
    wanted = call.body
    if not isinstance(wanted, dict):
        raise ApiError(400, 'Missing argument: "certificate"')
    try:
        cluster = _one(call, wanted.get("cluster_uuid", "Unset"))
    except NotFoundError as error:
        raise ApiError(
            400 if "cluster_uuid" in wanted else 404, f"Cluster {error.ident} could not be found."
        ) from error
    csr = str(wanted.get("csr"))
    authority = _authority(cluster)
    try:
        pem = sign(csr, *authority).strip()
    except ValueError as error:
        raise ApiError(400, f"Received invalid csr {csr.encode()!r}.") from error
    links = _links(call, "certificates", cluster["id"])
    return 201, {"cluster_uuid": cluster["id"], "pem": pem, "csr": csr, "links": links}


def _authority(cluster: Resource) -> tuple[bytes, bytes]:
    if cluster["ca"] is None:
        raise ApiError(404, "A key pair None could not be found.")
    certificate, key = cluster["ca"]
    return certificate, key


def _cluster_limit(cloud: Cloud) -> int:
    return int(cloud.faults.settings.get("quota_cluster", CLUSTERS_MAX))


def _quota(call: Call) -> Answer:
    _own_project(call, call.path["project_id"])
    return {"hard_limit": _cluster_limit(call.cloud), "project_id": call.project_id, "resource": "Cluster"}


def _stats(call: Call) -> Answer:
    _own_project(call, dict(call.query).get("project_id", call.project_id))
    clusters = call.cloud.store.list("cluster", project_id=call.project_id)
    return {"clusters": len(clusters), "nodes": sum(c["node_count"] + c["master_count"] for c in clusters)}


def _elsewhere(call: Call, status: int) -> Answer:
    """The framework below refuses it, without words."""
    raise ApiError(status, "")


def _own_project(call: Call, project_id: str) -> None:
    if project_id != call.project_id:
        raise ApiError(403, "Not authorized.")


_V1: list[tuple[str, str, Handler, tuple[int, ...]]] = [
    ("GET", "", _version, (200,)),
    ("GET", "/", _version, (200,)),
    ("GET", "/clustertemplates", _templates, (200, 400, 404)),
    ("GET", "/clustertemplates/detail", _templates_in_detail, (200, 400, 404)),
    ("GET", "/clustertemplates/{id}", _template, (200, 404)),
    ("GET", "/clusters", _clusters, (200, 400, 404)),
    ("GET", "/clusters/detail", _clusters_in_detail, (200, 400, 404)),
    ("POST", "/clusters", _create, (202, 400, 403, 404)),
    ("GET", "/clusters/{id}", _cluster, (200, 400, 404, 409)),
    ("DELETE", "/clusters/{id}", _delete, (204, 404, 409)),
    ("POST", "/clusters/{id}/actions/resize", _resize, (202, 400, 404, 409)),
    ("GET", "/clusters/{id}/nodegroups", _nodegroups, (200, 404, 409)),
    ("GET", "/certificates/{id}", _ca_certificate, (200, 404, 409)),
    ("POST", "/certificates", _sign, (201, 400, 404, 409)),
    ("GET", "/quotas/{project_id}/{resource}", _quota, (200, 403)),
    ("GET", "/stats", _stats, (200, 403)),
]

SERVICE = Service(
    name="magnum",
    prefix="container-infra",
    routes=[
        ("GET", "/", _versions, (200,)),
        *((method, f"/v1{path}", versioned(handler), (*statuses, 406)) for method, path, handler, statuses in _V1),
    ],
    render=_render,
    public=frozenset({"/", "/v1", "/v1/"}),
    headers=version_headers,
    elsewhere=(_elsewhere, (404, 405)),
    malformed="Request is not in valid JSON format",
    not_found={
        "cluster": ("Cluster {} could not be found.", ""),
        "template": ("ClusterTemplate {} could not be found.", ""),
    },
)
