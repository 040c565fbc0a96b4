"""The resources that this API serves: a table of the built-in ones, and those that CustomResourceDefinitions add.

A built-in resource is listed when somebody here acts on it or a chart carries it. Workloads without a controller here
(StatefulSets, CronJobs) are left out on purpose: refused by name is better than stored and never run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.kube.errors import NothingServedError, StatusError, no_such_path, qualified

CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One resource of one API version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    custom: bool = False
    schema: Any = field(default=None, compare=False)  # of a custom one, as its definition says

    @cached_property
    def described(self) -> Any:
        """The type that the schema describes; None without one."""
        from sandbox.kube.schemas import type_of_schema

        return type_of_schema(self.schema, root=True) if self.schema else None

    @property
    def key(self) -> tuple[str, str]:
        """The pair (group, plural) by which the store knows it."""
        return self.group, self.plural

    @property
    def singular(self) -> str:
        """The name for one."""
        return self.kind.lower()

    @property
    def group_version(self) -> str:
        """As apiVersion says it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As messages say it: `deployments.apps`."""
        return qualified(self.group, self.plural)


# group version | plural | Kind | scope: N(amespaced) or C(luster) | short names | categories | subresources
_BUILT_IN = """
v1 | configmaps | ConfigMap | N | cm | |
v1 | endpoints | Endpoints | N | ep | |
v1 | events | Event | N | ev | |
v1 | limitranges | LimitRange | N | limits | |
v1 | namespaces | Namespace | C | ns | | status finalize
v1 | nodes | Node | C | no | | status
v1 | persistentvolumeclaims | PersistentVolumeClaim | N | pvc | | status
v1 | persistentvolumes | PersistentVolume | C | pv | | status
v1 | pods | Pod | N | po | all | status binding log
v1 | resourcequotas | ResourceQuota | N | quota | | status
v1 | secrets | Secret | N | | |
v1 | serviceaccounts | ServiceAccount | N | sa | | token
v1 | services | Service | N | svc | all | status
apiextensions.k8s.io/v1 | customresourcedefinitions | CustomResourceDefinition | C | crd crds | api-extensions | status
apps/v1 | daemonsets | DaemonSet | N | ds | all | status
apps/v1 | deployments | Deployment | N | deploy | all | status scale
apps/v1 | replicasets | ReplicaSet | N | rs | all | status scale
authentication.k8s.io/v1 | selfsubjectreviews | SelfSubjectReview | C | | |
authentication.k8s.io/v1 | tokenreviews | TokenReview | C | | |
authorization.k8s.io/v1 | localsubjectaccessreviews | LocalSubjectAccessReview | N | | |
authorization.k8s.io/v1 | selfsubjectaccessreviews | SelfSubjectAccessReview | C | | |
authorization.k8s.io/v1 | subjectaccessreviews | SubjectAccessReview | C | | |
batch/v1 | jobs | Job | N | | all | status
coordination.k8s.io/v1 | leases | Lease | N | | |
discovery.k8s.io/v1 | endpointslices | EndpointSlice | N | | |
networking.k8s.io/v1 | ingressclasses | IngressClass | C | | |
networking.k8s.io/v1 | ingresses | Ingress | N | ing | | status
networking.k8s.io/v1 | networkpolicies | NetworkPolicy | N | netpol | |
policy/v1 | poddisruptionbudgets | PodDisruptionBudget | N | pdb | | status
rbac.authorization.k8s.io/v1 | clusterrolebindings | ClusterRoleBinding | C | | |
rbac.authorization.k8s.io/v1 | clusterroles | ClusterRole | C | | |
rbac.authorization.k8s.io/v1 | rolebindings | RoleBinding | N | | |
rbac.authorization.k8s.io/v1 | roles | Role | N | | |
scheduling.k8s.io/v1 | priorityclasses | PriorityClass | C | pc | |
storage.k8s.io/v1 | csidrivers | CSIDriver | C | | |
storage.k8s.io/v1 | csinodes | CSINode | C | | |
storage.k8s.io/v1 | storageclasses | StorageClass | C | sc | |
"""


def _built_in() -> list[Resource]:
    resources = []
    for line in _BUILT_IN.strip().splitlines():
        group_version, plural, kind, scope, short, categories, sub = (cell.strip() for cell in line.split("|"))
        group, _, version = group_version.rpartition("/")
        verbs = ("create",) if kind.endswith("Review") else ALL_VERBS
        if kind == "Namespace":
            verbs = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
        words = (tuple(cell.split()) for cell in (short, categories, sub))
        resources.append(Resource(group, version, plural, kind, scope == "N", *words, verbs=verbs))
    return resources


def of_definition(definition: dict[str, Any]) -> list[Resource]:
    """The resources that a CustomResourceDefinition brings: one for each served version."""
    spec = definition["spec"]
    names = spec["names"]
    return [
        Resource(
            spec["group"],
            version["name"],
            names["plural"],
            names["kind"],
            spec["scope"] == "Namespaced",
            tuple(names.get("shortNames") or ()),
            tuple(names.get("categories") or ()),
            tuple(version.get("subresources") or ()),
            verbs=CUSTOM_VERBS,
            custom=True,
            schema=(version.get("schema") or {}).get("openAPIV3Schema"),
        )
        for version in spec["versions"]
        if version.get("served", True)
    ]


class Kinds:
    """The resources served now."""

    def __init__(self) -> None:
        self._resources = {(r.group, r.version, r.plural): r for r in _built_in()}
        self.generation = 0  # counts changes, so that what is derived from the table can be kept until then

    def __iter__(self) -> Any:
        return iter(sorted(self._resources.values(), key=lambda r: (r.group, r.version, r.plural)))

    def find(self, group: str, version: str, plural: str) -> Resource:
        """The resource of a request's path; StatusError 404 where there is none."""
        found = self._resources.get((group, version, plural))
        if found is None:
            raise no_such_path() if self.has_group(group) else NothingServedError
        return found

    def has_group(self, group: str) -> bool:
        """Whether anything of this group is served."""
        return any(key[0] == group for key in self._resources)

    def of(self, group: str, plural: str) -> Resource:
        """The resource in whichever version is served."""
        for resource in self._resources.values():
            if resource.key == (group, plural):
                return resource
        raise StatusError(404, "NotFound", f"no resource {qualified(group, plural)}")

    def define(self, definition: dict[str, Any]) -> None:
        """Serve what a CustomResourceDefinition defines, in place of what it defined before."""
        self.undefine(definition)
        self._resources.update({(r.group, r.version, r.plural): r for r in of_definition(definition)})
        self.generation += 1

    def undefine(self, definition: dict[str, Any]) -> None:
        """Serve it no longer."""
        key = (definition["spec"]["group"], definition["spec"]["names"]["plural"])
        self._resources = {k: r for k, r in self._resources.items() if r.key != key}
        self.generation += 1
