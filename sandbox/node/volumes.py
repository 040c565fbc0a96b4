"""What a pod refers to, fetched from the API, and its volumes as folders of this machine."""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path

from sandbox.node.environment import Object, expand, pod_field
from sandbox.node.kube_api import ApiError, KubeApi, KubeConfig

_TOKEN_LIFETIME_S = 365 * 24 * 3600  # nothing here renews it: longer than any sandbox lives


class Missing(Exception):
    """Something that the pod needs is not there yet; it is looked for again."""


class References:
    """The ConfigMaps, Secrets, claims and fields that one pod refers to."""

    def __init__(self, api: KubeApi, pod: Object) -> None:
        self._api, self.pod = api, pod
        self._core = f"/api/v1/namespaces/{pod['metadata']['namespace']}"

    async def data(self, resource: str, name: str, optional: bool = False) -> dict[str, bytes]:
        """The contents of a ConfigMap or Secret, by resource (`configmaps`, `secrets`).

        Raises:
            Missing: it is not there, and not optional.
        """
        found = await self._get(resource, name, optional)
        try:
            if resource == "secrets":
                return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
            binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        except binascii.Error as error:
            raise Missing(f"{resource} {name}: {error}") from error
        return {key: value.encode() for key, value in (found.get("data") or {}).items()} | binary

    async def _get(self, resource: str, name: str, optional: bool = False) -> Object:
        try:
            return await self._api.get(f"{self._core}/{resource}/{name}")
        except ApiError as error:
            if error.status == 404 and optional:
                return {}
            raise Missing(str(error)) from error

    async def variables(self, container: Object, known: dict[str, str]) -> dict[str, str]:
        """All variables of a container: `known`, envFrom, env in this order, each later one over the earlier."""
        result = dict(known)
        for source in container.get("envFrom") or []:
            for field, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
                if reference := source.get(field):
                    data = await self.data(resource, reference["name"], reference.get("optional", False))
                    result |= {source.get("prefix", "") + key: os.fsdecode(value) for key, value in data.items()}
        for variable in container.get("env") or []:
            value = await self._value(variable, result)
            if value is not None:
                result[variable["name"]] = value
        return result

    async def _value(self, variable: Object, known: dict[str, str]) -> str | None:
        source = variable.get("valueFrom")
        if not source:
            return expand(variable.get("value") or "", known)
        if field := source.get("fieldRef"):
            return pod_field(self.pod, field["fieldPath"])
        for field, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if reference := source.get(field):
                data = await self.data(resource, reference["name"], reference.get("optional", False))
                if reference["key"] in data:
                    return os.fsdecode(data[reference["key"]])
                if reference.get("optional"):
                    return None
                raise Missing(f"couldn't find key {reference['key']} in {resource} {reference['name']}")
        raise Missing(f"variable {variable['name']}: {', '.join(source)} is not known to this node")

    async def claimed_volume(self, claim: str) -> str:
        """The name of the volume that a claim is bound to."""
        found = await self._get("persistentvolumeclaims", claim)
        if found.get("status", {}).get("phase") != "Bound":
            raise Missing(f'persistentvolumeclaim "{claim}" is not bound')
        return str(found["spec"]["volumeName"])

    async def token(self) -> str:
        """A token of the pod's ServiceAccount, bound to the pod."""
        meta, account = self.pod["metadata"], self.pod["spec"].get("serviceAccountName") or "default"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": _TOKEN_LIFETIME_S, "boundObjectRef": bound},
        }
        try:
            answer = await self._api.create(f"{self._core}/serviceaccounts/{account}/token", body)
        except ApiError as error:
            raise Missing(str(error)) from error
        return str(answer["status"]["token"])


async def prepare(references: References, scratch: Path, claims: Path) -> dict[str, str]:
    """Make the folder of each of the pod's volumes; volume name -> folder.

    Args:
        scratch: for what ends with the pod.
        claims: for what does not: a folder for each PersistentVolume.

    Raises:
        Missing: a ConfigMap, Secret or claim is not there yet, or a kind of volume this node does not have.
    """
    folders = {}
    for volume in references.pod["spec"].get("volumes") or []:
        if claim := volume.get("persistentVolumeClaim"):
            folder = claims / await references.claimed_volume(claim["claimName"])
        else:
            folder = scratch / volume["name"]
        folder.mkdir(parents=True, exist_ok=True)
        await _fill(references, volume, folder)
        folders[volume["name"]] = str(folder)
    return folders


async def _fill(references: References, volume: Object, folder: Path) -> None:
    if "emptyDir" in volume or "persistentVolumeClaim" in volume:
        return
    if projected := volume.get("projected"):
        for source in projected.get("sources") or []:
            await _project(references, source, folder, projected.get("defaultMode", 0o644))
        return
    kinds = {"configMap", "secret", "downwardAPI"} & set(volume)
    if not kinds:
        raise Missing(f"volume {volume['name']}: {', '.join(set(volume) - {'name'})} is not known to this node")
    mode = next(volume[kind].get("defaultMode", 0o644) for kind in kinds)
    await _project(references, volume, folder, mode)


async def _project(references: References, source: Object, folder: Path, mode: int) -> None:
    """One source of files: the same words in a volume and in a projected one, but for `secretName`."""
    for field, resource in (("configMap", "configmaps"), ("secret", "secrets")):
        if wanted := source.get(field):
            name = wanted.get("name") or wanted["secretName"]
            data = await references.data(resource, name, wanted.get("optional", False))
            items = wanted.get("items") or [{"key": key, "path": key} for key in data]
            for item in items:
                if item["key"] not in data:
                    raise Missing(f"references non-existent {field} key: {item['key']}")
                _write(folder / item["path"], data[item["key"]], item.get("mode", mode))
    for item in (source.get("downwardAPI") or {}).get("items") or []:
        text = pod_field(references.pod, item["fieldRef"]["fieldPath"])
        _write(folder / item["path"], text.encode(), item.get("mode", mode))
    if wanted := source.get("serviceAccountToken"):
        _write(folder / wanted["path"], (await references.token()).encode(), mode)


def _write(file: Path, content: bytes, mode: int) -> None:
    """A new file each time: an earlier attempt may have left one that is read-only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)
    file.chmod(mode)


async def kubeconfig(references: References, own: KubeConfig, address: str, file: Path) -> None:
    """Write the pod's way to the API: the clients in pods look for KUBECONFIG where there is no in-cluster folder.

    Args:
        own: the node's.
        address: HOST:PORT where pods reach the API; its certificate is for where the node does.
    """
    cluster = {
        "server": f"https://{address}",
        "tls-server-name": own.tls_name,
        "certificate-authority-data": base64.b64encode(own.authority).decode(),
    }
    context = {"cluster": "cluster", "user": "pod", "namespace": references.pod["metadata"]["namespace"]}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "pod", "user": {"token": await references.token()}}],
        "contexts": [{"name": "pod", "context": context}],
        "current-context": "pod",
    }
    _write(file, json.dumps(config).encode(), 0o600)
