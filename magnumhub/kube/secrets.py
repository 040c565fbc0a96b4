"""Namespaces and Secrets of ours: tokens are made once and found again by every later run, on whatever machine."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kubernetes import client

from magnumhub.domain.errors import NotOursError
from magnumhub.domain.results import Action
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import ConflictError, NotFoundError, translated
from magnumhub.kube.marks import is_ours, labels


def ensure_namespace(kube: Kube, name: str, *, site: str) -> Action:
    """Make sure that a namespace exists.

    Safe to repeat: one that exists is left as it is, whoever made it.
    """
    try:
        with translated(f"reading namespace {name}"):
            kube.core.read_namespace(name)
        return "kept"
    except NotFoundError:
        pass
    body = client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=labels(site)))
    try:
        with translated(f"creating namespace {name}"):
            kube.core.create_namespace(body)
    except ConflictError:
        return "kept"
    return "created"


def ensure_token(kube: Kube, namespace: str, name: str, key: str, *, site: str) -> str:
    """A random token kept in a Secret of ours.

    Safe to repeat: made when there is none, found ever after, also when two first runs meet.

    Args:
        namespace: must exist.
        name: of the Secret, key: within it.

    Returns:
        64 hexadecimal digits. Never log them.

    Raises:
        NotOursError: a Secret of that name exists without our mark.
    """
    while True:
        found = _find(kube, namespace, name)
        _refuse_others(found, namespace, name, site)
        data = _text(found)
        if token := data.get(key):
            return token
        # When somebody else wrote meanwhile, what they wrote is read, not written over.
        with suppress(ConflictError):
            _write(kube, namespace, name, {**data, key: secrets.token_hex(32)}, found, site=site)


def read_secret(kube: Kube, namespace: str, name: str) -> dict[str, str] | None:
    """A Secret's text by key; None when there is none. Never log it."""
    found = _find(kube, namespace, name)
    return None if found is None else _text(found)


def write_secret(kube: Kube, namespace: str, name: str, data: Mapping[str, str], *, site: str) -> Action:
    """Make a Secret of ours hold exactly this text.

    Safe to repeat: one that holds it already is not touched.

    Raises:
        NotOursError: a Secret of that name exists without our mark.
        ConflictError: somebody else wrote it in between.
    """
    return _write(kube, namespace, name, data, _find(kube, namespace, name), site=site)


def _write(
    kube: Kube, namespace: str, name: str, data: Mapping[str, str], found: dict[str, Any] | None, *, site: str
) -> Action:
    """Write over what was `found`, and nothing newer."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = client.V1ObjectMeta(name=name, labels=labels(site))
    if found is None:
        with translated(f"creating secret {namespace}/{name}"):
            kube.core.create_namespaced_secret(namespace, client.V1Secret(metadata=metadata, data=encoded))
        return "created"
    _refuse_others(found, namespace, name, site)
    if found.get("data", {}) == encoded:
        return "kept"
    metadata.resource_version = found["metadata"]["resourceVersion"]
    with translated(f"changing secret {namespace}/{name}"):
        kube.core.replace_namespaced_secret(name, namespace, client.V1Secret(metadata=metadata, data=encoded))
    return "changed"


def _refuse_others(found: dict[str, Any] | None, namespace: str, name: str, site: str) -> None:
    if found is not None and not is_ours(found["metadata"].get("labels"), site):
        raise NotOursError(
            f"secret {namespace}/{name} exists and is not of site {site}",
            "rename or delete it, or use another namespace",
        )


def _text(found: dict[str, Any] | None) -> dict[str, str]:
    data = (found or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _find(kube: Kube, namespace: str, name: str) -> dict[str, Any] | None:
    try:
        with translated(f"reading secret {namespace}/{name}"):
            found: dict[str, Any] = kube.plain(kube.core.read_namespaced_secret(name, namespace))
    except NotFoundError:
        return None
    return found
