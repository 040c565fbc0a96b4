"""Write down, from a real API, the roles and bindings that every cluster has: sandbox/kube/roles.json.

Those of the controllers are left out: the sandbox's controllers are no users of its API.

KUBEBUILDER_ASSETS=... python -m tests.contract.kubernetes.record_roles
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from sandbox.kube import first_roles
from tests.support.kube_api import admin, real_api

_KINDS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
_CONTROLLERS = ("system:controller:", "system::leader-locking-")


def _kept(obj: dict[str, Any]) -> dict[str, Any]:
    """What tells one cluster's role from another's is left out, and what all of them have."""
    meta = {key: value for key, value in obj["metadata"].items() if key in ("name", "namespace", "labels")}
    meta["labels"] = {key: v for key, v in meta["labels"].items() if key not in first_roles.LABELS}
    if not meta["labels"]:
        del meta["labels"]
    return {"metadata": meta, **{key: value for key, value in obj.items() if key != "metadata"}}


def main() -> None:
    """Ask and write."""
    with tempfile.TemporaryDirectory() as folder, real_api(os.environ, Path(folder)) as access, admin(access) as client:
        version = client.get("/version").json()["gitVersion"]
        found = {
            kind: [
                _kept(obj)
                for obj in client.get(f"/apis/rbac.authorization.k8s.io/v1/{kind}").json()["items"]
                if "kubernetes.io/bootstrapping" in obj["metadata"].get("labels", {})
                and not obj["metadata"]["name"].startswith(_CONTROLLERS)
            ]
            for kind in _KINDS
        }
    parts = [f' "version": {json.dumps(version)}']
    for kind, objects in found.items():
        lines = ",\n".join(f"  {json.dumps(obj)}" for obj in objects)
        parts.append(f' "{kind}": [\n{lines}\n ]')
    first_roles.FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
