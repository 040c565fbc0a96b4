"""The columns of `kubectl get`, per resource, with the words of the real printers.

Source: Tables asked of a Kubernetes 1.36 API, and kubernetes/pkg/printers/internalversion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kube.administration_columns import ADMINISTRATION
from sandbox.kube.cells import AGE, CREATED, INTEGER, NAME, NONE, Column, age, at, duration, labels, seconds_since
from sandbox.kube.kinds import Resource
from sandbox.kube.pod_words import pod_ready, pod_restarts, pod_status

Obj = dict[str, Any]


def _external_ip(service: Obj) -> str:
    spec = service["spec"]
    ips = list(spec.get("externalIPs") or [])
    if spec["type"] == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec["type"] != "LoadBalancer":
        return ",".join(ips) or NONE
    ingress = service["status"].get("loadBalancer", {}).get("ingress") or []
    ips = [i.get("ip") or i.get("hostname") for i in ingress] + ips
    return ",".join(ips) or "<pending>"


def _service_ports(service: Obj) -> str:
    ports = service["spec"].get("ports") or []
    told = [f"{p['port']}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p['protocol']}" for p in ports]
    return ",".join(told) or NONE


def _endpoints(obj: Obj) -> str:
    found = []
    for subset in obj.get("subsets") or []:
        for address in subset.get("addresses") or []:
            ports = subset.get("ports") or []
            found += [f"{address['ip']}:{p['port']}" for p in ports] or [address["ip"]]
    return _shortened(found)


def _shortened(found: list[str]) -> str:
    if not found:
        return NONE
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more


def _slice_ports(obj: Obj) -> str:
    return _shortened([str(p["port"]) for p in obj.get("ports") or []]) if obj.get("ports") else "<unset>"


def _slice_endpoints(obj: Obj) -> str:
    return _shortened([a for e in obj.get("endpoints") or [] for a in e["addresses"]])


def _containers(field: str) -> Callable[[Obj], str]:
    return lambda o: ",".join(c.get(field, "") for c in o["spec"]["template"]["spec"]["containers"])


_WORKLOAD = [
    Column("Containers", _containers("name"), 1),
    Column("Images", _containers("image"), 1),
    Column("Selector", lambda o: labels(o["spec"].get("selector")), 1),
]


def _node_status(node: Obj) -> str:
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions") or []}
    ready = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    return ready + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")


def _node_roles(node: Obj) -> str:
    prefix = "node-role.kubernetes.io/"
    return (
        ",".join(sorted(k[len(prefix) :] for k in node["metadata"].get("labels") or {} if k.startswith(prefix))) or NONE
    )


def _node_address(kind: str) -> Callable[[Obj], str]:
    return lambda o: next((a["address"] for a in o["status"].get("addresses") or [] if a["type"] == kind), NONE)


_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _access_modes(modes: list[str] | None) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in modes or [])


def _claim_of(volume: Obj) -> str:
    ref = volume["spec"].get("claimRef")
    return f"{ref['namespace']}/{ref['name']}" if ref else ""


def _claim_status(obj: Obj) -> str:
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else obj["status"].get("phase", "")


def _job_status(job: Obj) -> str:
    true = {c["type"] for c in job["status"].get("conditions") or [] if c["status"] == "True"}
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    return next((word for word in ("Complete", "Failed", "Suspended") if word in true), "Running")


def _job_duration(job: Obj) -> str:
    started, completed = job["status"].get("startTime"), job["status"].get("completionTime")
    if not started:
        return ""
    return duration((seconds_since(started) or 0) - (seconds_since(completed) or 0 if completed else 0))


def _class_name(obj: Obj) -> str:
    default = (obj["metadata"].get("annotations") or {}).get("storageclass.kubernetes.io/is-default-class") == "true"
    return obj["metadata"]["name"] + (" (default)" if default else "")


def _involved(event: Obj) -> str:
    involved = event.get("involvedObject") or {}
    return "/".join(filter(None, [involved.get("kind", "").lower(), involved.get("name", "")]))


_COLUMNS: dict[tuple[str, str], list[Column]] = {
    ("", "pods"): [
        NAME,
        Column("Ready", pod_ready),
        Column("Status", pod_status),
        Column("Restarts", pod_restarts),
        AGE,
        Column("IP", at("status.podIP", NONE), 1),
        Column("Node", at("spec.nodeName", NONE), 1),
        Column("Nominated Node", at("status.nominatedNodeName", NONE), 1),
        Column("Readiness Gates", lambda _: NONE, 1),
    ],
    ("", "services"): [
        NAME,
        Column("Type", at("spec.type")),
        Column("Cluster-IP", at("spec.clusterIP", NONE)),
        Column("External-IP", _external_ip),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda o: labels(o["spec"].get("selector")), 1),
    ],
    ("apps", "deployments"): [
        NAME,
        Column("Ready", lambda o: f"{o['status'].get('readyReplicas', 0)}/{o['spec']['replicas']}"),
        Column("Up-to-date", at("status.updatedReplicas", 0)),
        Column("Available", at("status.availableReplicas", 0)),
        AGE,
        *_WORKLOAD,
    ],
    ("apps", "replicasets"): [
        NAME,
        Column("Desired", at("spec.replicas", 0), type=INTEGER),
        Column("Current", at("status.replicas", 0), type=INTEGER),
        Column("Ready", at("status.readyReplicas", 0), type=INTEGER),
        AGE,
        *_WORKLOAD,
    ],
    ("apps", "daemonsets"): [
        NAME,
        Column("Desired", at("status.desiredNumberScheduled", 0), type=INTEGER),
        Column("Current", at("status.currentNumberScheduled", 0), type=INTEGER),
        Column("Ready", at("status.numberReady", 0), type=INTEGER),
        Column("Up-to-date", at("status.updatedNumberScheduled", 0), type=INTEGER),
        Column("Available", at("status.numberAvailable", 0), type=INTEGER),
        Column("Node Selector", lambda o: labels(o["spec"]["template"]["spec"].get("nodeSelector"))),
        AGE,
        *_WORKLOAD,
    ],
    ("batch", "jobs"): [
        NAME,
        Column("Status", _job_status),
        Column("Completions", lambda o: f"{o['status'].get('succeeded', 0)}/{o['spec'].get('completions', 1)}"),
        Column("Duration", _job_duration),
        AGE,
        *_WORKLOAD,
    ],
    ("", "nodes"): [
        NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        AGE,
        Column("Version", at("status.nodeInfo.kubeletVersion")),
        Column("Internal-IP", _node_address("InternalIP"), 1),
        Column("External-IP", _node_address("ExternalIP"), 1),
        Column("OS-Image", at("status.nodeInfo.osImage", "<unknown>"), 1),
        Column("Kernel-Version", at("status.nodeInfo.kernelVersion", "<unknown>"), 1),
        Column("Container-Runtime", at("status.nodeInfo.containerRuntimeVersion", "<unknown>"), 1),
    ],
    ("", "namespaces"): [NAME, Column("Status", at("status.phase")), AGE],
    ("", "events"): [
        Column("Last Seen", lambda o: age(o.get("lastTimestamp") or o.get("eventTime") or o.get("firstTimestamp"))),
        Column("Type", at("type")),
        Column("Reason", at("reason")),
        Column("Object", _involved),
        Column("Subobject", at("involvedObject.fieldPath"), 1),
        Column("Source", at("source.component"), 1),
        Column("Message", lambda o: (o.get("message") or "").strip()),
        Column("First Seen", lambda o: age(o.get("firstTimestamp") or o.get("eventTime")), 1),
        Column("Count", at("count", 1), 1),
        Column("Name", at("metadata.name"), 1, format="name"),
    ],
    ("", "persistentvolumeclaims"): [
        NAME,
        Column("Status", _claim_status),
        Column("Volume", at("spec.volumeName")),
        Column("Capacity", at("status.capacity.storage")),
        Column("Access Modes", lambda o: _access_modes(o["status"].get("accessModes"))),
        Column("StorageClass", at("spec.storageClassName")),
        Column("VolumeAttributesClass", at("spec.volumeAttributesClassName", "<unset>")),
        AGE,
        Column("VolumeMode", at("spec.volumeMode"), 1),
    ],
    ("", "persistentvolumes"): [
        NAME,
        Column("Capacity", at("spec.capacity.storage")),
        Column("Access Modes", lambda o: _access_modes(o["spec"].get("accessModes"))),
        Column("Reclaim Policy", at("spec.persistentVolumeReclaimPolicy")),
        Column("Status", _claim_status),
        Column("Claim", _claim_of),
        Column("StorageClass", at("spec.storageClassName")),
        Column("VolumeAttributesClass", at("spec.volumeAttributesClassName", "<unset>")),
        Column("Reason", at("status.reason")),
        AGE,
        Column("VolumeMode", at("spec.volumeMode"), 1),
    ],
    ("", "secrets"): [NAME, Column("Type", at("type")), Column("Data", lambda o: len(o.get("data") or {})), AGE],
    ("", "configmaps"): [
        NAME,
        Column("Data", lambda o: len({**(o.get("data") or {}), **(o.get("binaryData") or {})})),
        AGE,
    ],
    ("", "endpoints"): [NAME, Column("Endpoints", _endpoints), AGE],
    ("discovery.k8s.io", "endpointslices"): [
        NAME,
        Column("AddressType", at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints),
        AGE,
    ],
    ("storage.k8s.io", "storageclasses"): [
        Column("Name", _class_name, format="name"),
        Column("Provisioner", at("provisioner")),
        Column("ReclaimPolicy", at("reclaimPolicy")),
        Column("VolumeBindingMode", at("volumeBindingMode")),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", False)),
        AGE,
    ],
    ("coordination.k8s.io", "leases"): [NAME, Column("Holder", at("spec.holderIdentity")), AGE],
    ("apiextensions.k8s.io", "customresourcedefinitions"): [NAME, CREATED],
    ("rbac.authorization.k8s.io", "roles"): [NAME, CREATED],
    ("rbac.authorization.k8s.io", "clusterroles"): [NAME, CREATED],
    ("networking.k8s.io", "networkpolicies"): [
        NAME,
        Column("Pod-Selector", lambda o: labels(o["spec"].get("podSelector"))),
        AGE,
    ],
}


def columns_of(resource: Resource, definition: Obj | None) -> list[Column]:
    """The columns of a resource; a custom one's come from its definition (simple paths only), else name and age."""
    if definition is None:
        return _COLUMNS.get(resource.key) or ADMINISTRATION.get(resource.key, [NAME, AGE])
    version = next(v for v in definition["spec"]["versions"] if v["name"] == resource.version)
    columns = [NAME]
    for extra in version.get("additionalPrinterColumns") or []:
        if extra["type"] == "date":
            path = at(extra["jsonPath"].lstrip("."), None)
            columns.append(Column(extra["name"], lambda o, p=path: age(p(o)), extra.get("priority", 0), "date"))
        else:
            columns.append(
                Column(extra["name"], at(extra["jsonPath"].lstrip(".")), extra.get("priority", 0), extra["type"])
            )
    return columns if len(columns) > 1 else [NAME, AGE]
