"""What a container sees: its variables, and its paths where they really are.

Nothing is mounted. A mountPath is rewritten to the folder that stands for it wherever the pod's spec can name it:
variables, command, args, workingDir.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]

_REFERENCE = re.compile(r"\$(?:\$|\(([^()$\s]+)\))")
_FIELD_KEY = re.compile(r"(metadata\.(?:labels|annotations))\['([^']+)'\]")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Kubernetes' `$(NAME)`; unknown names stay as they are and `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] is None else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def rewrite(text: str, mounts: Mapping[str, str]) -> str:
    """Replace each mountPath, as whole path components, by the folder that stands for it; the longest wins."""
    if not mounts:
        return text
    paths = "|".join(re.escape(path) for path in sorted(mounts, key=len, reverse=True))
    # Not inside a longer path or a name, and not the host of a URL: sqlite:////srv is a path, http://srv is none.
    pattern = rf"(?<![\w.\-])(?<!:/)(?<![\w.\-]/)({paths})(?![\w.\-])"
    return re.sub(pattern, lambda match: mounts[match[1]], text)


def pod_field(pod: Object, path: str) -> str:
    """The downward API's fieldPath."""
    keyed = _FIELD_KEY.fullmatch(path)
    value: Any = pod
    for part in (keyed[1] if keyed else path).split("."):
        value = (value or {}).get(part)
    if keyed:
        value = (value or {}).get(keyed[2])
    if isinstance(value, dict):
        return "\n".join(f'{key}="{text}"' for key, text in sorted(value.items()))
    return "" if value is None else str(value)


def service_variables(services: Iterable[Object]) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and `NAME_SERVICE_PORT[_PORTNAME]` of the Services in a pod's namespace."""
    variables = {}
    for service in services:
        address = service["spec"].get("clusterIP")
        ports = service["spec"].get("ports") or []
        if address in (None, "", "None") or not ports:
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        variables[f"{name}_SERVICE_HOST"] = address
        variables[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                variables[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    return variables


def mounts_of(container: Object, folders: Mapping[str, str]) -> dict[str, str]:
    """mountPath -> the path that stands for it, given each volume's folder."""
    return {
        mount["mountPath"].rstrip("/"): "/".join(filter(None, [folders[mount["name"]], mount.get("subPath")]))
        for mount in container.get("volumeMounts") or []
        if mount["mountPath"].rstrip("/")
    }


def command_line(container: Object, variables: Mapping[str, str], mounts: Mapping[str, str]) -> list[str]:
    """The program and its arguments."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    return [rewrite(expand(word, variables), mounts) for word in words]
