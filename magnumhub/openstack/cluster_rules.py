"""What Magnum's words mean, and what it is asked for: decided from plain values (pure).

Templates and clusters are taken as Magnum's own dictionaries, since older and newer Magnums fill them differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from magnumhub.domain.needs import is_unused_twin
from magnumhub.domain.plan import Change
from magnumhub.domain.spec import OUR_LABEL, Site
from magnumhub.domain.templates import Driver, kubernetes_version_of

Verdict = Literal["ready", "building", "failed", "leaving"]

_HEAT_DISTROS = frozenset({"fedora-coreos", "fedora-atomic", "coreos"})
_CAPI_DISTROS = frozenset({"ubuntu", "flatcar", "rockylinux"})


def template_driver(template: Mapping[str, Any]) -> Driver | None:
    """Tell the two kinds of cloud apart by what a template says; None when it says nothing.

    Source: driver names and entry points of magnum (k8s_fedora_coreos_v1), magnum-capi-helm (k8s_capi_helm_v1) and
    magnum-cluster-api (k8s_cluster_api_ubuntu, …); older Magnums have no `driver`, then the distribution tells.
    """
    driver = template.get("driver") or ""
    labels = template.get("labels") or {}
    distro = template.get("cluster_distro") or ""
    if "capi" in driver or "cluster_api" in driver or any(key.startswith("capi_") for key in labels):
        return "capi"
    if "coreos" in driver or "fedora" in driver or distro in _HEAT_DISTROS:
        return "heat"
    return "capi" if distro in _CAPI_DISTROS else None


def cluster_driver(cluster: Mapping[str, Any], template: Driver | None) -> Driver:
    """Tell the kind of a cluster: addresses of masters exist with Heat only, once the cluster is complete.

    Args:
        template: what its template says; None where that says nothing, or is gone.
    """
    if cluster.get("master_addresses"):
        return "heat"
    if cluster.get("status") == "CREATE_COMPLETE" and cluster.get("api_address"):
        return "capi"
    return template or template_driver({"labels": cluster.get("labels")}) or "heat"


def kubernetes_version(cluster: Mapping[str, Any]) -> str | None:
    """The Kubernetes version that a cluster states, as 1.31.1; None = unknown yet."""
    return kubernetes_version_of(cluster.get("coe_version") or "", {}) or kubernetes_version_of(
        "", cluster.get("labels") or {}
    )


def judge(status: str | None) -> Verdict:
    """What a cluster's status means for the runbook.

    A failed update leaves a cluster that was complete: whether it is usable, Kubernetes has to say.
    """
    words = status or ""
    if words.startswith("DELETE_"):
        return "leaving"
    if words.startswith("CREATE_"):
        return {"CREATE_COMPLETE": "ready", "CREATE_FAILED": "failed"}.get(words, "building")  # type: ignore[return-value]
    return "building" if words.endswith("_IN_PROGRESS") or not words else "ready"


def create_request(site: Site, *, template: str, driver: Driver) -> dict[str, Any]:
    """What Magnum is asked for: the site's cluster, labelled as ours.

    Cluster API drivers ignore docker_volume_size or fail on it; their servers' disk is the label boot_volume_size.
    """
    spec = site.cluster
    labels = labels_asked(site, driver)
    request: dict[str, Any] = {
        "name": site.name,
        "cluster_template_id": template,
        "keypair": spec.keypair,
        "master_count": spec.master_count,
        "node_count": spec.node_count,
        "create_timeout": spec.create_timeout_min,
        "labels": labels,
        "merge_labels": True,
    }
    if driver == "heat":
        request["docker_volume_size"] = spec.docker_volume_size_gib
    if spec.node_flavor is not None:
        request["flavor_id"] = spec.node_flavor
    return request


def labels_asked(site: Site, driver: Driver) -> dict[str, str]:
    """The labels that the site's cluster has to carry over its template's."""
    disk = {"boot_volume_size": str(site.cluster.docker_volume_size_gib)} if driver == "capi" else {}
    return {**disk, **site.cluster.magnum_labels(), OUR_LABEL: site.name}


class _Differing(NamedTuple):
    asked: str
    value: Any
    reported: Any


def differences(site: Site, cluster: Mapping[str, Any], driver: Driver) -> list[str]:
    """What Magnum reports of a cluster that is not what the site asks for, in words."""
    return [f"{what.asked} is {what.reported}, not {what.value}" for what in _differing(site, cluster, driver)]


def _differing(site: Site, cluster: Mapping[str, Any], driver: Driver) -> Iterator[_Differing]:
    spec = site.cluster
    asked: dict[str, Any] = {"node_count": spec.node_count, "master_count": spec.master_count}
    if driver == "heat":
        asked["docker_volume_size"] = spec.docker_volume_size_gib
    if cluster.get("keypair"):
        asked["keypair"] = spec.keypair
    if cluster.get("flavor_id") and spec.node_flavor is not None:
        asked["flavor_id"] = spec.node_flavor
    reported: dict[str, Any] = {key: cluster.get(key) for key in asked}
    for key, value in labels_asked(site, driver).items():
        asked[f"label {key}"] = value
        reported[f"label {key}"] = (cluster.get("labels") or {}).get(key)
    for key, value in asked.items():
        if reported[key] != value:
            yield _Differing(key, value, reported[key])


def fixed_differences(
    site: Site, cluster: Mapping[str, Any], driver: Driver, *, template: Sequence[str] = ()
) -> list[Change]:
    """What the site asks of the cluster and cannot get any more: said in rows of the plan, and never attempted.

    Magnum changes nothing of a cluster but its number of nodes ("cannot change cluster property(ies)"), and an upgrade
    to another template is refused by its Heat driver.
    Source: validate_cluster_properties and FedoraKubernetesDriver.upgrade_cluster of magnum.

    Args:
        template: uuid and name of the one that the cluster was made from; empty where it is gone.
    """
    differing = [what for what in _differing(site, cluster, driver) if what.asked != "node_count"]
    if template and site.cluster.template not in ("latest", *template):
        differing.append(_Differing("template", site.cluster.template, template[-1]))
    return [
        Change(
            resource=f"cluster {site.name}: {what.asked}",
            action="keep",
            reason=f"the site asks for {what.value}, the cluster has {what.reported}: this cannot be changed in place;"
            " teardown and provision, or set the file back",
        )
        for what in differing
    ]


def is_written(cluster: Mapping[str, Any]) -> bool:
    """Whether Magnum has written all of a new cluster: its node groups come one after the other, 0 nodes meanwhile."""
    return bool(cluster.get("node_count") and cluster.get("master_count"))


def is_ours(cluster: Mapping[str, Any], site: str) -> bool:
    """Whether a cluster of that name carries the site's label."""
    return bool((cluster.get("labels") or {}).get(OUR_LABEL) == site)


