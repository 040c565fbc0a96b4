"""The site as a user meets it: where it is, and whether a notebook computes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from pydantic import Field

from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.health import Checked, UserChecks
from magnumhub.domain.history import Memory
from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import endpoints, public_services
from magnumhub.kube.services import observe_address
from magnumhub.services.users import Front, Inside, check_as_user_twice, nobody_checked
from tasks.access import reached
from tasks.find import Found, Place
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.verify import hub_access

_PATIENCE_S = 20.0


class Where(Result):
    """Where users go: None where that is not known, or there is no such address. gateway_ports: by name."""

    jupyterhub: str | None = None
    dask_gateway: str | None = None
    gateway_ports: dict[str, int] = Field(default_factory=dict)


@task(name="find endpoints", **OBSERVE)
def find_endpoints(site: Site, found: Found, kubernetes: Checked, before: Memory | None) -> Where:
    """The URLs of hub and gateway: their ports as Kubernetes says them now, else as the last check saw them.

    Safe to repeat: reads only.
    """
    known = before.endpoints if before else {}
    remembered = Where(jupyterhub=known.get("jupyterhub"), dask_gateway=known.get("dask_gateway"))
    if found.place is None or "version" not in kubernetes.facts:
        return remembered
    try:
        return _where(site, found.place)
    except MagnumhubError:
        return remembered  # the checks of addresses and workloads say why


def _where(site: Site, place: Place) -> Where:
    with reached(site, place.magnum_cluster, place.way, lambda line: None, patience_s=_PATIENCE_S) as there:
        seen = {
            part: observe_address(there.kube, part, service, place.addresses.get(part))
            for part, service in public_services(site).items()
        }
    ports: dict[str, dict[str, int]] = {"dask_gateway": {}, **{part: address.ports for part, address in seen.items()}}
    if not ports["jupyterhub"]:
        return Where()
    urls = endpoints(site, {part: address.users for part, address in seen.items()}, ports)
    return Where(**urls, gateway_ports=ports["dask_gateway"])


@task(name="check as a user", **OBSERVE)
def check_users(site: Site, found: Found, where: Where, seen: Sequence[Checked]) -> UserChecks:
    """Log in, start a notebook server, compute on Dask from it; skipped where it is known that this cannot work.

    Safe to repeat: what a killed check left is stopped first; what this one starts is stopped, also when it fails.
    """
    by_name = {checked.check.name: checked for checked in seen}
    front = Front(
        hub_url=where.jupyterhub or "",
        hub_version=by_name["hub"].facts.get("version"),
        gateway_url=where.dask_gateway,
        gateway_version=by_name["gateway"].facts.get("version"),
        gateway_ports=where.gateway_ports,
    )
    if found.place is None or "version" not in by_name["kubernetes"].facts:
        return nobody_checked(front, "Kubernetes does not answer, and a notebook server could not be started")
    if front.hub_version is None:
        return nobody_checked(front, "the hub does not answer")
    place = found.place
    with stage("check as a user") as report, reached(site, place.magnum_cluster, place.way, report) as there:
        inside = Inside(there.kube, place.magnum_cluster.labels)
        return check_as_user_twice(site, front, hub_access(site, there.kube), inside=inside, report=report)
