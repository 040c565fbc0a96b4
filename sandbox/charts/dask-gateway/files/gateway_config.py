# ruff: noqa: F821, S102 -- `c` comes from the loader of the file, and extraConfig is code by definition.
# The API server's configuration, from the chart's `gateway` values, which lie beside this file without their secrets.
import json
import os
from pathlib import Path

VALUES = json.loads(Path(__file__).with_name("values.json").read_text())


def value(path):
    """The value at a dotted path; None where there is none, for helm drops keys that are null."""
    found = VALUES
    for key in path.split("."):
        found = (found or {}).get(key)
    return found


c.DaskGateway.address = ":8000"
c.DaskGateway.log_level = value("loglevel")
c.DaskGateway.backend_class = "dask_gateway_server.backends.kubernetes.KubeBackend"
c.KubeBackend.api_url = value("api_url")
c.KubeBackend.gateway_instance = value("instance")
# A real pod reads its namespace from the service account's files, which a process on this machine does not have.
c.KubeClusterConfig.namespace = value("namespace")

traits = {
    "image": "backend.image",
    "namespace": "backend.namespace",
    "environment": "backend.environment",
    "worker_threads": "backend.worker.threads",
}
for role in ("scheduler", "worker"):
    for kind in ("cores", "memory"):
        traits[f"{role}_{kind}"] = f"backend.{role}.{kind}.request"
        traits[f"{role}_{kind}_limit"] = f"backend.{role}.{kind}.limit"
    traits[f"{role}_extra_pod_config"] = f"backend.{role}.extraPodConfig"
    traits[f"{role}_extra_container_config"] = f"backend.{role}.extraContainerConfig"
for trait, path in traits.items():
    if value(path) is not None:
        c.KubeClusterConfig[trait] = value(path)

if value("auth.type") == "simple":
    c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
    if value("auth.simple.password"):
        c.SimpleAuthenticator.password = value("auth.simple.password")
else:
    # The token comes as JUPYTERHUB_API_TOKEN from a Secret. Without apiUrl the hub is a neighbour in the namespace.
    c.DaskGateway.authenticator_class = "dask_gateway_server.auth.JupyterHubAuthenticator"
    c.JupyterHubAuthenticator.jupyterhub_api_url = value("auth.jupyterhub.apiUrl") or (
        "http://{HUB_SERVICE_HOST}:{HUB_SERVICE_PORT}/hub/api".format_map(os.environ)
    )
    if value("auth.jupyterhub.jupyterhubServiceName"):
        c.JupyterHubAuthenticator.jupyterhub_service_name = value("auth.jupyterhub.jupyterhubServiceName")

for name, code in sorted(value("extraConfig").items()):
    exec(compile(code, f"gateway.extraConfig.{name}", "exec"))
