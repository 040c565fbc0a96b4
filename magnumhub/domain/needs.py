"""What a site takes of its project: addresses still to be allocated, how much of each quota, which room on nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from magnumhub.domain.checks.capacity import is_autoscaling
from magnumhub.domain.facts import AddressFacts, CloudFacts, ClusterFacts, Flavor
from magnumhub.domain.ground import wants_master_address
from magnumhub.domain.spec import OUR_LABEL, DynamicStorage, Site
from magnumhub.domain.templates import Template

HUB_VOLUME_GIB = 1
"""The hub's database. Source: hub.db.pvc.storage of the jupyterhub chart."""

_SYSTEM = (0.5, 1.0)
"""Cores and GiB of each node that Kubernetes' own pods take. Measured on kubeadm-like nodes: 0.3 to 0.6 cores."""

_SERVICES = (1.0, 2.0)
"""Hub, proxy, gateway, controller and traefik together, in cores and GiB: what they use when busy."""

_NOTEBOOK = (0.0, 1.0)
"""One user. Source: singleuser.memory.guarantee of the jupyterhub chart."""

_SCHEDULER = (1.0, 2.0)
"""A Dask scheduler. Source: scheduler_cores and scheduler_memory of dask-gateway's ClusterConfig."""


@dataclass(frozen=True)
class Room:
    """What fits on the nodes beside hub, one notebook and a scheduler.

    workers: how many of them fit. nodes: how many nodes all workers would need; 0: a worker fits on no node.
    """

    workers: int
    nodes: int


def our_clusters(clusters: Iterable[ClusterFacts] | None) -> list[ClusterFacts]:
    """The clusters of the site's name that carry our label; the elder, which is the one that stays, first."""
    ours = [cluster for cluster in clusters or () if cluster.labels.get(OUR_LABEL) == cluster.name]
    return sorted(ours, key=lambda cluster: (cluster.created_at or "~", cluster.uuid))


def is_unused_twin(status: str | None) -> bool:
    """Whether a younger cluster of a site holds nothing for sure: two first runs made two, and one run was killed."""
    return status in ("CREATE_IN_PROGRESS", "CREATE_FAILED")


def roles_wanted(site: Site, template: Template | None) -> list[str]:
    """The roles that get a floating IP from us on this kind of cloud; without a template all that the site asks for."""
    wishes = dict(site.network.floating_ips)
    master = wants_master_address(site, template) if template else wishes["master"] != "none"
    return [role for role, wish in wishes.items() if wish != "none" and (role != "master" or master)]


def address_of(site: Site, role: str, addresses: Iterable[AddressFacts] | None) -> AddressFacts | None:
    """The address that the role will use: the pinned one, or the one that is marked; None: one is to be allocated."""
    wish = getattr(site.network.floating_ips, role)
    for address in addresses or ():
        if address.address == wish or (wish == "auto" and (address.site, address.role) == (site.name, role)):
            return address
    return None


def needs(site: Site, facts: CloudFacts, template: Template | None) -> dict[str, int]:
    """How much of each quota the site still takes; a cluster that is there takes no more than its growth."""
    allocations = sum(
        1
        for role in roles_wanted(site, template)
        if getattr(site.network.floating_ips, role) == "auto" and address_of(site, role, facts.floating_ips) is None
    )
    if ours := our_clusters(facts.magnum_clusters):
        growth = _growth(site, facts, template, ours[0])
        return growth | {"floating_ips": allocations + growth.get("floating_ips", 0)}
    servers = site.cluster.master_count + site.cluster.node_count
    public = sum(getattr(site.network.floating_ips, role) != "none" for role in ("jupyterhub", "dask_gateway"))
    capi = template is not None and template.driver == "capi"
    has_api_balancer = template is not None and (capi or bool(template.master_lb_enabled))
    taken_by_magnum = servers if template and template.floating_ip_enabled and not capi else int(has_api_balancer)
    wanted = {
        "clusters": 1,
        "instances": servers,
        "floating_ips": allocations + taken_by_magnum,
        "load_balancers": 0 if site.network.load_balancers == "external" else public + int(has_api_balancer),
        **_volumes(site, servers),
    }
    node, master = node_flavor(site, facts, template), master_flavor(facts, template)
    if node is not None and master is not None:
        wanted["cores"] = node.vcpus * site.cluster.node_count + master.vcpus * site.cluster.master_count
        wanted["ram_mib"] = node.ram_mib * site.cluster.node_count + master.ram_mib * site.cluster.master_count
    return wanted


def _growth(site: Site, facts: CloudFacts, template: Template | None, ours: ClusterFacts) -> dict[str, int]:
    """What the nodes take that a complete cluster is yet to get."""
    more = site.cluster.node_count - (ours.node_count or 0)
    if more <= 0 or not ours.status.endswith(("_COMPLETE", "UPDATE_FAILED")) or is_autoscaling(ours.labels):
        return {}
    public = bool(template and template.floating_ip_enabled and template.driver != "capi")
    taken = {"instances": more, "volumes": more, "gigabytes": more * site.cluster.docker_volume_size_gib}
    taken |= {"floating_ips": more} if public else {}
    if node := node_flavor(site, facts, template):
        taken |= {"cores": more * node.vcpus, "ram_mib": more * node.ram_mib}
    return taken


def node_flavor(site: Site, facts: CloudFacts, template: Template | None) -> Flavor | None:
    """The flavor of the nodes: the site's, else the template's; None where it is not there or not to be seen."""
    return _flavor(site.cluster.node_flavor or (template.flavor if template else None), facts)


def master_flavor(facts: CloudFacts, template: Template | None) -> Flavor | None:
    """The flavor of the masters: the template's; None where it is not there or not to be seen."""
    return _flavor(template.master_flavor or template.flavor, facts) if template else None


def room(site: Site, flavor: Flavor) -> Room:
    """How many of the benchmark's workers the nodes hold beside hub, one notebook and a scheduler."""
    worker = (site.dask_gateway.worker.cores, site.dask_gateway.worker.memory_gib)
    node = (flavor.vcpus - _SYSTEM[0], flavor.ram_mib / 1024 - _SYSTEM[1])
    others = tuple(sum(part) for part in zip(_SERVICES, _NOTEBOOK, _SCHEDULER, strict=True))
    per_node = int(min(node[0] // worker[0], node[1] // worker[1]))
    if per_node < 1:
        return Room(workers=0, nodes=0)

    def workers_on(nodes: int) -> int:
        free = min((nodes * node[i] - others[i]) // worker[i] for i in (0, 1))
        return max(0, min(int(free), nodes * per_node))

    nodes = site.cluster.node_count
    while workers_on(nodes) < site.health.workers:
        nodes += 1
    return Room(workers=workers_on(site.cluster.node_count), nodes=nodes)


def _volumes(site: Site, servers: int) -> dict[str, int]:
    homes = (2, HUB_VOLUME_GIB + site.storage.home_gib) if isinstance(site.storage, DynamicStorage) else (0, 0)
    return {"volumes": servers + homes[0], "gigabytes": servers * site.cluster.docker_volume_size_gib + homes[1]}


def _flavor(name_or_id: str | None, facts: CloudFacts) -> Flavor | None:
    return next((flavor for flavor in facts.flavors or () if name_or_id in (flavor.id, flavor.name)), None)
