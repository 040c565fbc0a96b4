"""What is installed, read from where Helm keeps it: for those who only look, and need no Helm for that.

Helm stores each revision of a release as a Secret of its namespace, labelled with its owner and status.
Source: helm.sh/helm/v4/pkg/storage/driver: the record is JSON, packed by gzip and written as base64.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from magnumhub.domain.results import Release
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated

# A superseded revision is never the last one, and each may have a megabyte.
_LAST_ONES = "owner=helm,status!=superseded"


@dataclass(frozen=True)
class Record:
    """A release, and the values that it was given; they hold secrets."""

    release: Release
    values: dict[str, Any] = field(repr=False)


def installed_releases(kube: Kube) -> list[Release]:
    """All releases of the cluster as `helm list --all-namespaces` shows them.

    Safe to repeat: reads only.
    """
    return [record.release for record in installed_records(kube)]


def installed_records(kube: Kube) -> list[Record]:
    """The same with the values that each was given.

    Safe to repeat: reads only.
    """
    with translated("reading Helm's records"):
        found = kube.plain(kube.core.list_secret_for_all_namespaces(label_selector=_LAST_ONES))
    return latest_records(found.get("items", []))


def latest_records(secrets: Iterable[Mapping[str, Any]]) -> list[Record]:
    """The last revision of each release, by namespace and name; what was uninstalled is none.

    Args:
        secrets: Helm's, as JSON of the API.
    """
    latest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for secret in secrets:
        metadata = secret["metadata"]
        where = metadata["namespace"], metadata["labels"]["name"]
        if where not in latest or _revision(latest[where]) < _revision(secret):
            latest[where] = secret
    gone = ("uninstalled", "superseded")
    return [
        _record(secret) for _, secret in sorted(latest.items()) if secret["metadata"]["labels"]["status"] not in gone
    ]


def _revision(secret: Mapping[str, Any]) -> int:
    return int(secret["metadata"]["labels"]["version"])


def _record(secret: Mapping[str, Any]) -> Record:
    """Of the record, which holds templates and all, only this leaves."""
    record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    chart = record["chart"]["metadata"]
    release = Release(
        name=record["name"],
        namespace=record["namespace"],
        chart=chart["name"],
        version=chart["version"],
        app_version=chart.get("appVersion", ""),
        revision=record["version"],
        status=record["info"]["status"],
        action="kept",
    )
    return Record(release, record.get("config") or {})
