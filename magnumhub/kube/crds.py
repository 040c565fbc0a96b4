"""A chart's custom resource definitions, applied before Helm runs: Helm installs them once and never upgrades them.

Source: dask/dask-gateway#553.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from magnumhub.domain.errors import DeadlineError
from magnumhub.domain.results import Action
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import translated
from magnumhub.kube.watching import changes

DIGEST = "magnumhub.io/digest"


def apply_crds(kube: Kube, documents: Sequence[Mapping[str, Any]], *, deadline_s: float) -> Action:
    """Make the cluster's definitions those of the chart, and wait until they are served.

    Safe to repeat: a definition that carries the digest of this very document is not touched.

    Args:
        documents: CustomResourceDefinitions, as in a chart's crds folder.
        deadline_s: in seconds, for being served.

    Raises:
        DeadlineError: the API accepted a definition and does not serve it.
    """
    if not documents:
        return "kept"
    with translated("listing custom resource definitions"):
        listed = kube.plain(kube.extensions.list_custom_resource_definition())["items"]
    seen = {item["metadata"]["name"]: item["metadata"].get("annotations", {}).get(DIGEST) for item in listed}
    stale = stale_crds(documents, seen)
    for document in stale:
        _apply(kube, document)
    if not stale:
        return "kept"
    _wait_until_served(kube, {document["metadata"]["name"] for document in stale}, deadline_s)
    return "changed" if any(document["metadata"]["name"] in seen for document in stale) else "created"


def stale_crds(documents: Sequence[Mapping[str, Any]], seen: Mapping[str, str | None]) -> list[Mapping[str, Any]]:
    """The documents whose digest the cluster does not have.

    Args:
        seen: digest by name of what the cluster has; None where it carries none (applied by somebody else).
    """
    return [document for document in documents if seen.get(document["metadata"]["name"]) != crd_digest(document)]


def crd_digest(document: Mapping[str, Any]) -> str:
    """Tells two versions of a definition apart."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


def _apply(kube: Kube, document: Mapping[str, Any]) -> None:
    metadata = document["metadata"]
    annotations = {**metadata.get("annotations", {}), DIGEST: crd_digest(document)}
    body = {**document, "metadata": {**metadata, "annotations": annotations}}
    with translated(f"applying the definition {metadata['name']}"):
        # Forced: Helm, kubectl or an older chart may own the fields.
        kube.extensions.patch_custom_resource_definition(
            metadata["name"],
            body,
            field_manager="magnumhub",
            force=True,
            _content_type="application/apply-patch+yaml",
        )


def _wait_until_served(kube: Kube, names: set[str], deadline_s: float) -> None:
    missing = names
    for listed in changes(
        "waiting for custom resource definitions",
        kube.extensions.list_custom_resource_definition,
        deadline_s=deadline_s,
    ):
        missing = names - {item["metadata"]["name"] for item in map(kube.plain, listed) if _established(item)}
        if not missing:
            return
    raise DeadlineError(f"Kubernetes does not serve {', '.join(sorted(missing))} after {deadline_s:.0f} s")


def _established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions", [])
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
