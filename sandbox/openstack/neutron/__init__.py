"""Neutron: networks as they are; ports, floating IPs and tags with everything that clients do to them.

Here is what other parts of the sandbox do in it.
"""

from __future__ import annotations

from sandbox.openstack.neutron.api import SERVICE
from sandbox.openstack.neutron.floating_ips import associate, create_floating_ip, delete_port
from sandbox.openstack.neutron.networks import create_network, create_router
from sandbox.openstack.neutron.ports import create_port
from sandbox.openstack.neutron.security_groups import create_security_group

__all__ = [
    "SERVICE",
    "associate",
    "create_floating_ip",
    "create_network",
    "create_port",
    "create_router",
    "create_security_group",
    "delete_port",
]
