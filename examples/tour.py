"""Show a newcomer around the demo's hub: put a notebook into a user's home and print where everything is.

python examples/tour.py --state .sandbox
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from shlex import quote
from typing import Any

import httpx

from magnumhub.domain.spec import DummyAuth, Site
from magnumhub.domain.spec_file import load_site
from magnumhub.services.hub import Hub

USER = "ann"
NOTEBOOK = Path(__file__).with_name("array-mean.ipynb")


def main() -> None:
    """Safe to repeat: a server that runs is left alone, the notebook is written as it was at first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, default=Path(".sandbox"), help="the sandbox's folder")
    started = json.loads((parser.parse_args().state / "state.json").read_text())
    state = httpx.get(f"{started['control_url']}/state", timeout=30).json()
    site = load_site(started["site"])
    (magnum_cluster,) = (cluster for cluster in state["clusters"] if cluster["name"] == site.name)
    hub_url = _hub_url(state, magnum_cluster["uuid"])
    password = _password(site)
    _put_notebook(hub_url, password)
    tools = ":".join(str(Path(path).parent) for path in state["tools"].values())
    site_file = quote(_short(started["site"]))
    print(f"""
JupyterHub with Dask is running on a cloud on this machine.

  open       {hub_url}/hub/user-redirect/lab/tree/{NOTEBOOK.name}
  log in as  {USER}
  password   {password}
  then       run the cells (Shift+Enter): the mean of a large random array, computed on Dask
{_from_elsewhere(hub_url)}
Look around, in a shell in this folder:

  export OS_CLIENT_CONFIG_FILE={quote(_short(started["clouds_yaml"]))}
  export KUBECONFIG={quote(_short(magnum_cluster["kubeconfig"]))}
  export PATH={quote(tools)}:$PATH
  kubectl get service -n jhub                  # EXTERNAL-IP is the address reserved for the hub
  kubectl get pods -n dask-gateway --watch     # while the notebook computes: a scheduler and its workers
  helm list -A
  .venv/bin/magnumhub status {site_file}
  .venv/bin/magnumhub provision {site_file}    # again: it finds nothing to do

`make clean` ends it all.""")


def _hub_url(state: dict[str, Any], cluster_uuid: str) -> str:
    name = f"kube_service_{cluster_uuid}_jhub_proxy-public"
    (balancer,) = (balancer for balancer in state["load_balancers"] if balancer["name"] == name)
    return f"http://{balancer['floating_ip']}:{balancer['ports'][0]}"


def _password(site: Site) -> str:
    auth = site.jupyterhub.auth
    assert isinstance(auth, DummyAuth) and auth.password.file is not None  # as every site of the sandbox
    return Path(auth.password.file).read_text().strip()


def _put_notebook(hub_url: str, password: str) -> None:
    with Hub(hub_url) as hub, hub.login(USER, password, token_s=600) as user:
        if user.server.state() is None:
            user.server.start(deadline_s=120, report=lambda line: None)
        httpx.put(
            f"{user.server.url}/api/contents/{NOTEBOOK.name}",
            headers={"Authorization": f"token {user.token}"},
            json={"type": "notebook", "content": json.loads(NOTEBOOK.read_text())},
            timeout=30,
        ).raise_for_status()


def _from_elsewhere(hub_url: str) -> str:
    """For who sits at another machine: the sandbox's addresses lead nowhere there."""
    if "SSH_CONNECTION" not in os.environ:
        return ""
    address = hub_url.removeprefix("http://")
    return f"\nFrom your own machine: ssh -L 8080:{address} THIS-MACHINE, then http://localhost:8080 instead.\n"


def _short(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


if __name__ == "__main__":
    main()
