"""The sandbox's Helm repositories: the charts in this folder, packed on the fly and served as hub.jupyter.org does.

One folder of templates serves all versions of a chart; `charts/versions.yaml` says which there are and what of the
newest one's values an older one lacks. Packing the same folder gives the same bytes, so a chart pinned by digest stays
valid from one sandbox to the next.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CHARTS = Path(__file__).with_name("charts")


def create_app() -> Starlette:
    """An ASGI app serving `/CHART/index.yaml` and `/CHART/CHART-VERSION.tgz`, packed once when it is made."""
    files = packed_charts()

    async def serve(request: Request) -> Response:
        body = files.get(request.path_params["path"])
        return Response("no such chart", 404) if body is None else Response(body, media_type="application/octet-stream")

    return Starlette(routes=[Route("/{path:path}", serve)])


def packed_charts() -> dict[str, bytes]:
    """Every file of the repositories: path below their root -> content."""
    files: dict[str, bytes] = {}
    for chart, versions in yaml.safe_load((CHARTS / "versions.yaml").read_text()).items():
        entries = []
        for version, differences in versions.items():
            metadata, archive = pack(CHARTS / chart, version, **differences)
            name = f"{chart}-{version}.tgz"
            files[f"{chart}/{name}"] = archive
            entries.append(metadata | {"urls": [name], "digest": hashlib.sha256(archive).hexdigest()})
        index = {"apiVersion": "v1", "entries": {chart: entries}}
        files[f"{chart}/index.yaml"] = yaml.safe_dump(index, sort_keys=False).encode()
    return files


def pack(
    folder: Path,
    version: str,
    app_version: str,
    kube_version: str | None = None,
    without: Sequence[str] = (),
    defaults: Mapping[str, Any] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], bytes]:
    """One version of a chart as its Chart.yaml and the archive that helm installs.

    Args:
        folder: of the chart; its own Chart.yaml is the newest version's.
        version: of the chart.
        app_version: of what the chart installs.
        kube_version: what it asks of Kubernetes, where that is not what the newest one asks.
        without: dotted paths of values that this version does not know.
        defaults: dotted path of a value to what it is here.
        schema: dotted path of a value to what this version's schema says of it.
    """
    metadata = yaml.safe_load((folder / "Chart.yaml").read_text()) | {"version": version, "appVersion": app_version}
    metadata |= {"kubeVersion": kube_version} if kube_version else {}
    rules = json.loads((folder / "values.schema.json").read_text())
    values = yaml.safe_load((folder / "values.yaml").read_text())
    for path in without:
        *parents, key = path.split(".")
        del _rules_below(rules, parents)[key], reduce(lambda below, name: below[name], parents, values)[key]
    for path, value in (defaults or {}).items():
        *parents, key = path.split(".")
        reduce(lambda below, name: below[name], parents, values)[key] = value
    for path, rule in (schema or {}).items():
        *parents, key = path.split(".")
        _rules_below(rules, parents)[key] = rule
    changed = {
        folder / "Chart.yaml": yaml.safe_dump(metadata, sort_keys=False).encode(),
        folder / "values.yaml": yaml.safe_dump(values, sort_keys=False).encode(),
        folder / "values.schema.json": json.dumps(rules).encode(),
    }
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = changed.get(file) or file.read_bytes()
            member = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return metadata, gzip.compress(tar_bytes.getvalue(), mtime=0)


def _rules_below(rules: dict[str, Any], parents: Sequence[str]) -> dict[str, Any]:
    """What a JSON Schema says of the keys under a path."""
    return reduce(lambda below, name: below[name]["properties"], parents, rules["properties"])
