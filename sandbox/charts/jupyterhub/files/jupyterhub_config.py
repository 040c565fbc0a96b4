# ruff: noqa: F821, S102 -- `c` comes from the loader of the file, and extraConfig is code by definition.
# The hub's configuration, from the chart's values, which a Secret brings in whole. Folders come by environment
# variables, because a pod's mounts need not lie where its manifest says.
import os
from pathlib import Path

import yaml
from kubespawner import KubeSpawner

SECRET = Path(os.environ["HUB_SECRET_DIR"])
VALUES = yaml.safe_load((SECRET / "values.yaml").read_text())
hub, singleuser = VALUES["hub"], VALUES["singleuser"]
release, chart = os.environ["HELM_RELEASE_NAME"], os.environ["HELM_CHART"]


def configure(section, source, traits):
    """Give a section the values that are set; helm drops keys that are null, so such a trait keeps its own default."""
    for trait, path in traits.items():
        value = source
        for key in path.split("."):
            value = value.get(key) if value else None
        if value is not None:
            section[trait] = value


c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.JupyterHub.hub_bind_url = "http://:8081"
c.JupyterHub.hub_connect_url = "http://hub:8081"
c.JupyterHub.cleanup_servers = False  # users keep working while the hub restarts
c.JupyterHub.last_activity_interval = 60
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.cookie_secret = bytes.fromhex((SECRET / "hub.config.JupyterHub.cookie_secret").read_text())
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy-api:8001"
c.CryptKeeper.keys = (SECRET / "hub.config.CryptKeeper.keys").read_text().split(";")

in_memory = hub["db"]["type"] == "sqlite-memory"
c.JupyterHub.db_url = "sqlite://" if in_memory else f"sqlite:///{os.environ['HUB_DATA_DIR']}/jupyterhub.sqlite"

configure(
    c.JupyterHub,
    hub,
    {
        "base_url": "baseUrl",
        "concurrent_spawn_limit": "concurrentSpawnLimit",
        "active_server_limit": "activeServerLimit",
        "allow_named_servers": "allowNamedServers",
        "named_server_limit_per_user": "namedServerLimitPerUser",
        "redirect_to_server": "redirectToServer",
        "shutdown_on_logout": "shutdownOnLogout",
    },
)
configure(
    c.Spawner,
    VALUES,
    {
        "consecutive_failure_limit": "hub.consecutiveFailureLimit",
        "cmd": "singleuser.cmd",
        "default_url": "singleuser.defaultUrl",
    },
)

c.KubeSpawner.namespace = os.environ["POD_NAMESPACE"]
c.KubeSpawner.image = f"{singleuser['image']['name']}:{singleuser['image']['tag']}"
c.KubeSpawner.common_labels = {
    "app": "jupyterhub",
    "release": release,
    "chart": chart,
    "app.kubernetes.io/name": "jupyterhub",
    "app.kubernetes.io/instance": release,
    "app.kubernetes.io/managed-by": "kubespawner",
    "helm.sh/chart": chart,
}
configure(
    c.KubeSpawner,
    singleuser,
    {
        "pod_name_template": "podNameTemplate",
        "start_timeout": "startTimeout",
        "events_enabled": "events",
        "extra_labels": "extraLabels",
        "extra_annotations": "extraAnnotations",
        "environment": "extraEnv",
        "uid": "uid",
        "fs_gid": "fsGid",
        "cpu_limit": "cpu.limit",
        "cpu_guarantee": "cpu.guarantee",
        "mem_limit": "memory.limit",
        "mem_guarantee": "memory.guarantee",
        "profile_list": "profileList",
    },
)

# A pod runs as whoever runs the sandbox, and in a container that is often root, which Jupyter refuses unasked.
c.KubeSpawner.args = ["--allow-root"]

storage = singleuser["storage"]
if storage["type"] == "dynamic":
    c.KubeSpawner.storage_pvc_ensure = True
    configure(
        c.KubeSpawner,
        storage,
        {
            "storage_capacity": "capacity",
            "storage_extra_labels": "extraLabels",
            "storage_class": "dynamic.storageClass",
            "storage_access_modes": "dynamic.storageAccessModes",
            "pvc_name_template": "dynamic.pvcNameTemplate",
        },
    )
    # KubeSpawner 7 keeps to the claim that a user has, whatever the template says by now.
    claim = "{pvc_name}" if hasattr(KubeSpawner, "remember_pvc_name") else storage["dynamic"]["pvcNameTemplate"]
    home = {"name": storage["dynamic"]["volumeNameTemplate"], "persistentVolumeClaim": {"claimName": claim}}
    mount = {"name": home["name"], "mountPath": storage["homeMountPath"]}
elif storage["type"] == "static":
    home = {"name": "home", "persistentVolumeClaim": {"claimName": storage["static"]["pvcName"]}}
    mount = {"name": "home", "mountPath": storage["homeMountPath"], "subPath": storage["static"]["subPath"]}
if storage["type"] != "none":
    c.KubeSpawner.volumes, c.KubeSpawner.volume_mounts = [home], [mount]
    c.KubeSpawner.working_dir = storage["homeMountPath"]

c.JupyterHub.services = [
    {"name": name}
    | {key: value for key, value in service.items() if key != "apiToken"}
    | {"api_token": (SECRET / f"hub.services.{name}.apiToken").read_text()}
    for name, service in hub["services"].items()
]
c.JupyterHub.load_roles = [{"name": name} | role for name, role in hub["loadRoles"].items()]

for section, traits in hub["config"].items():
    c[section].update(traits)

for name, code in sorted(hub["extraConfig"].items()):
    exec(compile(code, f"hub.extraConfig.{name}", "exec"))
