"""Where users of a site go, as far as it can be known: asked of Kubernetes, else remembered."""

from __future__ import annotations

from prefect import task
from pydantic import Field

from magnumhub.domain.checking import Checking, run_check
from magnumhub.domain.checks.addresses import AddressSeen
from magnumhub.domain.history import Memory
from magnumhub.domain.results import Part, Report, Result
from magnumhub.domain.spec import Site
from magnumhub.domain.wiring import endpoints, public_services
from magnumhub.kube.services import observe_address
from tasks.find import Place, inside
from tasks.policy import OBSERVE
from tasks.progress import stage

_LIMIT_S = 60.0


class Where(Result):
    """Where users go: None where that is not known, or there is no such address.

    gateway_ports: by name. unknown: why it could not be asked just now; empty when it was.
    """

    jupyterhub: str | None = None
    dask_gateway: str | None = None
    gateway_ports: dict[str, int] = Field(default_factory=dict)
    unknown: str = ""


@task(name="find endpoints", **OBSERVE)
def find_endpoints(site: Site, place: Place | None, before: Memory | None) -> Where:
    """The URLs of hub and gateway: their ports as Kubernetes says them now, else as the last check saw them.

    Safe to repeat: reads only.
    """
    known = before.endpoints if before else {}
    remembered = Where(jupyterhub=known.get("jupyterhub"), dask_gateway=known.get("dask_gateway"))
    if place is None:
        return remembered
    found: list[Where] = []

    def look(check: Checking) -> None:
        found.append(_where(site, place, report))

    with stage("endpoints") as report:
        seen = run_check("addresses", look, limit_s=_LIMIT_S, report=report)
    return found[-1] if found else remembered.model_copy(update={"unknown": seen.check.summary})


def _where(site: Site, place: Place, report: Report) -> Where:
    seen = public_addresses(site, place, report)
    ports: dict[str, dict[str, int]] = {"dask_gateway": {}, **{part: address.ports for part, address in seen.items()}}
    urls = endpoints(site, {part: address.users for part, address in seen.items()}, ports)
    # A Service that is not there is told by the check of addresses; nothing can be asked of it.
    asked = {str(part): urls[part] for part, address in seen.items() if address.exists and address.users}
    return Where.model_validate({**asked, "gateway_ports": ports["dask_gateway"]})


def public_addresses(site: Site, place: Place, report: Report) -> dict[Part, AddressSeen]:
    """The Services that users come by, beside the floating IPs that are marked for them.

    Safe to repeat: reads only.
    """
    with inside(site, place, report) as there:
        return {
            part: observe_address(there.kube, part, service, place.addresses.get(part))
            for part, service in public_services(site).items()
        }
