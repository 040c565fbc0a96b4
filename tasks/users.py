"""The site as a user meets it: where it is, and whether a notebook computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from prefect import task
from pydantic import Field

from magnumhub.domain.errors import BusyError, MagnumhubError
from magnumhub.domain.health import Checked, UserChecks
from magnumhub.domain.history import Memory, Record, versions_before
from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import endpoints, public_services
from magnumhub.kube.lease import LEASE_S
from magnumhub.kube.services import observe_address
from magnumhub.services.users import Front, Inside, check_as_user_twice, nobody_checked
from tasks.access import reached
from tasks.checks import NO_KUBERNETES
from tasks.find import Place
from tasks.kubernetes import holding_site
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.verify import hub_access

_PATIENCE_S = 20.0


_BUSY_S = LEASE_S + 5.0
"""How long another run is waited for before the site is left alone: by then a dead one is known to be dead."""


@contextmanager
def holding_if_reached(site: Site, place: Place | None) -> Iterator[None]:
    """Hold the site while it is checked, so that nobody changes it meanwhile; there is nothing to hold without a place.

    Raises:
        BusyError: another run works on the site; the check leaves it alone.
    """
    with ExitStack() as held:
        if place is not None:
            try:
                held.enter_context(holding_site(site, place.magnum_cluster, place.way, wait_s=_BUSY_S))
            except BusyError:
                raise
            except MagnumhubError as error:
                # An API that answers and takes no lease is what the checks are to find out about.
                with stage("lease") as report:
                    report.remark(f"the site could not be held: {error.message}")
        yield


class Where(Result):
    """Where users go: None where that is not known, or there is no such address. gateway_ports: by name."""

    jupyterhub: str | None = None
    dask_gateway: str | None = None
    gateway_ports: dict[str, int] = Field(default_factory=dict)


@task(name="find endpoints", **OBSERVE)
def find_endpoints(site: Site, place: Place | None, before: Memory | None) -> Where:
    """The URLs of hub and gateway: their ports as Kubernetes says them now, else as the last check saw them.

    Safe to repeat: reads only.
    """
    known = before.endpoints if before else {}
    remembered = Where(jupyterhub=known.get("jupyterhub"), dask_gateway=known.get("dask_gateway"))
    if place is None:
        return remembered
    try:
        return _where(site, place)
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
def check_users(
    site: Site, place: Place | None, where: Where, seen: Sequence[Checked], history: Sequence[Record]
) -> UserChecks:
    """Log in, start a notebook server, compute on Dask from it; skipped where it is known that this cannot work.

    Safe to repeat: what a killed check left is stopped first; what this one starts is stopped, also when it fails.
    """
    facts = {checked.check.name: checked.facts for checked in seen}
    front = Front(
        hub_url=where.jupyterhub or "",
        hub_version=facts["hub"].get("version"),
        gateway_url=where.dask_gateway,
        gateway_version=facts["gateway"].get("version"),
        gateway_ports=where.gateway_ports,
        charts={release.name: release.version for release in facts["releases"].values()},
    )
    if place is None:
        return nobody_checked(front, f"{NO_KUBERNETES}, and a notebook server could not be started")
    if front.hub_version is None:
        return nobody_checked(front, "the hub does not answer")
    with stage("check as a user") as report, reached(site, place.magnum_cluster, place.way, report) as there:
        inside = Inside(there.kube, place.magnum_cluster.labels)
        access = hub_access(site, there.kube)
        return check_as_user_twice(site, front, access, inside=inside, before=versions_before(history), report=report)
