"""Charts, fetched on the runner by version and digest: the master needs no internet, and what is installed is known."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import textwrap
import time
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import yaml

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import ChartVersion
from magnumhub.domain.errors import RefusedError, ServiceError, TransientError
from magnumhub.remote.shell import cache_folder


class OfferedChart(ChartVersion):
    """One version that a repository offers, and where its archive is."""

    digest: str
    url: str


@dataclass(frozen=True)
class ChartArchive:
    """A packed chart, as it goes to helm."""

    name: str
    version: str
    app_version: str | None
    kube_version: str | None
    digest: str
    content: bytes = field(repr=False)

    def refused(self, values: Mapping[str, Any]) -> list[str]:
        """What its schema has against these values, a line for each key; nothing of what stands under it is quoted.

        Args:
            values: as given to Helm, which lays them over the chart's own before it asks the schema.
        """
        found = self._member("values.schema.json")
        if found is None:
            return []
        # jsonschema takes 0.2 s to import.
        from jsonschema.validators import validator_for  # type: ignore[import-untyped]  # it ships no types

        schema = json.loads(found)
        laid = _laid_over(self.keys().own, values)
        errors = validator_for(schema)(schema).iter_errors(laid)
        return sorted(
            _told(error.absolute_path, error.validator, error.validator_value, error.message) for error in errors
        )

    def keys(self) -> ChartKeys:
        """Which values it takes."""
        return ChartKeys(self.version, own=_yaml(self._member("values.yaml") or b"") or {})

    def crds(self) -> list[dict[str, Any]]:
        """The custom resource definitions in its crds folder."""
        documents: list[dict[str, Any]] = []
        with _opened(self.content) as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                if member.isfile() and member.name.startswith(f"{self.name}/crds/"):
                    text = archive.extractfile(member).read()  # type: ignore[union-attr]  # it is a file
                    documents += [document for document in yaml.load_all(text, _Loader) if document]
        return documents

    def _member(self, name: str) -> bytes | None:
        return _member(self.content, f"{self.name}/{name}")


def versions(repo: str, name: str, *, timeout_s: float) -> list[OfferedChart]:
    """What a repository offers of a chart, in its own order (newest first).

    Args:
        repo: address of the Helm repository, name: of the chart.

    Raises:
        TransientError: the repository does not answer.
        RefusedError: it is no Helm repository, or has no such chart.
    """
    index_url = urljoin(_folder(repo), "index.yaml")
    index = _index(index_url, timeout_s)
    try:
        offered = [_offered(repo, entry) for entry in index["entries"].get(name, [])]
        others = ", ".join(index["entries"])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise RefusedError(f"{index_url} is no index of a Helm repository", "correct chart.repo") from error
    if not offered:
        raise RefusedError(f"{repo} has no chart {name}; it has {others}", "correct chart.repo")
    return offered


# Indexes that were read in this process: one run needs each four times, and a real one has megabytes.
_indexes: dict[str, tuple[float, Any]] = {}
_INDEX_KEPT_S = 600


def _index(url: str, timeout_s: float) -> Any:
    read_s, index = _indexes.get(url, (float("-inf"), None))
    if time.monotonic() - read_s > _INDEX_KEPT_S:
        try:
            index = _yaml(_get(url, timeout_s))
        except yaml.YAMLError as error:
            raise RefusedError(f"{url} is no index of a Helm repository", "correct chart.repo") from error
        _indexes[url] = time.monotonic(), index
    return index


def fetch(repo: str, name: str, version: str, *, timeout_s: float, cache: Path | None = None) -> ChartArchive:
    """A chart's archive, from the cache where its digest is there.

    Safe to repeat: the cache is keyed by content.

    Args:
        cache: folder; None is the user's.

    Raises:
        TransientError: the repository does not answer.
        RefusedError: there is no such chart or version, or the archive is not the one that the index names.
    """
    offered = versions(repo, name, timeout_s=timeout_s)
    found = next((item for item in offered if item.version == version), None)
    if found is None:
        some = ", ".join(item.version for item in offered[:8])
        raise RefusedError(f"{repo} has no {name} {version}; it has {some}, …", "correct chart.version")
    if not found.digest:
        raise RefusedError(
            f"the index of {repo} has no digest for {name} {version}: what comes cannot be checked",
            "use a repository whose index has digests, as `helm repo index` makes it",
        )
    path = (cache or cache_folder() / "charts") / f"{found.digest}.tgz"
    if path.is_file() and _sha256(content := path.read_bytes()) == found.digest:
        return read_archive(content)
    content = _get(found.url, timeout_s)
    if _sha256(content) != found.digest:
        raise RefusedError(
            f"{found.url} has SHA-256 {_sha256(content)}, the repository's index says {found.digest}",
            "something changed the archive on its way, or the repository is broken: do not install it",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Both releases, and other runs, may fetch the same chart now.
    part = path.with_suffix(f".{uuid.uuid4().hex}.part")
    part.write_bytes(content)
    part.replace(path)
    return read_archive(content)


def read_archive(content: bytes) -> ChartArchive:
    """A packed chart from its bytes.

    Raises:
        RefusedError: it is none.
    """
    try:
        # To its end, where gzip's checksum stands: a truncated or damaged archive must not come as far as Helm.
        gzip.decompress(content)
        with _opened(content) as archive:
            top = next(name for name in archive.getnames() if name.count("/") == 1 and name.endswith("/Chart.yaml"))
        chart = _yaml(_member(content, top) or b"")
        return ChartArchive(
            name=str(chart["name"]),
            version=str(chart["version"]),
            app_version=_text(chart.get("appVersion")),
            kube_version=_text(chart.get("kubeVersion")),
            digest=_sha256(content),
            content=content,
        )
    except _NO_CHART as error:
        why = textwrap.shorten(str(error) or "it has no Chart.yaml", 200, placeholder=" …")
        raise RefusedError(f"this is no packed Helm chart: {why}", "give the address of a Helm repository") from error


_NO_CHART = (
    *(EOFError, OSError, zlib.error, tarfile.TarError),
    *(StopIteration, yaml.YAMLError, UnicodeError, KeyError, TypeError),
)
"""What unpacking raises of something else, then what reading does."""

# A real repository's index has 2 MB; libyaml reads it ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(content: bytes) -> Any:
    return yaml.load(content, _Loader)  # noqa: S506  both loaders are safe ones


def _laid_over(own: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm does: null takes a key of the chart's own away."""
    kept = {key: value for key, value in own.items() if key not in values}
    for key, value in values.items():
        below = own.get(key)
        if isinstance(value, Mapping):
            kept[key] = _laid_over(below if isinstance(below, Mapping) else {}, value)
        elif value is not None:
            kept[key] = value
    return kept


