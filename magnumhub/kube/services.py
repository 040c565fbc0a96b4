"""Services of type LoadBalancer: the address users reach, seen when it appears and explained when it does not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from magnumhub.domain.checks.addresses import AddressSeen
from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.results import FloatingIP, Part, Report
from magnumhub.domain.wiring import ServiceName
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.events import last_warning, warnings_of
from magnumhub.kube.watching import changes

_TELL_EVERY_S = 10.0


def external_ip(kube: Kube, namespace: str, name: str) -> str | None:
    """The Service's EXTERNAL-IP (or host name) now; None while it is pending, and where there is no such Service."""
    try:
        return ingress_of(_read(kube, namespace, name))
    except NotFoundError:
        return None


def exists(kube: Kube, namespace: str, name: str) -> bool:
    """Whether there is such a Service."""
    try:
        _read(kube, namespace, name)
    except NotFoundError:
        return False
    return True


def service_ports(kube: Kube, namespace: str, name: str) -> dict[str, int]:
    """The Service's ports by name, as users reach them.

    Raises:
        NotFoundError: there is no such Service.
    """
    return _ports(_read(kube, namespace, name))


def observe_address(kube: Kube, part: Part, service: ServiceName, marked: FloatingIP | None) -> AddressSeen:
    """One public Service as it is, beside the floating IP that carries the site's mark for it.

    Safe to repeat: reads only.
    """
    seen = AddressSeen(
        part=part,
        service=service,
        exists=False,
        marked=marked.address if marked else None,
        serves=bool(marked and marked.port_id),
    )
    try:
        found = _read(kube, service.namespace, service.name)
    except NotFoundError:
        return seen
    return seen.model_copy(
        update={
            "exists": True,
            "asked": found["spec"].get("loadBalancerIP"),
            "shown": ingress_of(found),
            "ports": _ports(found),
        }
    )


def wait_for_external_ip(
    kube: Kube, namespace: str, name: str, *, asked: str | None, deadline_s: float, report: Report
) -> str:
    """Wait until a Service has its external address, seen within a second of the change.

    Safe to repeat: reads only.

    Args:
        asked: the address it must be; None takes any.
        deadline_s: in seconds.

    Returns:
        The address (or host name) users reach it at.

    Raises:
        NotFoundError: there is no such Service.
        DeadlineError: still pending, or another address; says what the cloud's controller said.
    """
    where = f"service {namespace}/{name}"
    actual: str | None = None
    told = time.monotonic()
    for listed in changes(
        f"waiting for the address of {where}",
        kube.core.list_namespaced_service,
        namespace,
        deadline_s=deadline_s,
        field_selector=f"metadata.name={name}",
    ):
        if not listed:
            raise NotFoundError(f"there is no {where}", "was it deleted by hand? A changed release makes it again")
        actual = ingress_of(kube.plain(listed[0]))
        if actual and asked in (None, actual):
            return actual
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            report(f"{where}: {actual or '<pending>'}{f', asked for {asked}' if asked else ''}")
    raise _late(kube, namespace, name, actual, asked, deadline_s)


def ingress_of(service: Mapping[str, Any]) -> str | None:
    """EXTERNAL-IP as kubectl shows it, of a Service as JSON."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address: str | None = ingress[0].get("ip") or ingress[0].get("hostname")
    return address


def _ports(service: Mapping[str, Any]) -> dict[str, int]:
    return {port.get("name") or str(port["port"]): int(port["port"]) for port in service["spec"]["ports"]}


def _late(
    kube: Kube, namespace: str, name: str, actual: str | None, asked: str | None, deadline_s: float
) -> DeadlineError:
    where = f"service {namespace}/{name}"
    said = controllers_word(kube, namespace, name)
    if actual is None:
        return DeadlineError(
            f"{where} has no external address after {deadline_s:.0f} s"
            f"{f' (asked for {asked})' if asked else ''}; {said}",
            "is the address in this project and free, is there quota for a load balancer, and is the cluster's "
            "cloud-controller-manager running? `openstack loadbalancer list` shows what it made",
        )
    return DeadlineError(
        f"{where} is at {actual}, asked for {asked}; {said}",
        "the cloud honours an address only when the service is made: `magnumhub redeploy` moves it",
    )


def controllers_word(kube: Kube, namespace: str, name: str) -> str:
    """What the cloud's controller said of a Service last, as part of a sentence."""
    with translated(f"listing the events of service {namespace}/{name}"):
        events = warnings_of(kube, namespace)
    return f"the cloud's controller says {last_warning(events, 'Service', name) or 'nothing'}"


def _read(kube: Kube, namespace: str, name: str) -> Mapping[str, Any]:
    with translated(f"reading service {namespace}/{name}"):
        service: Mapping[str, Any] = kube.plain(kube.core.read_namespaced_service(name, namespace))
    return service
