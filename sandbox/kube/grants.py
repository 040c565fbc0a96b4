"""Nobody grants more than they hold: roles and bindings are checked before they are written.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.kube.errors import forbidden, not_found
from sandbox.kube.kinds import Resource
from sandbox.kube.rbac import GROUP, Access, Authorizer
from sandbox.kube.store import Store

Obj = dict[str, Any]
_PLURALS = {"Role": "roles", "ClusterRole": "clusterroles"}


class Grants:
    """Decides who may write which role and which binding."""

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._store, self._authorizer = store, authorizer

    def check(self, user: Obj, resource: Resource, obj: Obj) -> None:
        """StatusError 403 where the user does not hold all that the role, or the role bound, allows."""
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        old = self._store.get(*resource.key, namespace, name) or {}
        if all(old.get(field) == obj.get(field) for field in ("rules", "roleRef", "subjects")) and old:
            return
        if reference := obj.get("roleRef"):
            may = Access("bind", GROUP, _PLURALS[reference["kind"]], "", namespace, reference["name"])
        else:
            may = Access("escalate", GROUP, resource.plural, "", namespace, name)
        if self._authorizer.decide(user, may).allowed:
            return
        rules = self._rules_bound(resource, reference, namespace) if reference else obj.get("rules") or []
        if lacking := self._lacking(user, rules, namespace):
            groups = " ".join(f'"{group}"' for group in user["groups"])
            who = f'user "{user["name"]}" (groups=[{groups}]) is attempting to grant RBAC permissions'
            raise forbidden(GROUP, resource.plural, name, f"{who} not currently held:\n" + "\n".join(lacking))

    def _rules_bound(self, resource: Resource, reference: Obj, namespace: str) -> list[Obj]:
        where = namespace if reference["kind"] == "Role" else ""
        role = self._store.get(GROUP, _PLURALS[reference["kind"]], where, reference["name"])
        if role is None:
            raise not_found(GROUP, resource.plural, reference["name"])
        return role.get("rules") or []

    def _lacking(self, user: Obj, rules: list[Obj], namespace: str) -> list[str]:
        verbs: dict[str, list[str]] = {}
        for rule in rules:
            for told, access in _single(rule, namespace):
                if not self._authorizer.decide(user, access).allowed and access.verb not in verbs.get(told, ()):
                    verbs.setdefault(told, []).append(access.verb)
        listed = {told: " ".join(f'"{verb}"' for verb in found) for told, found in verbs.items()}
        return sorted(f"{{{told}, Verbs:[{found}]}}" for told, found in listed.items())


def _single(rule: Obj, namespace: str) -> Iterator[tuple[str, Access]]:
    """All that a rule allows, one by one, with the words for it."""
    for verb in rule.get("verbs") or []:
        for group in rule.get("apiGroups") or []:
            for asked in rule.get("resources") or []:
                resource, _, subresource = asked.partition("/")
                for name in rule.get("resourceNames") or [""]:
                    named = f', ResourceNames:["{name}"]' if name else ""
                    told = f'APIGroups:["{group}"], Resources:["{asked}"]{named}'
                    yield told, Access(verb, group, resource, subresource, namespace, name)
        for path in rule.get("nonResourceURLs") or []:
            yield f'NonResourceURLs:["{path}"]', Access(verb, path=path)
