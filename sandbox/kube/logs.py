"""`kubectl logs`: the API server asks the pod's node, where the node's own object says it listens."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlencode

import httpx

from sandbox.kube.errors import StatusError, bad_request, not_found
from sandbox.kube.objects import Objects
from sandbox.kube.web import Request, Send

Obj = dict[str, Any]
_PASSED_ON = ("follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes")


async def send_log(request: Request, send: Send, objects: Objects, pod: Obj, tls: ssl.SSLContext) -> None:
    """Pass the container's log on as it comes."""
    container = _container(pod, request.query.get("container", ""))
    url = (
        _address(objects, pod) + f"/containerLogs/{pod['metadata']['namespace']}/{pod['metadata']['name']}/{container}"
    )
    query = urlencode({k: v for k, v in request.query.items() if k in _PASSED_ON})
    started = False
    async with httpx.AsyncClient(verify=tls, timeout=httpx.Timeout(10, read=None)) as client:
        try:
            async with client.stream("GET", f"{url}?{query}") as answer:
                if answer.status_code >= 400:
                    raise bad_request((await answer.aread()).decode(errors="replace").strip())
                headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-cache, private")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                started = True
                async for part in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except httpx.HTTPError as error:
            if not started:
                raise StatusError(500, "InternalError", f'Get "{url}": {error}') from error
    await send({"type": "http.response.body", "body": b""})


def _container(pod: Obj, asked: str) -> str:
    names = [c["name"] for c in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]]
    if not asked and len(pod["spec"]["containers"]) == 1:
        return pod["spec"]["containers"][0]["name"]
    name = pod["metadata"]["name"]
    if not asked:
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")
    if asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _address(objects: Objects, pod: Obj) -> str:
    node_name = pod["spec"].get("nodeName")
    if not node_name:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    node = objects.store.get("", "nodes", "", node_name)
    if node is None:
        raise not_found("", "nodes", node_name)
    address = next(
        (a["address"] for a in node["status"].get("addresses") or [] if a["type"] == "InternalIP"), node_name
    )
    port = (node["status"].get("daemonEndpoints") or {}).get("kubeletEndpoint", {}).get("Port", 10250)
    return f"https://{address}:{port}"
