"""The way to Kubernetes: through ssh to the master where the cloud is so, straight to the API where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task

from blocks.cloud import cloud_of
from blocks.ssh_key import ssh_key_of
from magnumhub.domain.request import to_be_asked
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.openstack import certificates, clusters, floating_ips
from magnumhub.remote.access import Access, access_for
from magnumhub.remote.session import Reached, reach
from magnumhub.remote.ssh import wait_until_open
from tasks.network import proving_open, still_closed
from tasks.policy import OBSERVE
from tasks.progress import stage


class Way(Result):
    """How a cluster is reached, without secrets; `address` is the master's, where it has one."""

    access: Access
    address: FloatingIP | None = None


@task(name="open master", **OBSERVE)
def open_master(site: Site, magnum_cluster: MagnumCluster, addresses: Addresses) -> Way:
    """Put our floating IP on the master, or adopt the one that Magnum gave it; then see whether ssh answers.

    Safe to repeat: looks at where the address is first.

    Raises:
        WaitingError: the site's firewall is opened by a person, and the address is still closed at `limits_s.ssh`, or
            is one that Magnum gave the master, which nobody could ask for before.
        DeadlineError: ssh does not answer; says whether it was refused, timed out or had no route, and what that means.
    """
    with stage("master access") as report, cloud_of(site) as cloud:
        masters = clusters.masters(cloud.connection, magnum_cluster)
        master = masters[0] if masters else None
        address = None
        if master is not None and site.access.via != "kubeconfig":
            if addresses.master is not None:
                address = floating_ips.associate_master(cloud.connection, addresses.master, master)
            elif master.floating_address is not None:
                address = floating_ips.adopt_master(cloud.connection, site, master)
            if address is not None:
                master = master.model_copy(update={"floating_address": address.address})
                report.action = address.action
        way = Way(access=access_for(site.access, site.helm, magnum_cluster, master), address=address)
        if way.access.ssh is not None:
            _wait_for_ssh(site, way, addresses.model_copy(update={"master": address}), report)
        return way


def _wait_for_ssh(site: Site, way: Way, addresses: Addresses, report: Report) -> None:
    assert way.access.ssh is not None
    through = [way.address] if way.address is not None and way.address.address == way.access.ssh.host else []
    if to_be_asked(site, through):
        why = "the master has its address from Magnum only now; the cloud's firewall has to be opened for it"
        raise still_closed(site, addresses, why)
    with proving_open(site, addresses, way.address):
        wait_until_open(way.access.ssh, deadline_s=site.limits_s.ssh, report=report)


# Signed certificates of this process, by the cluster's uuid: Magnum signs one in seconds on a busy cloud, and every
# task needs one. They are in memory only.
_certificates: dict[str, certificates.ClusterCertificates] = {}


@contextmanager
def reached(
    site: Site, magnum_cluster: MagnumCluster, way: Way, report: Report, *, patience_s: float | None = None
) -> Iterator[Reached]:
    """Kubernetes, and the master's shell where there is one, for as long as the block runs.

    Args:
        patience_s: for ssh and for one answer of the API; None: as long as the site's limits allow.
    """
    certificate = _certificates.get(magnum_cluster.uuid)
    if certificate is None:
        with cloud_of(site) as cloud:
            certificate = certificates.issue(cloud.magnum, magnum_cluster.uuid)
        _certificates[magnum_cluster.uuid] = certificate
    with reach(
        way.access,
        ssh_key=ssh_key_of(site) if way.access.ssh is not None else None,
        ca_pem=certificate.ca_pem,
        certificate_pem=certificate.certificate_pem,
        key_pem=certificate.key_pem,
        ssh_deadline_s=min(site.limits_s.ssh, patience_s or site.limits_s.ssh),
        api_timeout_s=min(site.limits_s.api, patience_s or site.limits_s.api),
        report=report,
    ) as there:
        yield there
