"""Whether users reach what they should at the address that they were told: asked, shown, marked and answering agree."""

from __future__ import annotations

from pydantic import Field

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Part, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import RELEASES, ServiceName


class AddressSeen(Result):
    """One public address, from all who know of it.

    exists: whether the Service is there. marked: the floating IP with the site's mark for this role. serves: whether
    that one is associated. asked: the Service's loadBalancerIP. shown: its EXTERNAL-IP. ports: by name. closed: port to
    what not answering means, seen from the runner at the address that users have.
    """

    part: Part
    service: ServiceName
    exists: bool
    marked: str | None
    serves: bool = False
    asked: str | None = None
    shown: str | None = None
    ports: dict[str, int] = Field(default_factory=dict)
    closed: dict[int, str] = Field(default_factory=dict)

    @property
    def users(self) -> str | None:
        """The address that users have."""
        return self.marked or self.shown

    @property
    def is_at_marked(self) -> bool:
        """Whether it is shown at the marked address, which may stand in a name, as 192.0.2.7.nip.io.

        Source: cloud-provider-openstack's enable-ingress-hostname.
        """
        return self.marked is not None and f"{self.shown}.".startswith(f"{self.marked}.")


def judge_address(site: Site, seen: AddressSeen) -> list[Finding]:
    """Unhealthy where users do not get through, Degraded where they do and the next change would surprise somebody."""
    where, pinned = f"{seen.service.namespace}/{seen.service.name}", getattr(site.network.floating_ips, seen.part)
    if not seen.exists:
        return [_finding(seen, "Unhealthy", f"there is no Service {where}", _made_anew(seen))]
    if seen.shown is None:
        remedy = f"kubectl describe service -n {seen.service.namespace} {seen.service.name} has the cloud's reason."
        return [_finding(seen, "Unhealthy", f"EXTERNAL-IP of {where} is pending", remedy)]
    findings = [*_marked(site, seen, where), *_unserved(site, seen)]
    if pinned not in ("auto", "none", seen.marked) and seen.marked is not None:
        summary = f"network.floating_ips.{seen.part} is {pinned}, and the site serves at {seen.marked}"
        remedy = f"Write {seen.marked} or auto into the site, or redeploy to {pinned}."
        findings.append(_finding(seen, "Degraded", summary, remedy))
    return findings


def _marked(site: Site, seen: AddressSeen, where: str) -> list[Finding]:
    """Whether the Service has the address that is marked as ours for it."""
    if seen.marked is None:
        summary = f"{where} serves at {seen.shown}, which is not marked as ours"
        return [_finding(seen, "Degraded", summary, f"magnumhub provision {site.name} reserves or marks it.")]
    if not seen.is_at_marked:
        summary = f"EXTERNAL-IP of {where} is {seen.shown}, the site's address is {seen.marked}"
        remedy = _touched(seen) if seen.asked == seen.marked else _made_anew(seen)
        gets_through = _is_associated(site, seen) and _level_of_closed(site, seen) != "Unhealthy"
        return [_finding(seen, "Degraded" if gets_through else "Unhealthy", summary, remedy)]
    if seen.asked not in (None, seen.marked):
        summary = f"{where} asks for {seen.asked}, the site's address is {seen.marked}"
        return [_finding(seen, "Degraded", summary, _made_anew(seen))]
    return []


def _unserved(site: Site, seen: AddressSeen) -> list[Finding]:
    """Whether users get through; an address that its Service has lost is told as that, and not once more as closed."""
    if seen.marked is not None and not seen.is_at_marked:
        return []
    if not _is_associated(site, seen):
        summary = f"the floating IP {seen.marked} is not associated with any port"
        remedy = "Associate it with the load balancer's VIP port (openstack floating ip set --port PORT ADDRESS)."
        return [_finding(seen, "Unhealthy", summary, remedy)]
    if seen.closed:
        ports = ", ".join(f"port {port}: {meaning}" for port, meaning in seen.closed.items())
        remedy = "Look at the firewall and the load balancer of this address (openstack loadbalancer list)."
        summary = f"{seen.users} does not answer from here, {ports}"
        return [_finding(seen, _level_of_closed(site, seen), summary, remedy)]
    return []


def _is_associated(site: Site, seen: AddressSeen) -> bool:
    """Whether the marked address leads anywhere; one that is not Neutron's to show is judged by what answers there."""
    return seen.marked is None or seen.serves or site.network.load_balancers == "external"


def _level_of_closed(site: Site, seen: AddressSeen) -> Level:
    """Unhealthy where users come; a remark where nobody has to: beside https, or behind what ends it before."""
    if not seen.closed:
        return "Healthy"
    https = site.jupyterhub.https.kind
    if seen.part == "jupyterhub" and https == "offload":
        return "Healthy"
    users = "web" if seen.part == "dask_gateway" else "http" if https == "off" else "https"
    if users not in seen.ports or seen.ports[users] in seen.closed:
        return "Unhealthy"
    # Let's Encrypt comes by port 80, and users from outside by the gateway's other ports.
    return "Degraded" if https == "letsencrypt" or seen.part == "dask_gateway" else "Healthy"


def _touched(seen: AddressSeen) -> str:
    return (
        f"Touch the Service, so that the cloud's controller writes what is: kubectl annotate service -n"
        f" {seen.service.namespace} {seen.service.name} magnumhub.io/looked-at=$(date +%s) --overwrite."
    )


def _made_anew(seen: AddressSeen) -> str:
    """Source: loadBalancerIP is honoured when a Service is created (cloud-provider-openstack#2443)."""
    namespace = seen.service.namespace
    return (
        f"Have Helm make the Service anew, with the address that the release asks for: kubectl delete service -n"
        f" {namespace} {seen.service.name} --ignore-not-found; helm rollback -n {namespace} {RELEASES[seen.part]}"
        " REVISION, with the revision that is there."
    )


def _finding(seen: AddressSeen, level: Level, summary: str, remedy: str) -> Finding:
    return Finding(
        check="addresses", level=level, category=Category.ADDRESS, summary=summary, remedy=remedy, about=seen.part
    )
