"""The Helm executable itself: found, downloaded with its digest checked, or uploaded to the master."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import httpx

from magnumhub.domain.errors import MagnumhubError, RefusedError, ServiceError, TransientError
from magnumhub.domain.results import Action, Report
from magnumhub.domain.spec import HelmSpec
from magnumhub.remote.shell import FOLDER, Shell, cache_folder, quoted

_ARCHIVE_URL = "https://get.helm.sh/helm-v{version}-{platform}.tar.gz"
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Resolving, connecting, a transfer cut short, a time-out, TLS, an empty answer, sending, receiving.
_CURL_NO_ANSWER = frozenset({5, 6, 7, 18, 28, 35, 52, 55, 56})
_CURL_HTTP_ERROR = 22
_BUSY_ANSWER = re.compile(r"\b(408|429|5\d\d)\b")
_ANSWER_S = 60
_TRANSFER_S = 600


def local_executable(spec: HelmSpec, *, cache: Path | None = None, report: Report) -> tuple[str, Action]:
    """The runner's Helm: the site's `path`, else PATH's if of the asked version, else fetched into the user's cache.

    Safe to repeat: a fetched one is found again.

    Raises:
        RefusedError: `path` is not that version, there is no sha256 to fetch by, or what came has another.
        TransientError: the download did not answer, or said that it is busy.
    """
    if spec.path is not None:
        path = Path(spec.path).expanduser()
        found = _local_version(str(path))
        if found != spec.version:
            raise RefusedError(
                f"helm.path {path} is {f'Helm {found}' if found else 'not a Helm'}, helm.version is {spec.version}",
                "make the two agree",
            )
        return str(path), "kept"
    on_path = shutil.which("helm")
    if on_path and _local_version(on_path) == spec.version:
        return on_path, "kept"
    target = (cache or cache_folder() / "helm") / f"helm-{spec.version}"
    if _local_version(str(target)) == spec.version:
        return str(target), "kept"
    report(f"fetching Helm {spec.version}")
    _fetch(spec, target)
    return str(target), "created"


def ensure_on_master(shell: Shell, spec: HelmSpec, *, cache: Path | None = None, report: Report) -> tuple[str, Action]:
    """The pinned Helm in our folder of the master's home; needs no root.

    Safe to repeat: one of that version (uploaded: of that content) is kept.

    Raises:
        RefusedError: there is no such version, or its digest is wrong.
        TransientError: the master's download got no answer; a master without internet never does.
    """
    home = shell.run(
        f"umask 077; mkdir -p {FOLDER}/bin && cd {FOLDER}/bin && pwd -P", timeout_s=_ANSWER_S
    ).stdout.strip()
    target = f"{home}/helm-{spec.version}"
    if spec.source == "upload":
        return target, _ensure_uploaded(
            shell, Path(local_executable(spec, cache=cache, report=report)[0]), target, report
        )
    for candidate in (target, "helm"):
        if _version_of(shell, candidate) == spec.version:
            return candidate, "kept"
    report(f"{shell.name} downloads Helm {spec.version}")
    _download_there(shell, spec, target)
    return target, "created"


def _ensure_uploaded(shell: Shell, executable: Path, target: str, report: Report) -> Action:
    content = executable.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if _digest_of(shell, target) == digest:
        return "kept"
    report(f"uploading {executable.name} to {shell.name}")
    shell.put(content, target, mode=0o700, timeout_s=_TRANSFER_S)
    if _digest_of(shell, target) != digest:
        raise ServiceError(f"on {shell.name}: {target} is not what was uploaded", "is the disk full?")
    return "created"


def _download_there(shell: Shell, spec: HelmSpec, target: str) -> None:
    machine = shell.run("uname -m", timeout_s=_ANSWER_S).stdout.strip()
    where = f"linux-{_MACHINES.get(machine, machine)}"
    url, archive, part = _ARCHIVE_URL.format(version=spec.version, platform=where), f"{target}.tgz", f"{target}.part"
    done = shell.run(
        f"curl -fsSL --retry 3 -o {quoted(archive)} {quoted(url)} && "
        f"echo {quoted(f'{_digest(spec)}  {archive}')} | sha256sum -c - && "
        f"tar -xzOf {quoted(archive)} {where}/helm >{quoted(part)} && chmod 700 {quoted(part)} && "
        f"mv {quoted(part)} {quoted(target)}; code=$?; rm -f {quoted(archive)} {quoted(part)}; exit $code",
        timeout_s=_TRANSFER_S,
        check=False,
    )
    if done.exit_code:
        raise download_failure(f"{shell.name} could not download {url}", done.exit_code, done.stderr or done.stdout)


def download_failure(what: str, exit_code: int, said: str) -> MagnumhubError:
    """A download with curl that failed, told apart: what a later try may mend, and what it will not.

    Source: curl(1), EXIT CODES; sha256sum ends with 1, tar with 2.
    """
    message = f"{what}: {said.strip() or f'exit code {exit_code}'}"
    if exit_code in _CURL_NO_ANSWER or (exit_code == _CURL_HTTP_ERROR and _BUSY_ANSWER.search(said)):
        return TransientError(message, "set helm.source: upload where masters have no internet")
    hint = "set helm.source: upload where masters have no internet; helm.sha256 is what get.helm.sh publishes"
    return RefusedError(message, hint)


def _fetch(spec: HelmSpec, target: Path) -> None:
    machine = platform.machine().lower()
    where = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    url = _ARCHIVE_URL.format(version=spec.version, platform=where)
    wanted = _digest(spec)
    try:
        answer = httpx.get(url, timeout=_TRANSFER_S, follow_redirects=True)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        final = isinstance(error, httpx.HTTPStatusError) and not _BUSY_ANSWER.search(str(error.response.status_code))
        kind = RefusedError if final else TransientError
        raise kind(f"{url} cannot be fetched: {error}", "set helm.path to a Helm on this machine") from error
    found = hashlib.sha256(answer.content).hexdigest()
    if found != wanted:
        raise RefusedError(f"{url} has SHA-256 {found}, helm.sha256 is {wanted}", "take it from get.helm.sh")
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        file = archive.extractfile(f"{where}/helm")
        assert file is not None
        content = file.read()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.chmod(0o755)
    part.replace(target)


def _digest(spec: HelmSpec) -> str:
    if spec.sha256 is None:
        raise RefusedError(
            "Helm has to be downloaded and helm.sha256 is not set",
            "set it to what get.helm.sh publishes for the version, or helm.path to a Helm on this machine",
        )
    return spec.sha256


def _local_version(executable: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  the path is the site's or the user's own
            [executable, "version", "--template", "{{.Version}}"], capture_output=True, text=True, timeout=_ANSWER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().removeprefix("v") or None


def _version_of(shell: Shell, executable: str) -> str | None:
    command = f"{quoted(executable, 'version', '--template', '{{.Version}}')} 2>/dev/null"
    return shell.run(command, timeout_s=_ANSWER_S, check=False).stdout.strip().removeprefix("v") or None


def _digest_of(shell: Shell, path: str) -> str:
    return shell.run(f"sha256sum {quoted(path)} 2>/dev/null", timeout_s=_ANSWER_S, check=False).stdout.partition(" ")[0]
