"""Objects of two clusters made comparable: what each of them draws by lot, or counts, is named by what it is."""

from __future__ import annotations

import re
from typing import Any

_DRAWN = "bcdfghjklmnpqrstvwxz2456789"
_HASH, _SUFFIX = re.compile(rf"-[{_DRAWN}]{{8,10}}\b"), re.compile(rf"-[{_DRAWN}]{{5}}\b")
_COUNTED = {"resourceVersion": "<version>", "nodePort": "<port>", "healthCheckNodePort": "<port>"}
_VERSION = re.compile(r"(?<=in record \()[0-9]+(?=\))|(?<=current: )[0-9]+")
_AGE = re.compile(r"\d+s")
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_LATER_ANNOTATIONS = ("node.alpha.kubernetes.io/ttl", "deprecated.daemonset.template.generation")
_HASHES = {"pod-template-hash", "controller-revision-hash"}


def comparable(value: Any, namespace: str) -> Any:
    """The value with versions, ports, hashes, generated names and the test's namespace replaced."""
    if isinstance(value, dict):
        return {_text(key, namespace): _field(key, inner, namespace) for key, inner in _shown(value).items()}
    if isinstance(value, list):
        return [comparable(item, namespace) for item in value]
    return _text(value, namespace) if isinstance(value, str) else value


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    """Without the annotations that are written at a controller's own time, or by a conversion."""
    if not isinstance(value.get("annotations"), dict):
        return value
    annotations = {key: text for key, text in value["annotations"].items() if key not in _LATER_ANNOTATIONS}
    return {
        **{k: v for k, v in value.items() if k != "annotations"},
        **({"annotations": annotations} if annotations else {}),
    }


def _field(name: str, value: Any, namespace: str) -> Any:
    if name in _COUNTED and value not in ("", "0", 0, None):
        return _COUNTED[name]
    if name == "managedFields":  # how often controllers have written by now is a matter of time
        value = [entry for entry in value if entry.get("manager") not in _CONTROLLERS]
        # Their order hangs on their times, which are whole seconds.
        value.sort(key=lambda e: (e.get("operation", ""), e.get("manager", ""), e.get("subresource", "")))
    if name == "cells":
        value = ["<age>" if isinstance(cell, str) and _AGE.fullmatch(cell) else cell for cell in value]
    if name in _HASHES and isinstance(value, str):
        return "<hash>"
    return comparable(value, namespace)


def _text(text: str, namespace: str) -> str:
    text = _VERSION.sub("<version>", text)
    return _SUFFIX.sub("-<drawn>", _HASH.sub("-<hash>", text.replace(namespace, "<namespace>")))
