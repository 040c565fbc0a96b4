"""Tables: the form in which the server answers `kubectl get`, for lists, single objects and watches."""

from __future__ import annotations

from typing import Any

from sandbox.kube.columns import columns_of
from sandbox.kube.errors import bad_request
from sandbox.kube.kinds import Resource

Obj = dict[str, Any]
_INCLUDED = ("Metadata", "Object", "None")


class Tabulator:
    """Rows of one resource; what of the object a row carries is the client's choice (includeObject)."""

    def __init__(self, resource: Resource, include: str = "Metadata", definition: Obj | None = None) -> None:
        self._columns = columns_of(resource, definition)
        self._include = include or "Metadata"
        if self._include not in _INCLUDED:
            why = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
            raise bad_request(f"Unable to convert to Table as requested: {why}")

    def definitions(self) -> list[Obj]:
        """The heads."""
        return [
            {"name": c.name, "type": c.type, "format": c.format, "description": c.name, "priority": c.priority}
            for c in self._columns
        ]

    def row(self, obj: Obj) -> Obj:
        """One object's row."""
        row: Obj = {"cells": [column.cell(obj) for column in self._columns]}
        if self._include == "None":
            row["object"] = None
        elif self._include == "Object":
            row["object"] = obj
        elif self._include == "Metadata":
            row["object"] = partial(obj)
        return row

    def table(self, objects: list[Obj], meta: Obj, *, heads: bool = True) -> Obj:
        """A Table of these objects."""
        table = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        return {
            **table,
            "columnDefinitions": self.definitions() if heads else None,
            "rows": [self.row(o) for o in objects],
        }


def partial(obj: Obj) -> Obj:
    """The object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
