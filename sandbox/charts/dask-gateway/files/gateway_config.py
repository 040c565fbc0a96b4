# ruff: noqa: F821, S102 -- `c` comes from the loader of the file, and extraConfig is code by definition.
# The API server's configuration, from the chart's `gateway` values, which lie beside this file without their secrets.
import json
import os
from pathlib import Path

VALUES = json.loads(Path(__file__).with_name("values.json").read_text())

c.DaskGateway.address = ":8000"
c.DaskGateway.log_level = VALUES["loglevel"]
c.DaskGateway.backend_class = "dask_gateway_server.backends.kubernetes.KubeBackend"
c.KubeBackend.api_url = VALUES["api_url"]
c.KubeBackend.gateway_instance = VALUES["instance"]

backend = VALUES["backend"]
traits = {
    "image": backend["image"],
    "namespace": backend["namespace"],
    "environment": backend["environment"],
    "worker_threads": backend["worker"]["threads"],
}
for role in ("scheduler", "worker"):
    for kind in ("cores", "memory"):
        traits[f"{role}_{kind}"] = backend[role][kind]["request"]
        traits[f"{role}_{kind}_limit"] = backend[role][kind]["limit"]
    traits[f"{role}_extra_pod_config"] = backend[role]["extraPodConfig"]
    traits[f"{role}_extra_container_config"] = backend[role]["extraContainerConfig"]
c.KubeClusterConfig.update({name: value for name, value in traits.items() if value is not None})

auth = VALUES["auth"][VALUES["auth"]["type"]]
if VALUES["auth"]["type"] == "simple":
    c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
    if auth["password"]:
        c.SimpleAuthenticator.password = auth["password"]
else:
    # The token comes as JUPYTERHUB_API_TOKEN from a Secret. Without apiUrl the hub is a neighbour in the namespace.
    c.DaskGateway.authenticator_class = "dask_gateway_server.auth.JupyterHubAuthenticator"
    c.JupyterHubAuthenticator.jupyterhub_api_url = auth["apiUrl"] or "http://{}:{}/hub/api".format(
        os.environ["HUB_SERVICE_HOST"], os.environ["HUB_SERVICE_PORT"]
    )
    if auth.get("jupyterhubServiceName"):
        c.JupyterHubAuthenticator.jupyterhub_service_name = auth["jupyterhubServiceName"]

for name, code in sorted(VALUES["extraConfig"].items()):
    exec(compile(code, f"gateway.extraConfig.{name}", "exec"))
