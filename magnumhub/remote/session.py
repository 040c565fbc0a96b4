"""A cluster within reach for as long as a block runs: its Kubernetes API and, with ssh, its master's shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube, KubeCredentials, kube_client
from magnumhub.remote.access import Access
from magnumhub.remote.shell import Shell

if TYPE_CHECKING:
    import paramiko


@dataclass(frozen=True)
class Reached:
    """What stages work with.

    credentials: as this machine reaches the API (through the tunnel where there is one).
    shell: the master's; None where no ssh is used.
    """

    access: Access
    kube: Kube
    credentials: KubeCredentials
    shell: Shell | None


@contextmanager
def reach(
    access: Access,
    *,
    ca_pem: str,
    certificate_pem: str,
    key_pem: str,
    ssh_key: paramiko.PKey | None = None,
    ssh_deadline_s: float,
    api_timeout_s: float,
    report: Report,
) -> Iterator[Reached]:
    """Open the way to a cluster; everything is closed, and no file left, when the block ends.

    Args:
        ca_pem, certificate_pem, key_pem: the cluster's CA and our certificate, from Magnum.
        ssh_key: where it is no file of this machine.
        ssh_deadline_s: for the master's ssh to answer, api_timeout_s: for one answer of the API, in seconds.

    Raises:
        DeadlineError: ssh does not answer in time.
        AuthenticationError: ssh does not accept the key.
        RefusedError: another host key than the pinned one.
    """
    credentials = KubeCredentials(ca_pem, certificate_pem, key_pem, access.api_server)
    with ExitStack() as opened:
        shell = None
        if access.ssh is not None:
            # fabric takes 0.3 s to import, and a site with a public API never needs it.
            from magnumhub.remote.ssh import SSHShell
            from magnumhub.remote.tunnel import tunnel

            shell = SSHShell(access.ssh, key=ssh_key)
            opened.callback(shell.close)
            shell.connect(deadline_s=ssh_deadline_s, report=report)
            port = opened.enter_context(tunnel(shell, *access.api_host_port))
            # The API's certificate names 127.0.0.1 as well (measured on Magnum 23).
            credentials = credentials.at(f"https://127.0.0.1:{port}")
        kube = opened.enter_context(kube_client(credentials, timeout_s=api_timeout_s))
        yield Reached(access, kube, credentials, shell)
