"""What a sandbox hands to its user: clouds.yaml and a ready-made site file for each kind of cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sandbox import tools
from sandbox.addresses import SSH_PORT
from sandbox.cloud import REGION, Cloud
from sandbox.openstack.seed import PROJECTS, Credentials

HELM_VERSION = "4.1.4"
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {  # name of the site -> cloud, what differs from the plain one
    "heat": ("sandbox", {}),
    # Its API answers inside the cloud only; helm on the runner, so that everything goes through the tunnel.
    "heat-private": ("sandbox", {"cluster": {"template": "kubernetes-v1.30.4"}, "helm": {"run_on": "runner"}}),
    "heat-fip": ("sandbox", {"cluster": {"template": "kubernetes-v1.31.1-fip"}}),
    "capi": (
        "sandbox-capi",
        {"cluster": {"template": "capi-kubernetes-v1.33.1"}, "network": {"floating_ips": {"master": "none"}}},
    ),
}


def write_clouds(cloud: Cloud, credentials: Credentials) -> Path:
    """clouds.yaml for people, cloud.yaml for the cloud's own processes; both only for their owner's eyes."""
    clouds = {name: _password(cloud, name, credentials.passwords[name], project=name) for name in PROJECTS}
    ident, secret = credentials.application_credential
    clouds["sandbox-appcred"] = _entry(
        "v3applicationcredential",
        {
            "auth_url": cloud.url("identity/v3"),
            "application_credential_id": ident,
            "application_credential_secret": secret,
        },
    )
    clouds["sandbox-other"] = clouds.pop("other")
    own = {
        name: _password(cloud, "system:cloud-controller-manager", credentials.cloud_password, project=name)
        for name in PROJECTS
    }
    _write_private(cloud.state_dir / "cloud.yaml", {"clouds": own})
    return _write_private(cloud.state_dir / "clouds.yaml", {"clouds": clouds})


def _password(cloud: Cloud, user: str, password: str, *, project: str) -> dict[str, Any]:
    auth = {
        "auth_url": cloud.url("identity/v3"),
        "username": user,
        "password": password,
        "project_name": project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    return _entry("password", auth)


def _entry(auth_type: str, auth: dict[str, Any]) -> dict[str, Any]:
    return {
        "auth_type": auth_type,
        "region_name": REGION,
        "interface": "public",
        "identity_api_version": 3,
        "auth": auth,
    }


def write_sites(cloud: Cloud, ssh_key: Path, hub_password: Path) -> dict[str, Path]:
    """One site file per kind of cloud, by the kind's name with underscores."""
    paths = {}
    for number, (name, (entry, differences)) in enumerate(_KINDS.items()):
        path = cloud.state_dir / "sites" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        site = _site(cloud, name, entry, ssh_key, hub_password)
        site["health"]["cron"] = f"{number} 4 * * *"  # in Prefect's UI schedules are told apart by their times alone
        for part, values in differences.items():
            site[part] |= values
        path.write_text(yaml.safe_dump(site, sort_keys=False))
        paths[name.replace("-", "_")] = path
    return paths


def _site(cloud: Cloud, name: str, entry: str, ssh_key: Path, hub_password: Path) -> dict[str, Any]:
    return {
        "name": name,
        "cloud": entry,
        "project": entry,
        "cluster": {
            "template": "latest",
            "keypair": "default",
            "node_count": 2,
            "docker_volume_size_gib": 25,
            "labels": {"monitoring_enabled": "false"},
        },
        "network": {"external_network": "public", "floating_ips": {}, "ingress": {"approval": "open"}},
        "access": {"via": "auto", "ssh_user": "core", "ssh_port": SSH_PORT, "ssh_key": str(ssh_key)},
        "storage": {"kind": "dynamic", "home_gib": 1},
        "helm": {"version": HELM_VERSION, "source": "upload", "path": str(tools.executable("helm"))},
        "image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"},
        "jupyterhub": {
            "chart": {"repo": f"{cloud.base_url}/charts/jupyterhub"},
            "auth": {"kind": "dummy", "password": {"file": str(hub_password)}, "allow": "all"},
            # Ports below 1024 need root; the chart's plain HTTP port is fixed at 80.
            "values": {
                "proxy": {
                    "service": {
                        "disableHttpPort": True,
                        "extraPorts": [{"name": "http", "port": 8080, "targetPort": "http"}],
                    }
                }
            },
        },
        "dask_gateway": {
            "chart": {"repo": f"{cloud.base_url}/charts/dask-gateway"},
            "values": {"traefik": {"service": {"ports": {"web": {"port": 8000}}}}},
        },
        "health": {"workers": 2, "array_size": 1000, "chunk": 250},
    }


def _write_private(path: Path, content: dict[str, Any]) -> Path:
    path.touch(0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
