"""OpenSSH's own sshd, on loopback, as the user who runs the tests, with keys of its own, set up as it is everywhere."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

KINDS = ("rsa", "ecdsa", "ed25519")
_CONFIG = """
ListenAddress 127.0.0.1:{port}
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""
# Since 9.8 a server stops answering an address from which wrong keys come; the tests try some on purpose.
_NO_PENALTIES = "PerSourcePenalties no\n"


def executable() -> str | None:
    """The path of sshd, which is rarely on a user's PATH."""
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


class Sshd:
    """One sshd; its files are in `folder`. What it runs is this user's own, in this user's own home."""

    host = "127.0.0.1"

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.user = getpass.getuser()
        self.port = _free_port()
        self.key_path = folder / "key"
        _generate("ed25519", self.key_path)
        (folder / "authorized_keys").write_text(self.key_path.with_suffix(".pub").read_text())
        self._new_host_keys()
        self._config = folder / "sshd_config"
        host_keys = "".join(f"HostKey {folder}/host_{kind}\n" for kind in KINDS)
        text = _CONFIG.format(port=self.port, folder=folder) + host_keys
        self._config.write_text(text + _NO_PENALTIES)
        if not self._accepts_config():
            self._config.write_text(text)

    def _accepts_config(self) -> bool:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # as every service file does: sshd run by root wants it
        return subprocess.run([self._program, "-t", "-f", self._config], capture_output=True).returncode == 0

    def _new_host_keys(self) -> None:
        for kind in KINDS:
            path = self._folder / f"host_{kind}"
            path.unlink(missing_ok=True)
            _generate(kind, path)

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            arguments = [self._program, "-D", "-e", "-f", str(self._config)]
            self._process = subprocess.Popen(arguments, stderr=log, start_new_session=True)
        deadline_s = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((self.host, self.port)).close()
                return
            except OSError:
                said = (self._folder / "log").read_text()
                assert self._process.poll() is None and time.monotonic() < deadline_s, said
                time.sleep(0.02)

    def stop(self) -> None:
        """As a machine that is switched off: its connections end too, which sshd alone would leave open."""
        if self._process is None:
            return
        for pid in [self._process.pid, *_descendants(self._process.pid)]:
            _kill(pid)
        self._process.wait()
        self._process = None

    def rebuild(self) -> None:
        self.stop()
        self._new_host_keys()
        self.start()

    def admit(self, public_key: str) -> None:
        with (self._folder / "authorized_keys").open("a") as file:
            file.write(public_key)

    def close(self) -> None:
        """Switch it off for good."""
        self.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _generate(kind: str, path: Path) -> None:
    size = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", path], check=True)


def _descendants(pid: int) -> list[int]:
    """Its children, their children and so on, as the kernel lists them."""
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
