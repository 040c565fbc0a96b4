"""Contradictions: what no single field of a site file can tell.

Each rule names the parts of the site it looks at as its parameters and is asked as soon as those are right, so that a
contradiction is told in the same go as a typing error elsewhere in the file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from magnumhub.domain.errors import Problem
from magnumhub.domain.spec import (
    OUR_LABEL,
    AccessSpec,
    ClusterSpec,
    DaskGatewaySpec,
    EphemeralStorage,
    GithubAuth,
    HealthSpec,
    HelmSpec,
    HttpsOff,
    ImageSpec,
    JupyterHubSpec,
    LimitsSpec,
    NetworkSpec,
    OidcAuth,
    StorageSpec,
)
from magnumhub.domain.spec_values import raw_value_problems
from magnumhub.domain.values import value_at

MOST_CHUNKS = 250_000
"""More tasks than this keep a Dask scheduler busy for longer than any sensible limit (about 200 us a task)."""

_FLOAT64_BYTES = 8
_GIB = 2**30

Rule = Callable[..., Iterator[Problem]]


def contradictions(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Every contradiction that can be told from these parts of a site.

    Args:
        parts: top-level key to its validated value; parts that are wrong by themselves are left out.
    """
    for rule in _RULES:
        names = list(inspect.signature(rule).parameters)
        if all(name in parts for name in names):
            yield from rule(*(parts[name] for name in names))


def _masters_are_odd(cluster: ClusterSpec) -> Iterator[Problem]:
    if cluster.master_count % 2 == 0:
        yield Problem("cluster.master_count", str(cluster.master_count), "an odd number: etcd needs a majority")


def _our_label_is_ours(cluster: ClusterSpec) -> Iterator[Problem]:
    if OUR_LABEL in cluster.labels:
        yield Problem(f"cluster.labels.{OUR_LABEL}", "a value", "no such label: it marks whose the cluster is")


def _storage_needs_cinder(cluster: ClusterSpec, storage: StorageSpec) -> Iterator[Problem]:
    wanted = cluster.magnum_labels().get("cinder_csi_enabled")
    if storage.kind == "dynamic" and storage.storage_class == "default" and wanted == "false":
        yield Problem(
            "cluster.labels.cinder_csi_enabled",
            "false, with storage.kind dynamic",
            "true, or the name of another StorageClass in storage.class, or storage: {kind: ephemeral}",
        )


def _hub_has_an_address(network: NetworkSpec) -> Iterator[Problem]:
    if network.floating_ips.jupyterhub == "none":
        yield Problem("network.floating_ips.jupyterhub", "none", "auto or an address: users must reach the hub")


def _addresses_differ(network: NetworkSpec) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for role, address in network.floating_ips:
        if address in seen and address not in ("auto", "none"):
            field = f"network.floating_ips.{role}"
            yield Problem(field, address, f"an address of its own: {seen[address]} has this one already")
        seen.setdefault(address, role)


def _asking_needs_somebody(network: NetworkSpec) -> Iterator[Problem]:
    if network.ingress.approval == "ask" and network.ingress.request_to is None:
        yield Problem("network.ingress.request_to", "nothing, with approval: ask", "whom to ask, or approval: open")


def _ssh_needs_a_way(network: NetworkSpec, access: AccessSpec) -> Iterator[Problem]:
    if access.via == "master" and network.floating_ips.master == "none" and access.jump_host is None:
        yield Problem(
            "network.floating_ips.master", "none, with access.via: master", "auto, an address, or an access.jump_host"
        )


def _no_ssh_no_address(network: NetworkSpec, access: AccessSpec) -> Iterator[Problem]:
    if access.via == "kubeconfig" and network.floating_ips.master not in ("auto", "none"):
        given = f"{network.floating_ips.master}, with access.via: kubeconfig"
        yield Problem("network.floating_ips.master", given, "none: nothing goes through the master then")


def _no_ssh_no_jump(access: AccessSpec) -> Iterator[Problem]:
    if access.via == "kubeconfig" and access.jump_host is not None:
        yield Problem("access.jump_host", "a host, with access.via: kubeconfig", "null: a jump host is for ssh only")


def _no_ssh_no_helm_on_the_master(access: AccessSpec, helm: HelmSpec) -> Iterator[Problem]:
    if access.via == "kubeconfig" and helm.run_on == "master":
        yield Problem("helm.run_on", "master, with access.via: kubeconfig", "auto or runner")


def _downloads_are_pinned(access: AccessSpec, helm: HelmSpec) -> Iterator[Problem]:
    on_the_runner = helm.run_on == "runner" or access.via == "kubeconfig"
    if helm.source == "download" and helm.sha256 is None and not (on_the_runner and helm.path):
        yield Problem(
            "helm.sha256",
            "nothing, with helm.source: download",
            f"the SHA-256 that https://get.helm.sh/helm-v{helm.version}-linux-amd64.tar.gz.sha256sum says",
        )


def _a_path_is_used(helm: HelmSpec) -> Iterator[Problem]:
    if helm.path and helm.source == "download" and helm.run_on == "master":
        yield Problem("helm.path", f"{helm.path!r}, with source: download on the master", "null, or source: upload")


def _images_have_one_tag(image: ImageSpec) -> Iterator[Problem]:
    if image.tag == "latest":
        yield Problem("image.tag", "'latest'", "a tag that never moves, or notebooks and workers drift apart")


def _https_needs_a_name(jupyterhub: JupyterHubSpec) -> Iterator[Problem]:
    if not isinstance(jupyterhub.https, HttpsOff) and jupyterhub.hostname is None:
        yield Problem(
            "jupyterhub.hostname",
            f"null, with https kind {jupyterhub.https.kind}",
            "the host name of the certificate, or https: {kind: off}",
        )


