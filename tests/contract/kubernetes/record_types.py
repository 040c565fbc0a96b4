"""Write down, from a real API's own OpenAPI documents, what fields its kinds have: sandbox/kube/types.json.

KUBEBUILDER_ASSETS=... python -m tests.contract.kubernetes.record_types
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.kube import types
from sandbox.kube.kinds import Kinds
from tests.support.kube_api import admin, real_api

_SCALARS = {  # types of the API machinery that are no objects to whoever writes them
    "IntOrString": "int-or-string",
    "Quantity": "quantity",
    "Time": "time",
    "MicroTime": "time",
    "FieldsV1": "any",
    "RawExtension": "any",
    "JSON": "any",
    "JSONSchemaPropsOrArray": "any",
    "JSONSchemaPropsOrBool": "any",
    "JSONSchemaPropsOrStringArray": "any",
}
_ALSO = (
    ("", "v1", "Binding"),
    ("", "v1", "DeleteOptions"),
    ("authentication.k8s.io", "v1", "TokenRequest"),
    ("autoscaling", "v1", "Scale"),
    ("policy", "v1", "Eviction"),
)


def _name(reference: str) -> str:
    """A type's name without the path that all share: `apps.v1.DeploymentSpec`."""
    return ".".join(reference.rpartition("/")[2].split(".")[-3:])


def _kind_of(schema: dict[str, Any]) -> Any:
    """A field's type as the file has it."""
    reference = schema.get("$ref") or next((s["$ref"] for s in schema.get("allOf", []) if "$ref" in s), None)
    if reference:
        scalar = _SCALARS.get(reference.rpartition(".")[2])
        atomic = schema.get("x-kubernetes-map-type") == "atomic"
        retains = "retainKeys" in schema.get("x-kubernetes-patch-strategy", "")
        plain = scalar or _name(reference)
        marks = {**({"atomic": True} if atomic else {}), **({"retain_keys": True} if retains else {})}
        return {"ref": plain, **marks} if marks and not scalar else plain
    if schema.get("type") == "array":
        return _list_of(schema)
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        atomic = schema.get("x-kubernetes-map-type") == "atomic"
        return {"map": _kind_of(inner), **({"atomic": True} if atomic else {})} if inner else "any"
    if schema.get("format") == "byte":
        return "bytes"
    return schema.get("format") if schema.get("format") in ("int32", "int64") else schema.get("type", "any")


def _list_of(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"list": _kind_of(schema["items"])}
    kind = schema.get("x-kubernetes-list-type")
    if kind == "map":
        found["keys"] = schema["x-kubernetes-list-map-keys"]
    elif kind == "set":
        found["set"] = True
    if "merge" in schema.get("x-kubernetes-patch-strategy", ""):
        found["merge"] = schema.get("x-kubernetes-patch-merge-key", "")
        if kind is None:  # what strategic merge unites, server-side apply unites as well
            found |= {"keys": [found["merge"]]} if found["merge"] else {"set": True}
    return found


def _type_of(schema: dict[str, Any]) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    fields = {name: _kind_of(inner) for name, inner in properties.items()}
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    # What is no pointer in the server's own types, and not left out when it is empty, is always written.
    always = {
        name: inner["default"] for name, inner in properties.items() if inner.get("default") in ({}, "", 0, False)
    }
    always |= {name: None for name in required if isinstance(fields[name], dict) and "list" in fields[name]}
    keys = {name: inner["default"] for name, inner in properties.items() if isinstance(inner.get("default"), str)}
    keys = {name: default for name, default in keys.items() if default}
    return {
        "fields": dict(sorted(fields.items())),
        **({"always": dict(sorted(always.items()))} if always else {}),
        **({"defaults": keys} if keys else {}),
        **({"atomic": True} if atomic else {}),
    }


def _references(kind: Any) -> Iterator[str]:
    if isinstance(kind, dict):
        for value in kind.values():
            yield from _references(value)
    elif isinstance(kind, str):
        yield kind


def _reached(schemas: dict[str, Any], roots: list[str]) -> dict[str, Any]:
    """The types that lead on from some of them, by name."""
    found: dict[str, Any] = {}
    ahead = list(roots)
    while ahead:
        name = ahead.pop()
        if name not in found and name in schemas:
            found[name] = _type_of(schemas[name])
            ahead += _references(found[name]["fields"])
    return dict(sorted(found.items()))


def main() -> None:
    """Ask and write."""
    kinds = {(r.group, r.version, r.kind) for r in Kinds()}
    with tempfile.TemporaryDirectory() as folder, real_api(os.environ, Path(folder)) as access, admin(access) as client:
        version = client.get("/version").json()["gitVersion"]
        paths = {f"{'apis' if group else 'api'}/{group}{'/' if group else ''}{v}" for group, v, _ in kinds}
        documents = [client.get(f"/openapi/v3/{path}").json() for path in sorted(paths)]
    schemas, roots = {}, {}
    for document in documents:
        for reference, schema in document["components"]["schemas"].items():
            schemas.setdefault(_name(reference), schema)
            for told in schema.get("x-kubernetes-group-version-kind", []):
                key = (told["group"], told["version"], told["kind"])
                if key in kinds or key in _ALSO:
                    roots["/".join(key)] = _name(reference)
    found = _reached(schemas, list(roots.values()))
    head = f' "version": {json.dumps(version)},\n "kinds": {json.dumps(dict(sorted(roots.items())))},\n'
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(told)}" for name, told in found.items())
    types.FILE.write_text(f'{{\n{head} "types": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    main()
