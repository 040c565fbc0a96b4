"""What a site has in the cloud and in its cluster, as plain values: what a teardown takes away, and what it looks for
afterwards.

A thing is the site's by its mark, or because it belongs to a Magnum cluster of the site, known by its uuid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from magnumhub.domain.checks.leftovers import Balancer, balancer_prefix
from magnumhub.domain.facts import ClusterFacts, Named
from magnumhub.domain.quantities import quantity
from magnumhub.domain.results import Release, Result

MADE_FOR_SERVICE = "Floating IP for Kubernetes external service"
"""How the description begins of an address that the cluster's controller allocated; the cluster's name ends it.

Source: cloud-provider-openstack, pkg/openstack/loadbalancer.go.
"""


class OwnAddress(Result):
    """A floating IP. origin: `allocated` by us or by the cluster's controller, `given` to us; marked: still ours.

    serves: in words what its port belongs to; empty: nothing.
    """

    id: str
    address: str
    role: str
    origin: Literal["allocated", "given", "controller"]
    marked: bool = True
    serves: str = ""


class OwnVolume(Result):
    """A volume of Cinder. of: whose it is, in words, and its claim; cluster_uuid: where it was made."""

    id: str
    name: str
    of: str
    size_gib: int
    status: str
    cluster_uuid: str


class Holdings(Result):
    """What the cloud has of the site.

    magnum_clusters: of the site's name and with its label, the elder first. uuids: of every Magnum cluster that the
    site has or had, as far as marks remember. balancers: Octavia's, made for Services; ports: the same where the
    catalog has no Octavia. servers: of its clusters. has_cinder: whether the catalog has it, so that volumes are seen.
    unseen: what could not be looked at, and why.
    """

    magnum_clusters: tuple[ClusterFacts, ...] = ()
    uuids: tuple[str, ...] = ()
    addresses: tuple[OwnAddress, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    ports: tuple[Named, ...] = ()
    volumes: tuple[OwnVolume, ...] = ()
    servers: tuple[Named, ...] = ()
    has_cinder: bool = True
    unseen: dict[str, str] = Field(default_factory=dict)


class ClaimedVolume(Result):
    """A PersistentVolume that some claim has or had. of: whose it is, in words.

    in_cinder: it is a volume of Cinder with the id `handle`; else of what `driver` says.
    made_for_claim: by a StorageClass; else somebody put it there by hand, and it is not ours to delete.
    """

    name: str
    claim: str
    of: str
    handle: str
    size: str
    policy: str
    driver: str = ""
    in_cinder: bool = True
    made_for_claim: bool = True


class Inside(Result):
    """What the cluster has. services: those with a load balancer, NAMESPACE/NAME. unseen: why nobody could look."""

    releases: tuple[Release, ...] = ()
    namespaces: tuple[str, ...] = ()
    volumes: tuple[ClaimedVolume, ...] = ()
    services: tuple[str, ...] = ()
    dask_clusters: int = 0
    notebook_servers: int = 0
    unseen: str = ""


def with_claimed(holdings: Holdings, inside: Inside, cluster_uuid: str) -> Holdings:
    """The holdings with the volumes of Cinder that only Kubernetes knows as the site's, as long as it is there."""
    if not holdings.has_cinder:
        return holdings
    claimed = {
        volume.handle: OwnVolume(
            id=volume.handle,
            name=volume.name,
            of=f"{volume.of} ({volume.claim})",
            size_gib=int(quantity(volume.size) / 2**30),
            status="",
            cluster_uuid=cluster_uuid,
        )
        for volume in inside.volumes
        if volume.in_cinder and volume.made_for_claim
    }
    others = [volume for volume in holdings.volumes if volume.id not in claimed]
    return holdings.model_copy(update={"volumes": (*others, *claimed.values())})


def is_balancer_of(name: str, uuids: Iterable[str]) -> bool:
    """Whether a load balancer was made for a Service of one of these clusters."""
    return any(name.startswith(balancer_prefix(uuid)) for uuid in uuids)


def is_address_of(description: str, uuids: Iterable[str]) -> bool:
    """Whether an address was allocated by the controller of one of these clusters."""
    return description.startswith(MADE_FOR_SERVICE) and any(description.endswith(f" {uuid}") for uuid in uuids)
