"""What a chart's own configuration code makes of its ConfigMaps and Secrets, run by the programs that read it.

The hub's and the gateway's code run in those of the sandbox's images that are nearest to the chart's own: they hold the
real JupyterHub, KubeSpawner and dask-gateway-server. Nothing is started.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.compat import ChartName, app_version_of
from magnumhub.domain.versions import minor_of, version_of
from sandbox import images
from tests.charts.archives import Given
from tests.charts.rendering import Rendered

_MOUNTED = "/usr/local/etc/jupyterhub"
_IMAGES: dict[ChartName, str] = {
    "jupyterhub": "quay.io/jupyterhub/k8s-hub",
    "dask-gateway": "ghcr.io/dask/dask-gateway-server",
}

READ_BY: dict[str, str] = {}
"""A chart's label -> the image whose programs read its code, for the report at the end of a run."""

_HUB = """
import asyncio, contextlib, json, sys
from traitlets.config.loader import PyFileConfigLoader
from kubespawner import KubeSpawner
from tornado.httpclient import AsyncHTTPClient

AsyncHTTPClient.configure = lambda *_, **__: None  # the chart asks for pycurl, which needs a library of the system's

async def pod():
    spawner = KubeSpawner(config=c, _mock=True)
    return spawner.api.api_client.sanitize_for_serialization(await spawner.get_pod_manifest())

with contextlib.redirect_stdout(sys.stderr):
    c = PyFileConfigLoader("jupyterhub_config.py", path=sys.argv[1]).load_config()
    notebook = asyncio.run(pod())
print(json.dumps({
    "notebook": notebook,
    "services": {service["name"]: service.get("api_token") for service in c.JupyterHub.services},
    "roles": {role["name"]: role["scopes"] for role in c.JupyterHub.load_roles},
    "authenticator": c.JupyterHub.authenticator_class,
}))
"""

_GATEWAY = """
import json, sys
from traitlets.config.loader import PyFileConfigLoader
from dask_gateway_server.app import DaskGateway
from dask_gateway_server.auth import JupyterHubAuthenticator
from dask_gateway_server.backends.kubernetes.backend import KubeBackend, KubeClusterConfig
c = PyFileConfigLoader(sys.argv[1]).load_config()
app = DaskGateway(config=c)
auth = JupyterHubAuthenticator(parent=app)
cluster = KubeClusterConfig(config=c)
options = KubeBackend(config=c).cluster_options
print(json.dumps({
    "authenticator": app.authenticator_class.__name__,
    "api_url": auth.jupyterhub_api_url,
    "api_token": auth.jupyterhub_api_token,
    "service": getattr(auth, "jupyterhub_service_name", ""),  # older ones know no scopes
    "image": cluster.image,
    "worker_cores": cluster.worker_cores,
    "worker_memory": cluster.worker_memory,
    "worker_threads": cluster.worker_threads,
    "scheduler_cmd": cluster.scheduler_cmd,
    "worker_cmd": cluster.worker_cmd,
    "idle_timeout": cluster.idle_timeout,
    "cluster_max_workers": cluster.cluster_max_workers,
    "image_asked_for": options.get_configuration(options.parse_options({"image": "x/y:1"}), None),
}))
"""


@dataclass(frozen=True)
class Reader:
    """An image of the sandbox, and the version of the hub or gateway in it."""

    image: str
    app_version: str


def reader_of(app_version: str | None, readers: Sequence[Reader]) -> Reader | None:
    """Who is nearest to a chart's own image: the oldest that is not older; None where all of them are.

    By minor versions, as patches change no configuration. One that is newer understands what an older chart writes;
    the other way round a failure would say nothing of our values.
    """
    if app_version is None:
        return max(readers, key=lambda reader: version_of(reader.app_version))
    wanted = version_of(minor_of(app_version))
    able = [reader for reader in readers if version_of(minor_of(reader.app_version)) >= wanted]
    return min(able, key=lambda reader: version_of(reader.app_version)) if able else None


def readers_of(chart: ChartName) -> list[Reader]:
    """The sandbox's images of a chart's program; their tags are versions of the chart."""
    image = _IMAGES[chart]
    stem = f"{image.rpartition('/')[2]}-"
    tags = [file.stem.removeprefix(stem) for file in images.FOLDER.glob(f"{stem}*.txt")]
    return [Reader(f"{image}:{tag}", app) for tag in tags if (app := app_version_of(chart, tag))]


def reader(chart: Given) -> Reader:
    """Who reads a chart's code; skips the test where that would say nothing."""
    there = readers_of(chart.chart)
    found = reader_of(chart.archive.app_version, there)
    if found is None:
        newest = max(version_of(each.app_version) for each in there)
        READ_BY[chart.label] = f"nobody, as it has {chart.archive.app_version}"
        pytest.skip(f"it has {chart.archive.app_version}; the sandbox's newest is {'.'.join(map(str, newest))}")
    READ_BY[chart.label] = found.image.rpartition("/")[2]
    return found


def hub_config(hub: Rendered, folder: Path, *, image: str, kubeconfig: str) -> dict[str, Any]:
    """What the hub would spawn and allow.

    Args:
        image: of the hub that reads the chart's code.
        kubeconfig: a file; KubeSpawner wants one, though nothing is asked of the API.
        folder: an empty one, for the files that Kubernetes would mount.
    """
    mounted = {"config": hub.one("ConfigMap", "hub")["data"], "secret": hub.secret("hub")}
    for name, files in mounted.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(text.replace(_MOUNTED, str(folder)))
    environment = {"POD_NAMESPACE": hub.namespace, "PYTHONPATH": str(folder / "config"), "KUBECONFIG": kubeconfig}
    for service in hub.of("Service"):
        name = service["metadata"]["name"].upper().replace("-", "_")
        environment |= {
            f"{name}_SERVICE_HOST": "10.254.0.10",
            f"{name}_SERVICE_PORT": str(service["spec"]["ports"][0]["port"]),
        }
        for port in service["spec"]["ports"]:
            if "name" in port:
                environment[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    return _run(image, _HUB, str(folder / "config"), environment)


def gateway_config(gateway: Rendered, name: str, folder: Path, *, image: str, token: str) -> dict[str, Any]:
    """What the gateway would start, and whom it would ask.

    Args:
        image: of the gateway that reads the chart's code.
        name: of its ConfigMap.
        folder: for the file that Kubernetes would mount.
        token: in its environment.
    """
    path = folder / "dask_gateway_config.py"
    path.write_text(gateway.one("ConfigMap", name)["data"][path.name])
    return _run(image, _GATEWAY, str(path), {"JUPYTERHUB_API_TOKEN": token})


def _run(image: str, program: str, argument: str, environment: dict[str, str]) -> dict[str, Any]:
    file = images.requirements_file(image)
    assert file is not None, image
    python = images.build(file) / "bin/python"
    done = subprocess.run(
        [python, "-c", program, argument],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
