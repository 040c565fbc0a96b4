"""Container images of the sandbox: Python environments made from pinned requirement files.

An image `registry/path/NAME:TAG` is the file sandbox/images/NAME-TAG.txt; an image without such a file does not exist.
Each environment is built once per user by uv and kept under a hash of all that went into it, so a changed file is a
new image and nothing ever changes under a running pod. Pods only read it: uv hard-links files between environments.

An image whose packages need an older Python says so in its .in file (`# python < 3.13`). Where the sandbox's own is too
new, another one that is installed is taken; where there is none, there is no such image.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

FOLDER = Path(__file__).parent / "images"
_PODNET = Path(__file__).parent / "podnet.py"
_COMPLETE = ".complete"
_TOO_NEW = re.compile(r"^# python < 3\.(\d+)\b", re.MULTILINE)
_OLDEST_MINOR = 11


class ImageError(Exception):
    """An image could not be built; the message is uv's."""


class NoPythonError(ImageError):
    """An image needs an older Python than this machine has."""


def requirements_file(image: str, folder: Path = FOLDER) -> Path | None:
    """The file that an image reference stands for, or None if there is no such image."""
    name, _, tag = image.rpartition("/")[2].partition(":")
    if "@" in image:
        return None  # a digest names bytes of a real registry
    file = folder / f"{name}-{tag or 'latest'}.txt"
    return file if file.is_file() else None


def build(file: Path) -> Path:
    """The environment of a requirement file, built unless it is there.

    Safe to repeat: a lock keeps builders apart, and a build that was interrupted starts afresh.

    Raises:
        ImageError: uv refused (a wrong pin) or has no network for what is not in its cache; NoPythonError: see above.
    """
    environment = _environment(file)
    complete = environment / _COMPLETE
    if complete.exists():
        return environment
    environment.parent.mkdir(parents=True, exist_ok=True)
    with (environment.parent / f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(environment, ignore_errors=True)
            _install(file, environment)
            complete.touch()
    return environment


def _install(file: Path, environment: Path) -> None:
    """Built where it will lie: scripts and bytecode carry the environment's path."""
    _uv("venv", "--python", _python_for(file), str(environment))
    (packages,) = environment.glob("lib/python*/site-packages")
    shutil.copy(_PODNET, packages / "podnet.py")
    (packages / "podnet.pth").write_text("import podnet\n", encoding="utf-8")
    # uv compiles nothing by default, and then every pod compiles everything at every start.
    _uv("pip", "install", "--compile-bytecode", "--python", str(environment), "--requirements", str(file))


def _uv(*arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    done = subprocess.run([uv, "--no-progress", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"uv {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _images() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "magnumhub" / "images"


def _environment(file: Path) -> Path:
    return _images() / _digest(file)


def _base_python() -> str:
    """The Python that the sandbox's own environment is made of."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _python_for(file: Path) -> str:
    """The sandbox's Python, else one that is older than the image's requirements allow."""
    wanted = file.with_suffix(".in")
    too_new = _TOO_NEW.search(wanted.read_text(encoding="utf-8")) if wanted.is_file() else None
    if too_new is None or sys.version_info < (3, int(too_new[1])):
        return _base_python()
    allowed = f">=3.{_OLDEST_MINOR},<3.{too_new[1]}"
    try:
        return _uv("python", "find", "--no-project", "--no-python-downloads", "--system", allowed)
    except ImageError as error:
        raise NoPythonError(f"needs a Python {allowed}, and none is installed here") from error


def _digest(file: Path) -> str:
    interpreter = f"{_python_for(file)} {sys.version} {platform.machine()}"
    content = b"\0".join([interpreter.encode(), _PODNET.read_bytes(), file.read_bytes()])
    return hashlib.sha256(content).hexdigest()[:32]


def main() -> int:
    """Build all images that are missing; two at a time, as uv waits for disk and network in turn."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.stderr.write(f"the sandbox needs x86-64 Linux; this is {platform.system()} {platform.machine()}\n")
        return 1
    missing = [file for file in sorted(FOLDER.glob("*.txt")) if _is_missing(file)]
    if missing:
        _say(f"Building {len(missing)} images of the sandbox, kept in {_images()}")
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        outcomes = {pool.submit(_timed_build, file): file for file in missing}
        for outcome in as_completed(outcomes):
            image = outcomes[outcome].stem
            try:
                _say(f"  {image} in {outcome.result():.0f} s")
            except ImageError as error:
                failed = 1
                sys.stderr.write(f"  {image}: {error}\n")
    return failed


def _is_missing(file: Path) -> bool:
    """Whether it has to be built. What cannot be, for want of a Python, only few tests want: those skip."""
    try:
        return not (_environment(file) / _COMPLETE).exists()
    except NoPythonError as error:
        _say(f"Without the image {file.stem}: {error}")
        return False


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _timed_build(file: Path) -> float:
    """Seconds that it took."""
    started_s = time.monotonic()
    build(file)
    return time.monotonic() - started_s


if __name__ == "__main__":
    sys.exit(main())