def elder(clusters: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one of several clusters that stays; every first run must name the same, so the order is total."""
    return min(clusters, key=lambda cluster: (cluster.get("created_at") or "~", cluster["uuid"]), default=None)


def unused_twins(clusters: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of several clusters of a site those that need not stay: younger than the elder, and never complete."""
    stays = elder(clusters)
    return [cluster for cluster in clusters if cluster is not stays and is_unused_twin(cluster.get("status"))]


def faults_of(cluster: Mapping[str, Any]) -> list[str]:
    """Magnum's own account of a failure: its reason, and one line for each thing that failed."""
    faults = cluster.get("faults") or {}
    reason = [cluster["status_reason"]] if cluster.get("status_reason") else []
    return reason + [f"{name}: {fault}" for name, fault in faults.items() if fault and fault not in reason]


def remedy_for(reason: str) -> str:
    """What to do about a failed creation, from the reason's own words."""
    return f"{cause_remedy(reason)}; then run again with --replace-failed, which deletes the failed cluster first"


def cause_remedy(reason: str) -> str:
    """What to do about what Magnum could not do, from the reason's own words."""
    words = reason.lower()
    if "quota" in words:
        return "free room in the project or ask the cloud for a higher quota"
    if "no valid host" in words:
        return "the cloud has no room for these flavors now: ask its support, or choose a smaller node_flavor"
    if "trust" in words or "application credential" in words:
        return "use an application credential made with --unrestricted, or a password"
    if "timeout" in words or "timed out" in words:
        return "see the cloud's console of the servers; a longer cluster.create_timeout_min may help"
    return "ask the cloud's support with this reason"


ResizeStep = Literal["ask", "wait", "done", "failed", "leaving"]


def resize_step(seen: Mapping[str, Any], node_count: int, before: Mapping[str, Any] | None = None) -> ResizeStep:
    """What is to be done so that a cluster comes to have that many nodes.

    Magnum answers a resize at once and works on it afterwards; it writes the number first, and says that it is at work
    after its driver was told. So a number and a status that were there before say nothing about this request: only a
    cluster that was written to since does.
    Source: cluster_resize in magnum/conductor/handlers/cluster_conductor.py, which also allows UPDATE_FAILED.

    Args:
        seen: the cluster, as Magnum tells it now.
        before: as it was told before this run asked; None: this run has not asked.
    """
    verdict, status = judge(seen.get("status")), seen.get("status")
    if verdict == "leaving" or verdict == "failed":
        return verdict
    if verdict == "building":
        return "wait"
    has = seen.get("node_count") == node_count
    if before is None:
        return "done" if has and status != "UPDATE_FAILED" else "ask"
    is_written_to = any(seen.get(field) != before.get(field) for field in ("status", "updated_at"))
    if not is_written_to:
        return "wait"
    if status == "UPDATE_FAILED":
        return "failed"
    if has:
        return "done"
    return "wait" if status == before.get("status") else "failed"  # its monitor writes too, once a minute


def server_pattern(cluster_name: str, kind: Literal["master", "node", "master|node"]) -> re.Pattern[str]:
    """How Magnum's Heat driver names servers: the name's first 30 characters, a random part, the kind, a number."""
    stem = re.escape(re.sub(r"[_.]", "-", cluster_name[:30]).lower())
    return re.compile(rf"^{stem}-[a-z0-9]{{12}}-(?:{kind})-(\d+)$")
