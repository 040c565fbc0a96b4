"""Whether users reach what they should at the address that they were told: asked, shown, marked and answering agree."""

from __future__ import annotations

from pydantic import Field

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Part, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import ServiceName


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


def judge_address(site: Site, seen: AddressSeen) -> list[Finding]:
    """Unhealthy where users do not get through, Degraded where they do and the next change would surprise somebody."""
    where, pinned = f"{seen.service.namespace}/{seen.service.name}", getattr(site.network.floating_ips, seen.part)
    if not seen.exists:
        remedy = f"magnumhub provision {site.name} makes it again."
        return [_finding(seen, "Unhealthy", f"there is no Service {where}", remedy)]
    if seen.shown is None:
        remedy = f"kubectl describe service -n {seen.service.namespace} {seen.service.name} has the cloud's reason."
        return [_finding(seen, "Unhealthy", f"EXTERNAL-IP of {where} is pending", remedy)]
    findings = []
    if seen.closed:
        ports = ", ".join(f"port {port}: {meaning}" for port, meaning in seen.closed.items())
        remedy = "Look at the firewall and the load balancer of this address (openstack loadbalancer list)."
        findings.append(_finding(seen, "Unhealthy", f"{seen.users} does not answer from here, {ports}", remedy))
    if seen.marked is None:
        remedy = f"magnumhub provision {site.name} reserves or marks it."
        findings.append(
            _finding(seen, "Degraded", f"{where} serves at {seen.shown}, which is not marked as ours", remedy)
        )
    elif seen.shown != seen.marked:
        findings.append(_moved(seen, where))
    elif seen.asked is not None and seen.asked != seen.marked:
        summary = f"{where} asks for {seen.asked}, the site's address is {seen.marked}"
        findings.append(_finding(seen, "Degraded", summary, f"magnumhub provision {site.name} sets it again."))
    if seen.marked is not None and not seen.serves:
        summary = f"the floating IP {seen.marked} is not associated with any port"
        remedy = "Associate it with the load balancer's VIP port (openstack floating ip set --port PORT ADDRESS)."
        findings.append(_finding(seen, "Unhealthy", summary, remedy))
    if seen.marked is not None and pinned not in ("auto", "none", seen.marked):
        summary = f"network.floating_ips.{seen.part} is {pinned}, and the site serves at {seen.marked}"
        remedy = f"Write {seen.marked} or auto into the site, or redeploy to {pinned}."
        findings.append(_finding(seen, "Degraded", summary, remedy))
    return findings


def _moved(seen: AddressSeen, where: str) -> Finding:
    remedy = (
        f"Touch the Service, so that the cloud's controller writes what is: kubectl annotate service -n"
        f" {seen.service.namespace} {seen.service.name} magnumhub.io/looked-at=$(date +%s) --overwrite."
    )
    summary = f"EXTERNAL-IP of {where} is {seen.shown}, the site's address is {seen.marked}"
    return _finding(seen, "Degraded" if seen.serves and not seen.closed else "Unhealthy", summary, remedy)


def _finding(seen: AddressSeen, level: Level, summary: str, remedy: str) -> Finding:
    return Finding(
        check="addresses", level=level, category=Category.ADDRESS, summary=summary, remedy=remedy, about=seen.part
    )
