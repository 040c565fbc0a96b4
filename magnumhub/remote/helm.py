"""Helm, pinned: on the master where there is ssh, else on the runner. One interface for both.

Each command gets its kubeconfig as a file that it opens and removes before Helm starts, so that no key stays anywhere.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from magnumhub.domain.errors import ServiceError, TransientError
from magnumhub.domain.results import Action, Report
from magnumhub.domain.spec import HelmSpec
from magnumhub.kube.client import Kube
from magnumhub.remote.helm_binary import ensure_on_master, local_executable
from magnumhub.remote.jobs import Job, job_name, run_with_input, sweep
from magnumhub.remote.session import Reached
from magnumhub.remote.shell import Finished, LocalShell, Shell, quoted

_COMMAND_S = 60

# How Go words it that an answer did not come (net, net/http, client-go).
_LOST_ANSWER = re.compile(
    r"unreachable|connection (?:refused|reset|lost)|\bEOF\b|i/o timeout|TLS handshake timeout"
    r"|server is currently unable|too many requests",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Helm:
    """A Helm executable on some machine, and the cluster it works on.

    kubeconfig: as that machine reaches the API; holds a private key.
    cluster_id: tells clusters apart.
    kube: the same cluster as this machine reaches it, to explain what Helm waits for.
    action: whether the executable was there.
    """

    shell: Shell
    executable: str
    kubeconfig: str = field(repr=False)
    cluster_id: str
    kube: Kube
    action: Action = "kept"

    def run(self, *words: str, timeout_s: float = _COMMAND_S, check: bool = True) -> Finished:
        """Run a short Helm command and wait for it.

        Raises:
            ServiceError: Helm failed, unless `check` is false; has Helm's own words.
            TransientError: the connection broke, or the API did not answer Helm.
        """
        content = self.kubeconfig.encode()
        done = run_with_input(self.shell, self.line(*words), "kubeconfig", content, timeout_s=timeout_s)
        if check and done.exit_code:
            said = helm_words(done.stderr)
            message = f"helm {words[0]} on {self.shell.name}: {said}"
            raise TransientError(message) if is_about_a_lost_answer(said) else ServiceError(message)
        return done

    def job(self, name: str, namespace: str) -> Job:
        """The one Helm at a time that works on a release from this machine; the runner serves several clusters."""
        return Job(self.shell, job_name("helm", self.cluster_id, namespace, name))

    def line(self, *words: str) -> str:
        """A command line for sh; its kubeconfig is the input {kubeconfig}."""
        return f"KUBECONFIG={{kubeconfig}} {quoted(self.executable, *words)}"


def helm_words(stderr: str) -> str:
    """What Helm says of a failure, without its log lines and the words it puts before everything."""
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith(("level=", "I1", "W1"))]
    text = "\n".join(lines)
    return (
        re.sub(r"^Error: ((UPGRADE|INSTALLATION) FAILED: )?", "", text.strip()) or stderr.strip() or "no reason given"
    )


def is_about_a_lost_answer(said: str) -> bool:
    """Whether Helm failed because the Kubernetes API did not answer, so that the same command may succeed later."""
    return bool(_LOST_ANSWER.search(said))


def prepare_helm(reached: Reached, spec: HelmSpec, *, cache: Path | None = None, report: Report) -> Helm:
    """Have the pinned Helm where it is to run.

    Safe to repeat: an executable of that version (uploaded: of that content) is kept.

    Args:
        cache: folder for a Helm fetched on the runner; None is the user's.

    Raises:
        RefusedError: it cannot be had, is another version, or its digest is wrong; the hint says what to set.
    """
    if reached.access.helm_on == "runner" or reached.shell is None:
        shell: Shell = LocalShell()
        executable, action = local_executable(spec, cache=cache, report=report)
        server = reached.credentials.server
    else:
        shell = reached.shell
        executable, action = ensure_on_master(shell, spec, cache=cache, report=report)
        server = api_server_of(shell) or reached.access.api_server
    sweep(shell)
    return Helm(
        shell,
        executable,
        kubeconfig=reached.credentials.at(server).as_kubeconfig(),
        cluster_id=hashlib.sha256(reached.credentials.ca_pem.encode()).hexdigest()[:12],
        kube=reached.kube,
        action=action,
    )


def api_server_of(shell: Shell) -> str | None:
    """The address by which a master itself reaches the API, from its own kubeconfig; None where it shows none.

    Only the address is taken: the administrator's key stays where it is.
    """
    look = (
        'for f in "$KUBECONFIG" /etc/kubernetes/admin.conf; do [ -n "$f" ] || continue; '
        '{ cat "$f" || sudo -n cat "$f"; } 2>/dev/null | sed -n "s/^ *server: *//p" | head -n 1; done'
    )
    found = shell.run(look, timeout_s=_COMMAND_S, check=False).stdout.split()
    return found[0].strip("\"'") if found else None
