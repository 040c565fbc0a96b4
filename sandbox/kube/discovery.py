"""Discovery: how clients learn what this API serves, in the aggregated form and in the older lists.

Without shortNames here kubectl says "the server doesn't have a resource type ns".
"""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import groupby
from typing import Any

from sandbox.kube.errors import NothingServedError, no_such_path
from sandbox.kube.kinds import Kinds, Resource

AGGREGATED = re.compile(r"g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList")
# What a subresource speaks of, where it is not the resource itself.
_SPOKEN = {
    "scale": ("autoscaling", "v1", "Scale", ["get", "patch", "update"]),
    "binding": ("", "v1", "Binding", ["create"]),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
    "log": ("", "v1", "Pod", ["get"]),
    "finalize": ("", "v1", "Namespace", ["update"]),
}

_SAYS_WHAT_IT_EMULATES = 34  # minor version


def version_info(version: str) -> dict[str, str]:
    """The answer at /version for `v1.31.1`."""
    major, minor = version.removeprefix("v").split(".")[:2]
    compatible = {
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
    }
    return {
        "major": major,
        "minor": minor,
        **(compatible if int(minor) >= _SAYS_WHAT_IT_EMULATES else {}),
        "gitVersion": version,
        "gitCommit": "unknown",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.22.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


_METHODS = {"create": "POST", "get": "GET", "patch": "PATCH", "update": "PUT"}


def methods_of(resource: Resource, sub: str) -> set[str]:
    """The HTTP methods that a subresource takes."""
    return {_METHODS[verb] for verb in _spoken(resource, sub)[3]}


def _spoken(resource: Resource, sub: str) -> tuple[str, str, str, list[str]]:
    own = (resource.group, resource.version, resource.kind, ["get", "patch", "update"])
    return _SPOKEN.get(sub, own)


def _versions(kinds: Kinds, core: bool) -> list[tuple[str, dict[str, list[Resource]]]]:
    """Groups with their versions and what these hold, the core group alone or without it."""
    chosen = [r for r in kinds if (r.group == "") == core]
    groups = []
    for group, of_group in groupby(chosen, key=lambda r: r.group):
        groups.append((group, {v: list(rs) for v, rs in groupby(of_group, key=lambda r: r.version)}))
    return groups


def aggregated(kinds: Kinds, core: bool) -> dict[str, Any]:
    """An APIGroupDiscoveryList of everything below /api or /apis."""
    items = []
    for group, versions in _versions(kinds, core):
        listed = [
            {"version": name, "resources": [_aggregated_resource(r) for r in resources], "freshness": "Current"}
            for name, resources in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    return {**head, "items": items}


def _response_kind(r: Resource, group: str, version: str, kind: str) -> dict[str, str]:
    """The kind of the answers; a built-in one does not repeat the group and version that it is listed under."""
    own = (group, version) == (r.group, r.version) and not r.custom
    return {"group": "" if own else group, "version": "" if own else version, "kind": kind}


def _aggregated_resource(r: Resource) -> dict[str, Any]:
    told: dict[str, Any] = {
        "resource": r.plural,
        "responseKind": _response_kind(r, r.group, r.version, r.kind),
        "scope": "Namespaced" if r.namespaced else "Cluster",
        "singularResource": r.singular,
        "verbs": list(r.verbs),
    }
    if r.short_names:
        told["shortNames"] = list(r.short_names)
    if r.categories:
        told["categories"] = list(r.categories)
    subresources = []
    for sub in r.subresources:
        group, version, kind, verbs = _spoken(r, sub)
        response = _response_kind(r, group, version, kind)
        subresources.append({"subresource": sub, "responseKind": response, "verbs": verbs})
    if subresources:
        told["subresources"] = subresources
    return told


def core_versions(address: str) -> dict[str, Any]:
    """The old list at /api."""
    everybody = {"clientCIDR": "0.0.0.0/0", "serverAddress": address}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [everybody]}


def groups(kinds: Kinds) -> dict[str, Any]:
    """The old list at /apis."""
    found = [group_info(kinds, name) for name, _ in _versions(kinds, core=False)]
    listed = [{key: told[key] for key in ("name", "versions", "preferredVersion")} for told in found]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group_info(kinds: Kinds, group: str) -> dict[str, Any]:
    """One group, at /apis/GROUP."""
    names = sorted({r.version for r in kinds if r.group == group})
    if not names or not group:
        raise NothingServedError
    versions = [{"groupVersion": f"{group}/{name}", "version": name} for name in names]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": versions,
        "preferredVersion": versions[0],
    }


def resources(kinds: Kinds, group: str, version: str) -> dict[str, Any]:
    """The old list of one version's resources, at /api/v1 and /apis/GROUP/VERSION."""
    listed: list[dict[str, Any]] = []
    for r in kinds:
        if (r.group, r.version) == (group, version):
            listed += _listed(r)
    if not listed:
        raise no_such_path() if kinds.has_group(group) else NothingServedError
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _storage_hash(r: Resource) -> str:
    version = "v1beta1" if r.kind == "CustomResourceDefinition" else r.version  # the one that is stored
    told = f"{r.group}/{version}/{r.kind}".encode()
    return base64.b64encode(hashlib.sha256(told).digest()[:8]).decode()


def _listed(r: Resource) -> list[dict[str, Any]]:
    own: dict[str, Any] = {"name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind}
    own["verbs"] = list(r.verbs)
    if r.short_names:
        own["shortNames"] = list(r.short_names)
    if r.categories:
        own["categories"] = list(r.categories)
    if "get" in r.verbs:
        own["storageVersionHash"] = _storage_hash(r)
    listed = [own]
    for sub in r.subresources:
        group, version, kind, verbs = _spoken(r, sub)
        entry = {"name": f"{r.plural}/{sub}", "singularName": "", "namespaced": r.namespaced, "kind": kind}
        foreign = {"group": group, "version": version} if (group, version) != (r.group, r.version) else {}
        listed.append({**entry, **foreign, "verbs": verbs})
    return listed
