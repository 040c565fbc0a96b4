"""The roles and bindings that every cluster has: read from roles.json, which a real API's own were written into.

`tests/contract/kubernetes/record_roles.py` writes it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.kube.objects import Objects
from sandbox.kube.rbac import GROUP

FILE = Path(__file__).with_name("roles.json")
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_UPDATED = {"rbac.authorization.kubernetes.io/autoupdate": "true"}


def create_first_roles(objects: Objects) -> None:
    """Create them; their namespaces have to be there."""
    for kind, found in _file().items():
        resource = objects.kinds.of(GROUP, kind)
        for obj in found:
            meta = {**obj["metadata"], "labels": {**LABELS, **obj["metadata"].get("labels", {})}}
            meta["annotations"] = _UPDATED
            objects.create(resource, meta.get("namespace", ""), {**obj, "metadata": meta}, "kube-apiserver")


@cache
def _file() -> dict[str, list[dict[str, Any]]]:
    return {key: value for key, value in json.loads(FILE.read_text()).items() if key != "version"}
