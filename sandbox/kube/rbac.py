"""Who may do what: roles and bindings, evaluated as a real API server evaluates them.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.kube.errors import StatusError, forbidden
from sandbox.kube.store import Store

Obj = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
_MASTERS = "system:masters"
_ACCOUNT = "system:serviceaccount"


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody wants to do: with a resource, or with a path that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and why."""

    allowed: bool
    reason: str = ""


class Authorizer:
    """Decides by what the store holds at that moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decide(self, user: Obj, access: Access) -> Decision:
        """May this user do that?"""
        if _MASTERS in user["groups"]:
            return Decision(True)
        problems = []
        for binding, subject in self._bindings(user, access.namespace):
            reference = binding["roleRef"]
            namespace = binding["metadata"].get("namespace", "")
            role = self._role(reference, namespace)
            if role is None:
                told = f"{reference['kind'].lower()}.{GROUP}"
                problems.append(f'{told} "{reference["name"]}" not found')
            elif any(_covers(rule, access) for rule in role.get("rules") or []):
                return Decision(True, f"RBAC: allowed by {_told(binding)} of {_role_told(reference)} to {subject}")
        listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        return Decision(False, f"RBAC: {listed}" if problems else "")

    def check(self, user: Obj, access: Access) -> None:
        """StatusError 403 where it may not."""
        decision = self.decide(user, access)
        if not decision.allowed:
            raise _refusal(user, access, decision.reason)

    def _bindings(self, user: Obj, namespace: str) -> Iterator[tuple[Obj, str]]:
        """The bindings that name the user, with the subject by which they do."""
        bindings = self._store.list(GROUP, "clusterrolebindings")
        if namespace:
            bindings = bindings + self._store.list(GROUP, "rolebindings", namespace)
        for binding in bindings:
            for subject in binding.get("subjects") or []:
                if _is(subject, user, binding["metadata"].get("namespace", "")):
                    yield binding, _subject_told(subject, binding["metadata"].get("namespace", ""))
                    break

    def _role(self, reference: Obj, namespace: str) -> Obj | None:
        if reference["kind"] == "ClusterRole":
            return self._store.get(GROUP, "clusterroles", "", reference["name"])
        return self._store.get(GROUP, "roles", namespace, reference["name"])


def _is(subject: Obj, user: Obj, namespace: str) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user["groups"]
    if subject["kind"] == "ServiceAccount":
        named = f"{_ACCOUNT}:{subject.get('namespace') or namespace}:{subject['name']}"
        return bool(user["name"] == named)
    return bool(subject["name"] == user["name"])


def _covers(rule: Obj, access: Access) -> bool:
    if not {access.verb, "*"} & set(rule.get("verbs") or ()):
        return False
    if access.path:
        return any(_path_covers(pattern, access.path) for pattern in rule.get("nonResourceURLs") or [])
    asked = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    resources = set(rule.get("resources") or ())
    wild = f"*/{access.subresource}" if access.subresource else ""
    names = rule.get("resourceNames")
    return (
        bool({access.group, "*"} & set(rule.get("apiGroups") or ()))
        and bool({asked, "*", wild} & resources)
        and (not names or access.name in names)
    )


def _path_covers(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def _told(binding: Obj) -> str:
    meta = binding["metadata"]
    named = f"{meta['name']}/{meta['namespace']}" if "namespace" in meta else meta["name"]
    return f'{"RoleBinding" if "namespace" in meta else "ClusterRoleBinding"} "{named}"'


def _role_told(reference: Obj) -> str:
    return f'{reference["kind"]} "{reference["name"]}"'


def _subject_told(subject: Obj, namespace: str) -> str:
    if subject["kind"] == "ServiceAccount":
        return f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or namespace}"'
    return f'{subject["kind"]} "{subject["name"]}"'


def _refusal(user: Obj, access: Access, reason: str) -> StatusError:
    who = f'User "{user["name"]}" cannot {access.verb}'
    if access.path:
        return StatusError(403, "Forbidden", f'forbidden: {who} path "{access.path}"', {})
    resource = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    why = f'{who} resource "{resource}" in API group "{access.group}" {where}'
    return forbidden(access.group, access.resource, access.name, f"{why}: {reason}" if reason else why)
