"""The control API: what is in the sandbox as seen from outside, faults, and back to the start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import tools
from sandbox.cloud import Cloud
from sandbox.faults import Faults
from sandbox.floating import DataPlane
from sandbox.machines import Machines
from sandbox.scenarios import SCENARIOS
from sandbox.store import Resource, Store, public

_SHOWN_OF_CLUSTERS = ("name", "status", "status_reason", "node_count", "master_count", "docker_volume_size", "labels")
_SHOWN_OF_CLUSTERS += ("cluster_template_id", "api_address", "master_addresses", "project_id", "driver")


def application(
    cloud: Cloud, machines: Machines, data_plane: DataPlane, reset: Callable[[], Awaitable[None]]
) -> Starlette:
    """GET /state, POST /faults, POST /reset; what is answered is in force."""

    async def get_state(request: Request) -> Response:
        return JSONResponse(_state(cloud, machines))

    async def post_faults(request: Request) -> Response:
        body = await request.json()
        try:
            apply(cloud.faults, body)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        machines.intervene()
        await data_plane.reconcile()
        return JSONResponse({})

    async def post_reset(request: Request) -> Response:
        await reset()
        return JSONResponse({})

    return Starlette(
        routes=[
            Route("/state", get_state),
            Route("/faults", post_faults, methods=["POST"]),
            Route("/reset", post_reset, methods=["POST"]),
        ]
    )


def apply(faults: Faults, body: dict[str, Any]) -> None:
    """A fault, settings, a scenario by name, or {"scenario": null}: nothing is wrong any more.

    Raises:
        ValueError: an unknown field, action or scenario, with what there is.
    """
    if "scenario" not in body:
        fault = {key: value for key, value in body.items() if key != "settings"}
        faults.add([fault] if fault else [], body.get("settings"))
        return
    if body["scenario"] is None:
        faults.clear()
        return
    scenario = SCENARIOS.get(body["scenario"])
    if scenario is None:
        raise ValueError(f"no scenario {body['scenario']!r}; there are {', '.join(SCENARIOS)}")
    faults.add(scenario.faults, scenario.settings)


def _state(cloud: Cloud, machines: Machines) -> dict[str, Any]:
    store = cloud.store
    return {
        "clusters": [_cluster(cluster, machines) for cluster in store.list("cluster")],
        "servers": [public(server) | {"flavor": server["flavor"]["name"]} for server in store.list("server")],
        "floating_ips": [public(floating_ip) for floating_ip in store.list("floatingip")],
        "load_balancers": [_load_balancer(store, balancer) for balancer in store.list("loadbalancer")],
        "volumes": [public(volume) for volume in store.list("volume")],
        "releases": [release for running in machines.running.items() for release in _releases(*running)],
        "ssh_connections": cloud.ledger.ssh_connections,
        "mutations": cloud.ledger.mutations,
        "tools": {name: str(tools.executable(name)) for name in ("helm", "kubectl")},
    }


def _load_balancer(store: Store, balancer: Resource) -> dict[str, Any]:
    """As Octavia shows it, with what its users ask next: where it is reached, at which ports."""
    floating_ips = store.list("floatingip", port_id=balancer["vip_port_id"])
    listeners = [store.get("listener", listener["id"]) for listener in balancer["listeners"]]
    return public(balancer) | {
        "floating_ip": floating_ips[0]["floating_ip_address"] if floating_ips else None,
        "ports": [listener["protocol_port"] for listener in listeners],
    }


def _cluster(cluster: Resource, machines: Machines) -> dict[str, Any]:
    running = machines.running.get(cluster["id"])
    shown = {"uuid": cluster["id"]} | {field: cluster[field] for field in _SHOWN_OF_CLUSTERS}
    return shown | {"kubeconfig": str(running.kubeconfig) if running and running.kubeconfig.exists() else None}


def _releases(cluster_id: str, running: Any) -> list[dict[str, Any]]:
    """Helm's releases, of each the newest revision, from the labels of the Secrets that Helm keeps them in."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for secret in running.kube.store.list("", "secrets"):
        if secret.get("type") != "helm.sh/release.v1":
            continue
        labels, namespace = secret["metadata"]["labels"], secret["metadata"]["namespace"]
        release = {
            "cluster": cluster_id,
            "name": labels["name"],
            "namespace": namespace,
            "revision": int(labels["version"]),
            "status": labels["status"],
        }
        key = (namespace, labels["name"])
        if key not in newest or newest[key]["revision"] < release["revision"]:
            newest[key] = release
    return list(newest.values())
