"""The rules of pods, alone and in templates."""

from __future__ import annotations

import re
from typing import Any

from sandbox.kube import names
from sandbox.kube.errors import Cause
from sandbox.kube.quantities import quantity

Obj = dict[str, Any]
_POLICIES = ("Always", "OnFailure", "Never")
_PULL = ("Always", "IfNotPresent", "Never")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_PORT_RULE = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
_VARIABLE_RULE = "a valid environment variable name must consist only of printable ASCII characters other than '='"


def pod_problems(spec: Obj, path: str) -> list[Cause]:
    """What is wrong with a pod's spec."""
    volumes = [volume.get("name", "") for volume in spec.get("volumes") or []]
    causes = _duplicates(volumes, f"{path}volumes[{{}}].name")
    containers = spec.get("containers") or []
    if not containers:
        causes.append((f"{path}containers", "Required value"))
    causes += _duplicates([c.get("name", "") for c in containers], f"{path}containers[{{}}].name")
    for field in ("initContainers", "containers"):
        for place, container in enumerate(spec.get(field) or []):
            causes += _container_problems(container, f"{path}{field}[{place}].", volumes)
    if spec.get("restartPolicy", "Always") not in _POLICIES:
        causes.append((f"{path}restartPolicy", unsupported(spec["restartPolicy"], _POLICIES)))
    return causes


def unsupported(value: str, supported: tuple[str, ...]) -> str:
    """A cause's message for a word that is none of those."""
    told = ", ".join(f'"{word}"' for word in supported)
    return f'Unsupported value: "{value}": supported values: {told}'


def _duplicates(values: list[str], field: str) -> list[Cause]:
    return [
        (field.format(place), f'Duplicate value: "{value}"')
        for place, value in enumerate(values)
        if value and value in values[:place]
    ]


def _container_problems(container: Obj, path: str, volumes: list[str]) -> list[Cause]:
    causes: list[Cause] = []
    name = container.get("name", "")
    if not name:
        causes.append((f"{path}name", "Required value"))
    else:
        causes += [(f"{path}name", f'Invalid value: "{name}": {told}') for told in names.dns_label_problems(name)]
    if not container.get("image"):
        causes.append((f"{path}image", "Required value"))
    if container.get("imagePullPolicy", "Always") not in _PULL:
        causes.append((f"{path}imagePullPolicy", unsupported(container["imagePullPolicy"], _PULL)))
    for place, port in enumerate(container.get("ports") or []):
        causes += _port_problems(port, f"{path}ports[{place}].")
    for place, variable in enumerate(container.get("env") or []):
        causes += _variable_problems(variable, f"{path}env[{place}].")
    for place, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            causes.append((f"{path}volumeMounts[{place}].name", f'Not found: "{mount.get("name", "")}"'))
    return causes + _resource_problems(container.get("resources") or {}, f"{path}resources.requests")


def _port_problems(port: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if name := port.get("name"):
        causes += [] if _PORT_NAME.fullmatch(name) else [(f"{path}name", f'Invalid value: "{name}": {_PORT_RULE}')]
    return causes + port_number_problems(port.get("containerPort", 0), f"{path}containerPort")


def port_number_problems(number: int, field: str) -> list[Cause]:
    """What is wrong with a port's number."""
    if 0 < number < 65536:
        return []
    return [(field, f"Invalid value: {number}: must be between 1 and 65535, inclusive")]


def _variable_problems(variable: Obj, path: str) -> list[Cause]:
    name = variable.get("name", "")
    if not name:
        return [(f"{path}name", "Required value")]
    return [(f"{path}name", f'Invalid value: "{name}": {_VARIABLE_RULE}')] if "=" in name else []


def _resource_problems(resources: Obj, field: str) -> list[Cause]:
    limits = resources.get("limits") or {}
    return [
        (field, f'Invalid value: "{asked}": must be less than or equal to {name} limit of {limits[name]}')
        for name, asked in (resources.get("requests") or {}).items()
        if name in limits and quantity(asked) > quantity(limits[name])
    ]