def _public_names_only(jupyterhub: JupyterHubSpec) -> Iterator[Problem]:
    hostname = jupyterhub.hostname or ""
    if jupyterhub.https.kind == "letsencrypt" and hostname.endswith((".local", ".internal", ".lan", ".test")):
        yield Problem(
            "jupyterhub.hostname", hostname, "a public name: Let's Encrypt must reach it; or https kind secret"
        )


def _somebody_may_log_in(jupyterhub: JupyterHubSpec) -> Iterator[Problem]:
    auth = jupyterhub.auth
    organizations = auth.allowed_organizations if isinstance(auth, GithubAuth) else ()
    if not auth.allow and not auth.admins and not organizations:
        more = ", or allowed_organizations" if isinstance(auth, GithubAuth) else ""
        yield Problem("jupyterhub.auth.allow", "nobody", f"all, or at least one name{more}")
    if auth.allow == "all" and organizations:
        yield Problem(
            "jupyterhub.auth.allow", "all, with allowed_organizations", "either: all lets everybody with an account in"
        )


def _openid_is_asked_for(jupyterhub: JupyterHubSpec) -> Iterator[Problem]:
    if isinstance(jupyterhub.auth, OidcAuth) and "openid" not in jupyterhub.auth.scope:
        yield Problem("jupyterhub.auth.scope", f"{list(jupyterhub.auth.scope)}", "openid among them")


def _namespaces_differ(jupyterhub: JupyterHubSpec, dask_gateway: DaskGatewaySpec) -> Iterator[Problem]:
    if jupyterhub.namespace == dask_gateway.namespace:
        yield Problem(
            "dask_gateway.namespace",
            dask_gateway.namespace,
            "another namespace than jupyterhub's: each has its own rules",
        )


def _namespaces_are_ours(jupyterhub: JupyterHubSpec, dask_gateway: DaskGatewaySpec) -> Iterator[Problem]:
    for part, namespace in (("jupyterhub", jupyterhub.namespace), ("dask_gateway", dask_gateway.namespace)):
        if namespace == "default" or namespace.startswith("kube-"):
            yield Problem(f"{part}.namespace", namespace, "a namespace of its own: it is removed with the site")


def _workers_fit(health: HealthSpec, dask_gateway: DaskGatewaySpec) -> Iterator[Problem]:
    most = dask_gateway.worker.per_cluster_max
    if health.workers > most:
        yield Problem("health.workers", str(health.workers), f"at most dask_gateway.worker.per_cluster_max, {most}")


def _chunks_fit(health: HealthSpec, dask_gateway: DaskGatewaySpec) -> Iterator[Problem]:
    if health.chunk > health.array_size:
        yield Problem("health.chunk", str(health.chunk), f"at most health.array_size, {health.array_size}")
        return
    chunk_gib = health.chunk**2 * _FLOAT64_BYTES / _GIB
    if chunk_gib > dask_gateway.worker.memory_gib:
        memory = f"dask_gateway.worker.memory_gib, {dask_gateway.worker.memory_gib:g}"
        yield Problem("health.chunk", f"{health.chunk}: {chunk_gib:.1f} GiB a chunk", f"chunks that fit into {memory}")
    chunks = (-(-health.array_size // health.chunk)) ** 2
    if chunks > MOST_CHUNKS:
        yield Problem(
            "health.chunk", f"{health.chunk}: {chunks} chunks", f"larger chunks: at most {MOST_CHUNKS} of them"
        )


def _waiting_is_not_idling(dask_gateway: DaskGatewaySpec, limits_s: LimitsSpec) -> Iterator[Problem]:
    if dask_gateway.idle_timeout_s <= limits_s.workers:
        yield Problem(
            "dask_gateway.idle_timeout_s",
            str(dask_gateway.idle_timeout_s),
            f"more than limits_s.workers, {limits_s.workers}: a Dask cluster that waits for workers is idle",
        )


def _storage_is_said_once(storage: StorageSpec, jupyterhub: JupyterHubSpec) -> Iterator[Problem]:
    kind = value_at(jupyterhub.values, "hub.db.type")
    if isinstance(storage, EphemeralStorage) and kind == "sqlite-pvc":
        yield Problem(
            "jupyterhub.values.hub.db.type", "sqlite-pvc, with storage.kind ephemeral", "storage: {kind: dynamic}"
        )


def _raw_values_agree(
    network: NetworkSpec, image: ImageSpec, jupyterhub: JupyterHubSpec, dask_gateway: DaskGatewaySpec
) -> Iterator[Problem]:
    yield from raw_value_problems(network.floating_ips, image, jupyterhub, dask_gateway)


_RULES: tuple[Rule, ...] = (
    _masters_are_odd,
    _our_label_is_ours,
    _storage_needs_cinder,
    _hub_has_an_address,
    _addresses_differ,
    _asking_needs_somebody,
    _ssh_needs_a_way,
    _no_ssh_no_address,
    _no_ssh_no_jump,
    _no_ssh_no_helm_on_the_master,
    _downloads_are_pinned,
    _a_path_is_used,
    _images_have_one_tag,
    _https_needs_a_name,
    _public_names_only,
    _somebody_may_log_in,
    _openid_is_asked_for,
    _namespaces_differ,
    _namespaces_are_ours,
    _workers_fit,
    _chunks_fit,
    _waiting_is_not_idling,
    _storage_is_said_once,
    _raw_values_agree,
)
