"""Nova: the servers that Magnum made, keypairs, flavors and quotas.

Here is what other parts of the sandbox do in it.
"""

from __future__ import annotations

from sandbox.openstack.nova.api import SERVICE
from sandbox.openstack.nova.keypairs import create_keypair
from sandbox.openstack.nova.servers import create_server, delete_server

__all__ = ["SERVICE", "create_keypair", "create_server", "delete_server"]