def _told(path: Iterable[str | int], rule: str, wanted: Any, message: str) -> str:
    where = ".".join(map(str, path))
    # The message of other rules quotes the value, which may hold a secret.
    about_keys = rule in ("additionalProperties", "required")
    said = message if about_keys else textwrap.shorten(f"expected {rule} {json.dumps(wanted)}", 200, placeholder=" …")
    return f"{where}: {said}" if where else said


def _offered(repo: str, entry: Mapping[str, Any]) -> OfferedChart:
    return OfferedChart(
        version=str(entry["version"]),
        app_version=_text(entry.get("appVersion")),
        kube_version=_text(entry.get("kubeVersion")),
        digest=str(entry.get("digest") or "").removeprefix("sha256:"),
        url=urljoin(_folder(repo), entry["urls"][0]),
    )


def _text(said: Any) -> str | None:
    """A version without quotation marks is a number to YAML."""
    return None if said is None else str(said)


def _get(url: str, timeout_s: float) -> bytes:
    try:
        answer = httpx.get(url, timeout=timeout_s, follow_redirects=True)
    except httpx.HTTPError as error:
        raise TransientError(f"{url} does not answer: {error}", "is it reachable from this machine (proxy)?") from error
    if answer.status_code in (404, 403):
        raise RefusedError(f"{url} answers {answer.status_code}", "correct chart.repo or chart.version")
    if answer.status_code >= 500 or answer.status_code == 429:
        raise TransientError(f"{url} answers {answer.status_code}")
    if not answer.is_success:
        raise ServiceError(f"{url} answers {answer.status_code}")
    return answer.content


def _folder(repo: str) -> str:
    return repo if repo.endswith("/") else repo + "/"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _opened(content: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(content), mode="r:gz")


def _member(content: bytes, name: str) -> bytes | None:
    with _opened(content) as archive:
        try:
            file = archive.extractfile(name)
        except KeyError:
            return None
        return file.read() if file else None
