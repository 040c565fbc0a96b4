"""Objects of two clusters made comparable: what each of them draws by lot, or counts, is named by what it is."""

from __future__ import annotations

import re
from typing import Any

_DRAWN = "bcdfghjklmnpqrstvwxz2456789"
_HASH, _SUFFIX = re.compile(rf"-[{_DRAWN}]{{8,10}}\b"), re.compile(rf"-[{_DRAWN}]{{5}}\b")
_COUNTED = {"resourceVersion": "<version>", "nodePort": "<port>", "healthCheckNodePort": "<port>"}
_AGE = re.compile(r"\d+s")
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_HASHES = {"pod-template-hash", "controller-revision-hash"}


def comparable(value: Any, namespace: str) -> Any:
    """The value with versions, ports, hashes, generated names and the test's namespace replaced."""
    if isinstance(value, dict):
        return {_text(key, namespace): _field(key, inner, namespace) for key, inner in value.items()}
    if isinstance(value, list):
        return [comparable(item, namespace) for item in value]
    return _text(value, namespace) if isinstance(value, str) else value


def _field(name: str, value: Any, namespace: str) -> Any:
    if name in _COUNTED and value not in ("", "0", 0, None):
        return _COUNTED[name]
    if name == "managedFields":  # how often controllers have written by now is a matter of time
        value = [entry for entry in value if entry.get("manager") not in _CONTROLLERS]
    if name == "cells":
        value = ["<age>" if isinstance(cell, str) and _AGE.fullmatch(cell) else cell for cell in value]
    if name == "annotations":  # written by a controller at its own time
        value = {key: text for key, text in value.items() if key != "node.alpha.kubernetes.io/ttl"}
    if name in _HASHES and isinstance(value, str):
        return "<hash>"
    return comparable(value, namespace)


def _text(text: str, namespace: str) -> str:
    return _SUFFIX.sub("-<drawn>", _HASH.sub("-<hash>", text.replace(namespace, "<namespace>")))
