"""What a cloud has to say about a site, in seconds and without changing anything: the facts that preflight judges.

Each thing is looked at on its own and beside the others. What cannot be seen (a service that the catalog lacks, a
policy that says no) is remembered with the reason, and never an error: the judge calls it unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.errors import MagnumhubError, TransientError
from magnumhub.domain.facts import (
    AddressFacts,
    CloudFacts,
    ClusterFacts,
    Credential,
    Flavor,
    Named,
    ProjectFacts,
    Quota,
    QuotaFacts,
)
from magnumhub.domain.templates import Template, kubernetes_version_of
from magnumhub.openstack import floating_ips
from magnumhub.openstack.addresses import precedence
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.cluster_rules import template_driver

_AT_ONCE = 8
_QUOTAS = "quotas of "
_BALANCER = "load balancer "

Look = Callable[[], Any]


def survey(conn: Connection, magnum: MagnumClient, *, cluster_name: str) -> CloudFacts:
    """Look at the project: credential, catalog, quotas, templates, keypairs, networks, flavors, addresses, clusters.

    Safe to repeat: reads only, and is never cached.

    Args:
        cluster_name: the site's name; clusters of other names are not looked at.

    Raises:
        TransientError: a service that every site needs does not answer.
    """
    with translated("reading what the credential may do"):
        access = conn.session.auth.get_access(conn.session)
        services = access.service_catalog.get_endpoints(region_name=conn.config.get_region_name())
    project = ProjectFacts(id=access.project_id, name=access.project_name)
    needed = {**_looks(conn, magnum, cluster_name), **_needed_quotas(conn, magnum, project.id)}
    seen, unseen = _asked(conn, needed, _other_quotas(conn, project.id))
    return CloudFacts(
        project=project,
        services=tuple(sorted(services)),
        quotas=_quotas_of(seen),
        unseen=unseen,
        **{what: answer for what, answer in seen.items() if what in CloudFacts.model_fields},
    )


def survey_quotas(conn: Connection, magnum: MagnumClient) -> QuotaFacts:
    """Look at the project's quotas and at nothing else.

    Safe to repeat: reads only, and is never cached.

    Raises:
        TransientError: Magnum, Neutron or Nova does not answer.
    """
    with translated("reading which project this is"):
        project_id = str(conn.current_project_id)
    seen, unseen = _asked(conn, _needed_quotas(conn, magnum, project_id), _other_quotas(conn, project_id))
    return QuotaFacts(quotas=_quotas_of(seen), unseen=unseen)


def _asked(
    conn: Connection, needed: Mapping[str, Look], others: Mapping[str, tuple[str, Look]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What was seen, and what was not with the reason; all at the same time.

    Args:
        others: of services that not every cloud has: those that the catalog lacks are not asked.
    """
    looks = dict(needed) | {what: look for what, (service, look) in others.items() if conn.has_service(service)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(looks, pool.map(_try, looks.items()), strict=True))
    for what in needed:
        if isinstance(answers[what], TransientError):
            raise answers[what]
    seen = {what: answer for what, answer in answers.items() if not isinstance(answer, MagnumhubError)}
    unseen = {what: "the catalog has no such service" for what in others if what not in looks}
    return seen, unseen | {what: answer.message for what, answer in answers.items() if what not in seen}


def _quotas_of(seen: Mapping[str, Any]) -> dict[str, Quota]:
    return {key: quota for what in seen if what.startswith(_QUOTAS) for key, quota in seen[what].items()}


def _looks(conn: Connection, magnum: MagnumClient, cluster_name: str) -> dict[str, Look]:
    """By the fields of CloudFacts."""
    return {
        "credential": lambda: credential_of(own_token(conn)),
        "templates": lambda: _templates(magnum),
        "keypairs": lambda: tuple(keypair.name for keypair in conn.compute.keypairs()),
        "external_networks": lambda: _external_networks(conn),
        "flavors": lambda: _flavors(conn),
        "floating_ips": lambda: addresses_of(conn),
        "magnum_clusters": lambda: clusters_named(magnum, cluster_name),
    }


def _needed_quotas(conn: Connection, magnum: MagnumClient, project_id: str) -> dict[str, Look]:
    return {
        f"{_QUOTAS}Magnum": lambda: _magnum_quota(magnum, project_id),
        f"{_QUOTAS}Neutron": lambda: _network_quota(conn, project_id),
        f"{_QUOTAS}Nova": lambda: _compute_quota(conn),
    }


def _other_quotas(conn: Connection, project_id: str) -> dict[str, tuple[str, Look]]:
    """Of services that not every cloud has: the service's type, and how to look."""
    return {
        f"{_QUOTAS}Cinder": ("block-storage", lambda: _volume_quota(conn)),
        f"{_QUOTAS}Octavia": ("load-balancer", lambda: _load_balancer_quota(conn, project_id)),
    }


def _try(look: tuple[str, Look]) -> Any:
    what, ask = look
    try:
        with translated(f"looking at {what}"):
            return ask()
    except MagnumhubError as error:
        return error


def own_token(conn: Connection) -> dict[str, Any]:
    """What Keystone says of the token that this connection uses.

    Safe to repeat: reads only.
    """
    token = conn.session.get_token()
    answer = conn.identity.get("/auth/tokens", headers={"X-Subject-Token": token})
    answer.raise_for_status()
    return dict(answer.json()["token"])


