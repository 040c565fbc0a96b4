"""What a credential may do and what its cloud has, whatever the site: for preflight and for tests of a credential."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from magnumhub.domain.facts import Credential
from magnumhub.domain.findings import Category, Finding, Level

CHECK = "preflight"

_NEEDED = {
    "container-infra": "Magnum makes the cluster",
    "compute": "Nova runs the servers",
    "network": "Neutron has the floating IPs",
}
_SAME_SERVICE = {
    "container-infrastructure-management": "container-infra",
    "container-infrastructure": "container-infra",
    "octavia": "load-balancer",
}


def judge_credential(credential: Credential, project: str) -> Iterator[Finding]:
    """Whether a cluster can be made with it.

    Args:
        project: its name.
    """
    if credential.kind == "application_credential" and credential.unrestricted is False:
        summary = "the application credential is restricted: Magnum may not make the trust that a cluster needs"
        remedy = "Make one with `openstack application credential create --unrestricted`, or use a password."
        yield _finding("Unhealthy", Category.CREDENTIALS, summary, remedy)
    roles = {role.lower() for role in credential.roles}
    if roles and not {"member", "admin", "_member_", "manager"} & roles:
        # A cloud may name the roles that may write as it likes; only this one is known to read and no more.
        level: Level = "Unhealthy" if roles == {"reader"} else "Unknown"
        summary = f"the credential has only the roles {', '.join(credential.roles)} in {project}"
        yield _finding(level, Category.CREDENTIALS, summary, "Ask the project's owner for the role member.")


def judge_services(services: Sequence[str]) -> Iterator[Finding]:
    """The services of the catalog without which no site can be.

    Args:
        services: their types.
    """
    there = _known(services)
    for service, what in _NEEDED.items():
        if service not in there:
            summary = f"the catalog has no {service} service: {what}"
            yield _finding("Unhealthy", Category.CATALOG, summary, "Ask the cloud's support; or choose another cloud.")


def has_balancers(services: Sequence[str]) -> bool:
    """Whether the catalog has a load-balancer service."""
    return "load-balancer" in _known(services)


def _known(services: Sequence[str]) -> set[str]:
    return {_SAME_SERVICE.get(service, service) for service in services}


def _finding(level: Level, category: Category, summary: str, remedy: str) -> Finding:
    return Finding(check=CHECK, level=level, category=category, summary=summary, remedy=remedy)
