"""What the server fills in where a client left something out: the fields that clients and controllers read.

Filled in at every write, so that an applied object from which a field was taken falls back to its default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Obj = dict[str, Any]


def fill(obj: Obj, **values: Any) -> None:
    """Set what is missing or null."""
    for key, value in values.items():
        if obj.get(key) is None:
            obj[key] = value


def _pod_spec(spec: Obj) -> None:
    fill(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    fill(spec, securityContext={}, terminationGracePeriodSeconds=30)
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        _container(container)
    for volume in spec.get("volumes") or []:
        for source in ("secret", "configMap", "projected", "downwardAPI"):
            if source in volume:
                fill(volume[source], defaultMode=420)
        if "hostPath" in volume:
            fill(volume["hostPath"], type="")


def _container(container: Obj) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    fill(container, imagePullPolicy="Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent")
    fill(container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    for port in container.get("ports") or []:
        fill(port, protocol="TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            _probe(container[probe])
    for variable in container.get("env") or []:
        if field := (variable.get("valueFrom") or {}).get("fieldRef"):
            fill(field, apiVersion="v1")
    limits = container["resources"].get("limits")
    if limits:
        container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}


def _probe(probe: Obj) -> None:
    fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if "httpGet" in probe:
        fill(probe["httpGet"], path="/", scheme="HTTP")


def _template(spec: Obj) -> None:
    template = spec.setdefault("template", {})
    fill(template, metadata={}, spec={})
    _pod_spec(template["spec"])


def _pod(pod: Obj) -> None:
    spec = pod.setdefault("spec", {})
    _pod_spec(spec)
    fill(spec, serviceAccountName="default", serviceAccount="default", priority=0, enableServiceLinks=True)
    fill(spec, preemptionPolicy="PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    fill(pod["status"], phase="Pending", qosClass=_quality(spec))


def _quality(spec: Obj) -> str:
    """The pod's quality of service class."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    resources = [c["resources"] for c in containers]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    full = all(
        {"cpu", "memory"} <= (r.get("limits") or {}).keys() and r.get("requests") == r["limits"] for r in resources
    )
    return "Guaranteed" if full else "Burstable"


def _deployment(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        fill(spec["strategy"], rollingUpdate={})
        fill(spec["strategy"]["rollingUpdate"], maxSurge="25%", maxUnavailable="25%")
    else:
        spec["strategy"].pop("rollingUpdate", None)
    _template(spec)


def _replica_set(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), replicas=1)
    _template(obj["spec"])


def _daemon_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, revisionHistoryLimit=10, updateStrategy={"type": "RollingUpdate"})
    if spec["updateStrategy"].get("type", "RollingUpdate") == "RollingUpdate":
        fill(spec["updateStrategy"], type="RollingUpdate", rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], maxSurge=0, maxUnavailable=1)
    _template(spec)


def _job(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        fill(spec, completions=1)
    fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False, manualSelector=False)
    fill(spec, podReplacementPolicy="TerminatingOrFailed")
    _template(spec)
    uid = obj["metadata"].get("uid")
    if uid and not spec["manualSelector"]:
        fill(spec, selector={"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
        labels = dict(spec["template"]["metadata"].get("labels") or {})
        for prefix in ("", "batch.kubernetes.io/"):
            labels |= {f"{prefix}controller-uid": uid, f"{prefix}job-name": obj["metadata"]["name"]}
        spec["template"]["metadata"]["labels"] = labels


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, type="ClusterIP", sessionAffinity="None")
    external = spec["type"] in ("LoadBalancer", "NodePort")
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if external:
        fill(spec, externalTrafficPolicy="Cluster")
    else:
        spec.pop("externalTrafficPolicy", None)
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    else:
        spec.pop("allocateLoadBalancerNodePorts", None)
    for port in spec.get("ports") or []:
        fill(port, protocol="TCP", targetPort=port.get("port"))
        if not external:
            port.pop("nodePort", None)
    fill(obj["status"], loadBalancer={})
    for ingress in obj["status"].get("loadBalancer", {}).get("ingress") or []:
        if ingress.get("ip"):
            fill(ingress, ipMode="VIP")


def _namespace(obj: Obj) -> None:
    fill(obj, spec={})
    if "deletionTimestamp" not in obj["metadata"]:
        fill(obj["spec"], finalizers=["kubernetes"])
    fill(obj["status"], phase="Active")
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _secret(obj: Obj) -> None:
    fill(obj, type="Opaque")


def _claim(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem", resources={})
    fill(obj["status"], phase="Pending")


def _volume(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")
    fill(obj["status"], phase="Available")


def _storage_class(obj: Obj) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _definition(obj: Obj) -> None:
    names = obj["spec"]["names"]
    fill(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")
    fill(obj["spec"], conversion={"strategy": "None"})


def _node(obj: Obj) -> None:
    fill(obj, spec={}, status={})


def _network_policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, policyTypes=["Ingress", *(["Egress"] if "egress" in spec else [])])
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            fill(port, protocol="TCP")


_DEFAULTS: dict[tuple[str, str], Callable[[Obj], None]] = {
    ("", "namespaces"): _namespace,
    ("", "nodes"): _node,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _volume,
    ("", "pods"): _pod,
    ("", "secrets"): _secret,
    ("", "services"): _service,
    ("apiextensions.k8s.io", "customresourcedefinitions"): _definition,
    ("apps", "daemonsets"): _daemon_set,
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _replica_set,
    ("batch", "jobs"): _job,
    ("networking.k8s.io", "networkpolicies"): _network_policy,
    ("storage.k8s.io", "storageclasses"): _storage_class,
}


def set_defaults(group: str, resource: str, obj: Obj) -> None:
    """Fill in, in place, what the server fills in."""
    if found := _DEFAULTS.get((group, resource)):
        found(obj)
