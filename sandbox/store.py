"""The one place where the imitated cloud keeps what exists: plain dictionaries by kind and id, in order of creation."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Resource = dict[str, Any]


class NotFoundError(LookupError):
    """No such resource, or none that the asking project may see."""

    def __init__(self, kind: str, ident: str) -> None:
        super().__init__(f"no {kind} {ident}")
        self.kind = kind
        self.ident = ident


class AmbiguousError(LookupError):
    """Several resources have the name that was given instead of an id."""

    def __init__(self, kind: str, ident: str) -> None:
        super().__init__(f"several {kind}s are called {ident}")
        self.kind = kind
        self.ident = ident


def now() -> str:
    """The time as OpenStack writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Resources by kind and id. Services differ in what they answer, not in how things are kept."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Resource]] = defaultdict(dict)
        self.on_change: Callable[[], None] = lambda: None

    def create(self, kind: str, /, **fields: Any) -> Resource:
        """Keep a new resource; `id` and `created_at` are made unless given."""
        resource: Resource = {"id": str(uuid.uuid4()), "created_at": now(), "updated_at": None} | fields
        self._kinds[kind][resource["id"]] = resource
        self.on_change()
        return resource

    def get(self, kind: str, ident: str, *, project_id: str | None = None) -> Resource:
        """The resource with this id.

        Args:
            project_id: only if it is this project's or shared with all (`_shared`).
        """
        resource = self._kinds[kind].get(ident)
        if resource is None or not _visible(resource, project_id):
            raise NotFoundError(kind, ident)
        return resource

    def find(self, kind: str, ident: str, *, project_id: str | None = None) -> Resource:
        """The resource with this id, else the only one of this name."""
        try:
            return self.get(kind, ident, project_id=project_id)
        except NotFoundError:
            named = self.list(kind, project_id=project_id, name=ident)
        if not named:
            raise NotFoundError(kind, ident)
        if len(named) > 1:
            raise AmbiguousError(kind, ident)
        return named[0]

    def list(
        self,
        kind: str,
        where: Callable[[Resource], bool] = lambda resource: True,
        *,
        project_id: str | None = None,
        **equal: Any,
    ) -> list[Resource]:
        """What exists of a kind, oldest first, with these field values and for which `where` holds."""
        return [
            resource
            for resource in self._kinds[kind].values()
            if _visible(resource, project_id)
            and all(resource.get(field) == value for field, value in equal.items())
            and where(resource)
        ]

    def update(self, kind: str, ident: str, fields: Mapping[str, Any]) -> Resource:
        resource = self.get(kind, ident)
        resource.update(fields, updated_at=now())
        self.on_change()
        return resource

    def delete(self, kind: str, ident: str) -> None:
        self._kinds[kind].pop(ident, None)
        self.on_change()

    def clear(self) -> None:
        self._kinds.clear()
        self.on_change()


def public(resource: Resource) -> Resource:
    """What a service shows of a resource: fields that begin with an underscore are the sandbox's own."""
    return {field: value for field, value in resource.items() if not field.startswith("_")}


def _visible(resource: Resource, project_id: str | None) -> bool:
    return project_id is None or resource.get("project_id", project_id) == project_id or bool(resource.get("_shared"))


def matches(resource: Resource, filters: Iterable[tuple[str, str]]) -> bool:
    """Whether a resource answers to a query string's filters: repeated fields are alternatives, unknown ignored."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for field, value in filters:
        if field in resource:
            wanted[field].add(value)
    return all(_is_among(resource[field], values) for field, values in wanted.items())


def _is_among(value: Any, texts: set[str]) -> bool:
    if isinstance(value, bool):
        return str(value).lower() in {text.lower() for text in texts}
    return str(value) in texts
