"""What the sandbox says that it can answer: every (service, route, status), from its own tables."""

from __future__ import annotations

from sandbox.kube import routes
from sandbox.openstack import cinder, glance, keystone, magnum, neutron, nova, octavia
from sandbox.openstack.service import Service, answers
from tests.contract.evidence import Answer

SERVICES = ("openstack", "kubernetes")
"""The folders of this suite whose services have a table."""

OPENSTACK: tuple[Service, ...] = (
    keystone.SERVICE,
    magnum.SERVICE,
    neutron.SERVICE,
    nova.SERVICE,
    glance.SERVICE,
    octavia.SERVICE,
    cinder.SERVICE,
)


def of(folder: str) -> set[Answer]:
    """The claims of one folder of this suite."""
    if folder == "kubernetes":
        return {(folder, route, status) for route, status in routes.answers()}
    return {(service.name, route, status) for service in OPENSTACK for route, status in answers(service)}
