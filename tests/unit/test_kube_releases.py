"""Helm's own records, read without Helm."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from magnumhub.kube.releases import latest_records


def secret(revision: int, status: str, name: str = "jupyterhub", version: str = "4.4.0") -> dict[str, Any]:
    record = {
        "name": name,
        "namespace": "jhub",
        "version": revision,
        "info": {"status": status},
        "chart": {"metadata": {"name": name, "version": version, "appVersion": "5.5.0"}},
        "config": {"password": "s3cr3t"},
    }
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    return {
        "metadata": {"namespace": "jhub", "labels": {"name": name, "status": status, "version": str(revision)}},
        "data": {"release": base64.b64encode(packed).decode()},
    }


def test_the_last_revision_counts() -> None:
    (record,) = latest_records([secret(9, "failed"), secret(10, "pending-upgrade"), secret(2, "deployed")])
    seen = record.release
    assert (seen.name, seen.revision, seen.status) == ("jupyterhub", 10, "pending-upgrade")
    assert (seen.chart, seen.version, seen.app_version) == ("jupyterhub", "4.4.0", "5.5.0")
    assert record.values == {"password": "s3cr3t"}
    assert "s3cr3t" not in repr(record)


def test_each_release_is_listed_but_for_uninstalled_ones() -> None:
    records = [secret(1, "deployed"), secret(1, "deployed", "dask-gateway"), secret(3, "uninstalled", "gone")]
    assert [record.release.name for record in latest_records(records)] == ["dask-gateway", "jupyterhub"]
