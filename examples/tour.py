"""Show a newcomer around the demo's hub: put a notebook into a user's home and print where everything is.

python examples/tour.py --state .sandbox
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import httpx

from magnumhub.domain.spec import DummyAuth
from magnumhub.domain.spec_file import load_site
from magnumhub.services.hub import Hub

USER = "ann"
NOTEBOOK = Path(__file__).with_name("array-mean.ipynb")


def main() -> None:
    """Safe to repeat: the notebook is written again, a running server of this user is restarted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--state", type=Path, default=Path(".sandbox"), help="the sandbox's folder")
    state_dir: Path = parser.parse_args().state
    started = json.loads((state_dir / "state.json").read_text())
    state = httpx.get(f"{started['control_url']}/state", timeout=30).json()
    site = load_site(started["site"])
    auth = site.jupyterhub.auth
    assert isinstance(auth, DummyAuth) and auth.password.file is not None
    password = Path(auth.password.file).read_text().strip()
    kubeconfig = state["clusters"][0]["kubeconfig"]
    hub_url = _url_of_hub(state)
    _put_notebook(hub_url, password)
    print(
        f"""
A JupyterHub with Dask is running.

  open       {hub_url}/hub/user-redirect/lab/tree/{NOTEBOOK.name}
  log in as  {USER}, password {password}
  then run the cells: the mean of a random array, computed on Dask

Look around:
  export KUBECONFIG={kubeconfig} PATH={state["tools"]}:$PATH
  kubectl get service -n jhub
  kubectl get pods -n dask-gateway -w        # while the notebook computes
  helm list -A
  .venv/bin/magnumhub status {started["site"]}   # with OS_CLIENT_CONFIG_FILE={started["clouds_yaml"]}

Run the same provision again: it has nothing to do. `make clean` ends it all."""
    )


def _url_of_hub(state: dict[str, list[dict[str, str]]]) -> str:
    (balancer,) = (lb for lb in state["load_balancers"] if lb["name"].endswith("_jhub_proxy-public"))
    return f"http://{balancer['floating_ip']}:{balancer['ports'][0]}"


def _put_notebook(hub_url: str, password: str) -> None:
    with Hub(hub_url) as hub, hub.login(USER, password, token_s=600) as user:
        user.server.start(deadline_s=120, report=lambda line: None)
        httpx.put(
            f"{user.server.url}/api/contents/{NOTEBOOK.name}",
            headers={"Authorization": f"token {user.token}"},
            json={"type": "notebook", "content": json.loads(NOTEBOOK.read_text())},
            timeout=30,
        ).raise_for_status()


if __name__ == "__main__":
    main()
