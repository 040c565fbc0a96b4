"""How a site's cluster is reached: through ssh to its master, or straight to a public API. Pure."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.results import MagnumCluster, Master, Result
from magnumhub.domain.spec import AccessSpec, HelmSpec
from magnumhub.domain.spec_forms import block_name


class SSHTarget(Result):
    """One ssh server.

    key_path: None also where the key is in a block: whoever opens the shell has it then, and it stands in no result.
    server_id: what its host key is pinned by, since addresses move between servers.
    """

    host: str
    port: int
    user: str
    key_path: str | None
    jump_host: str | None
    server_id: str
    name: str


class Access(Result):
    """The way to a cluster. ssh: None where none is used; then Kubernetes is asked at api_server directly."""

    via: Literal["master", "kubeconfig"]
    api_server: str
    ssh: SSHTarget | None
    helm_on: Literal["master", "runner"]

    @property
    def api_host_port(self) -> tuple[str, int]:
        """What a tunnel leads to."""
        parts = urlsplit(self.api_server)
        return parts.hostname or "", parts.port or 443


def access_for(access: AccessSpec, helm: HelmSpec, magnum_cluster: MagnumCluster, master: Master | None) -> Access:
    """Decide how a cluster is reached.

    Args:
        master: its first master's server; None where the cloud shows none (Cluster API driver).

    Raises:
        RefusedError: the site asks for a way that this cluster does not have.
    """
    if not magnum_cluster.api_address:
        raise RefusedError(
            f"Magnum gives no API address for cluster {magnum_cluster.name} ({magnum_cluster.status})",
            "wait until its creation has ended",
        )
    host = _ssh_host(access, master)
    if access.via == "master" and host is None:
        raise RefusedError(
            f"access.via is master, and cluster {magnum_cluster.name} has no master that ssh reaches",
            "give its master a floating IP (network.floating_ips.master) or a jump_host, or set access.via to auto",
        )
    ssh = None
    if access.via != "kubeconfig" and host is not None and master is not None:
        ssh = SSHTarget(
            host=host,
            port=access.ssh_port,
            user=access.ssh_user,
            key_path=access.ssh_key if block_name(access.ssh_key) is None else None,
            jump_host=access.jump_host,
            server_id=master.server_id,
            name=master.name,
        )
    if helm.run_on == "master" and ssh is None:
        raise RefusedError(
            f"helm.run_on is master, and cluster {magnum_cluster.name} is reached without ssh",
            "set helm.run_on to auto or runner",
        )
    return Access(
        via="kubeconfig" if ssh is None else "master",
        api_server=magnum_cluster.api_address,
        ssh=ssh,
        helm_on="runner" if ssh is None or helm.run_on == "runner" else "master",
    )


def _ssh_host(access: AccessSpec, master: Master | None) -> str | None:
    if master is None:
        return None
    if access.jump_host is not None:
        return master.fixed_address
    return master.floating_address