def credential_of(token: Mapping[str, Any]) -> Credential:
    """What a token says of the credential it was made from.

    A restricted application credential may not make trusts, which Magnum needs for each cluster.
    Source: `application_credential.restricted` in Keystone 30's answer to GET /v3/auth/tokens.
    """
    known = {"password": "password", "application_credential": "application_credential", "token": "token"}
    kind = next((known[method] for method in token.get("methods", ()) if method in known), "other")
    restricted = (token.get("application_credential") or {}).get("restricted")
    return Credential(
        kind=kind,  # type: ignore[arg-type]
        unrestricted=None if restricted is None else not restricted,
        roles=tuple(role["name"] for role in token.get("roles", ())),
        expires_at=token.get("expires_at"),
    )


def _templates(magnum: MagnumClient) -> tuple[Template, ...]:
    return tuple(template_of(template.to_dict()) for template in magnum.cluster_templates.list(detail=True))


def template_of(template: Mapping[str, Any]) -> Template:
    """A template as Magnum shows it, in our words."""
    labels = template.get("labels") or {}
    return Template(
        uuid=template["uuid"],
        name=template["name"],
        created_at=template.get("created_at") or "",
        kubernetes_version=kubernetes_version_of(template["name"], labels),
        labels=labels,
        driver=template_driver(template),
        floating_ip_enabled=template.get("floating_ip_enabled"),
        master_lb_enabled=template.get("master_lb_enabled"),
        flavor=template.get("flavor_id"),
        master_flavor=template.get("master_flavor_id"),
        external_network=template.get("external_network_id"),
        docker_volume_size_gib=template.get("docker_volume_size"),
        hidden=bool(template.get("hidden")),
    )


def _external_networks(conn: Connection) -> tuple[Named, ...]:
    return tuple(Named(id=n.id, name=n.name) for n in conn.network.networks(is_router_external=True))


def _flavors(conn: Connection) -> tuple[Flavor, ...]:
    return tuple(
        Flavor(id=f.id, name=f.name, vcpus=f.vcpus, ram_mib=f.ram, disk_gib=f.disk) for f in conn.compute.flavors()
    )


def addresses_of(conn: Connection) -> tuple[AddressFacts, ...]:
    """Every floating IP of the project, with what it serves and what its mark says; of one role first which counts."""
    seen = sorted(floating_ips.observe(conn), key=precedence)
    names = _balancer_names(conn) if any(_balancer_id(ip.serves) for ip in seen) else {}
    return tuple(
        AddressFacts(
            id=ip.id,
            address=ip.address,
            port_id=ip.port_id,
            serves=f"{_BALANCER}{name}" if (name := names.get(_balancer_id(ip.serves))) else ip.serves,
            status=ip.status,
            description=ip.description,
            tags=ip.tags,
            site=ip.mark.site if ip.mark else None,
            role=ip.mark.role if ip.mark else None,
        )
        for ip in seen
    )


def _balancer_id(serves: str | None) -> str:
    return serves.removeprefix(_BALANCER) if serves and serves.startswith(_BALANCER) else ""


def _balancer_names(conn: Connection) -> dict[str, str]:
    """Neutron knows the port of a load balancer by its id; the name, which Octavia has, says whose it is."""
    try:
        with translated("listing load balancers"):
            found = conn.load_balancer.load_balancers(project_id=conn.current_project_id)
            return {balancer.id: balancer.name for balancer in found}
    except MagnumhubError:  # whoever may not list them is told ids
        return {}


def clusters_named(magnum: MagnumClient, name: str) -> tuple[ClusterFacts, ...]:
    """Every Magnum cluster of that name, whoever made it."""
    return tuple(
        ClusterFacts(
            uuid=cluster.uuid,
            name=cluster.name,
            status=cluster.status,
            status_reason=cluster.status_reason,
            labels=cluster.labels or {},
            template=cluster.cluster_template_id,
            node_count=cluster.node_count,
            created_at=cluster.created_at,
            faults=getattr(cluster, "faults", None) or {},
        )
        for cluster in magnum.clusters.list(detail=True)
        if cluster.name == name
    )


def _magnum_quota(magnum: MagnumClient, project_id: str) -> dict[str, Quota]:
    limit = magnum.quotas.get(project_id, "Cluster").hard_limit
    return {"clusters": Quota(used=magnum.stats.list(project_id).clusters, limit=limit)}


def _network_quota(conn: Connection, project_id: str) -> dict[str, Quota]:
    quota = conn.network.get_quota(project_id, details=True)
    return {
        key: Quota(used=quota[key]["used"], limit=quota[key]["limit"])
        for key in ("floating_ips", "ports", "security_groups")
    }


def _compute_quota(conn: Connection) -> dict[str, Quota]:
    limits = conn.compute.get_limits().absolute
    return {
        "instances": Quota(used=limits.instances_used, limit=limits.instances),
        "cores": Quota(used=limits.total_cores_used, limit=limits.total_cores),
        "ram_mib": Quota(used=limits.total_ram_used, limit=limits.total_ram),
    }


def _volume_quota(conn: Connection) -> dict[str, Quota]:
    limits = conn.block_storage.get_limits().absolute
    return {
        "volumes": Quota(used=limits.total_volumes_used, limit=limits.max_total_volumes),
        "gigabytes": Quota(used=limits.total_gigabytes_used, limit=limits.max_total_volume_gigabytes),
    }


def _load_balancer_quota(conn: Connection, project_id: str) -> dict[str, Quota]:
    used = sum(1 for _ in conn.load_balancer.load_balancers(project_id=project_id))
    return {"load_balancers": Quota(used=used, limit=conn.load_balancer.get_quota(project_id).load_balancers)}
