"""What the server fills in where a client left something out: the fields that clients and controllers read.

Filled in at every write, so that an applied object from which a field was taken falls back to its default.
"""

from __future__ import annotations

import base64
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
    fill(spec, enableServiceLinks=True)
    for container in spec.get("containers") or []:
        for mount in container.get("volumeMounts") or []:
            if mount.get("readOnly") is False:
                del mount["readOnly"]
    for condition in (pod.get("status") or {}).get("conditions") or []:
        condition.setdefault("lastProbeTime", None)  # one of the few that a server writes without a value


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
    annotations = obj["metadata"].setdefault("annotations", {})
    annotations.setdefault("deprecated.daemonset.template.generation", "1")
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


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, type="ClusterIP", sessionAffinity="None")
    external = spec["type"] in ("LoadBalancer", "NodePort")
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
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
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _secret(obj: Obj) -> None:
    fill(obj, type="Opaque")
    if texts := obj.pop("stringData", None):
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _claim(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem", resources={})


def _volume(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")
    if "hostPath" in spec:
        fill(spec["hostPath"], type="")


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


def _endpoints(obj: Obj) -> None:
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            fill(port, protocol="TCP")


def _slice(obj: Obj) -> None:
    fill(obj, ports=None, endpoints=None)
    for port in obj.get("ports") or []:
        fill(port, name="", protocol="TCP")
    for endpoint in obj.get("endpoints") or []:
        fill(endpoint, conditions={})


def _event(obj: Obj) -> None:
    obj.setdefault("eventTime", None)
    obj.setdefault("firstTimestamp", None)
    obj.setdefault("lastTimestamp", None)


def _limit_range(obj: Obj) -> None:
    """A limit that is not named follows from the others."""
    for limit in (obj.get("spec") or {}).get("limits") or []:
        if limit.get("type") == "Container":
            default = {**(limit.get("max") or {}), **(limit.get("default") or {})}
            request = {**default, **(limit.get("min") or {}), **(limit.get("defaultRequest") or {})}
            limit |= {**({"default": default} if default else {}), **({"defaultRequest": request} if request else {})}


def _binding(obj: Obj) -> None:
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup="rbac.authorization.k8s.io")


def _priority_class(obj: Obj) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def _driver(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, attachRequired=True, fsGroupPolicy="ReadWriteOnceWithFSType", podInfoOnMount=False)
    fill(spec, requiresRepublish=False, seLinuxMount=False, storageCapacity=False, volumeLifecycleModes=["Persistent"])


_DEFAULTS: dict[tuple[str, str], Callable[[Obj], None]] = {
    ("", "endpoints"): _endpoints,
    ("", "events"): _event,
    ("", "limitranges"): _limit_range,
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
    ("discovery.k8s.io", "endpointslices"): _slice,
    ("networking.k8s.io", "networkpolicies"): _network_policy,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _binding,
    ("rbac.authorization.k8s.io", "rolebindings"): _binding,
    ("scheduling.k8s.io", "priorityclasses"): _priority_class,
    ("storage.k8s.io", "csidrivers"): _driver,
    ("storage.k8s.io", "storageclasses"): _storage_class,
}


def set_defaults(group: str, resource: str, obj: Obj) -> None:
    """Fill in, in place, what the server fills in."""
    if found := _DEFAULTS.get((group, resource)):
        found(obj)
