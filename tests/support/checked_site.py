"""A provisioned site that checks run on, and what is on it that a check could have left."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from magnumhub.domain.wiring import CHECK_USER
from magnumhub.services.hub import Hub
from tests.support.sandbox import Sandbox, wait_until

SMALL = {"workers": 2, "array_size": 500, "chunk": 100}
"""A computation that proves as much as a large one, and takes a second."""

_GONE_S = 30
_ENDED = ("Stopped", "Failed")


@dataclass(frozen=True)
class CheckedSite:
    """The site, and where its users go."""

    sandbox: Sandbox
    path: Path
    hub_url: str
    gateway_url: str
    password: str = field(repr=False)

    def left(self) -> Counter[str]:
        """Dask clusters, their pods, notebook servers, held leases, and the check's tokens, each as itself (uid)."""
        kinds = "pods,leases,daskclusters"
        objects = json.loads(self.sandbox.kubectl("get", kinds, "-A", "-o", "json"))["items"]
        found = [
            f"{item['kind']} {item['metadata']['name']} {item['metadata']['uid']}"
            for item in objects
            if _is_of_a_user(item)
        ]
        return Counter([*found, *(f"token {note}" for note in self._tokens())])

    def wait_until_left(self, wanted: Mapping[str, int]) -> None:
        """Kubernetes tidies up what a Dask cluster owned; some moments later nothing else may be there."""
        try:
            wait_until(lambda: self.left() == wanted, _GONE_S, "nothing is left")
        except TimeoutError:
            assert self.left() == wanted

    def _tokens(self) -> list[str]:
        """Notes of the tokens that the check's user has, read as that user does on the hub's token page."""
        with httpx.Client(base_url=self.hub_url, timeout=30) as browser:
            page = browser.get("/hub/login").raise_for_status().text
            xsrf = re.search(r'name="_xsrf" value="([^"]*)"', page)
            form = {"username": CHECK_USER, "password": self.password, "_xsrf": unescape(xsrf[1]) if xsrf else ""}
            assert browser.post("/hub/login", data=form).status_code == 302
            referer = {"Referer": f"{self.hub_url}/hub/token"}
            found = browser.get(f"/hub/api/users/{CHECK_USER}/tokens", headers=referer).raise_for_status().json()
        return [token["note"] for token in found["api_tokens"]]

    @contextmanager
    def used_by(self, user: str) -> Iterator[str]:
        """Somebody has a notebook server and a Dask cluster there for as long as the block runs; yields its name."""
        with Hub(self.hub_url) as hub, hub.login(user, self.password, token_s=3600, note="theirs") as theirs:
            theirs.server.start(deadline_s=60, report=lambda line: None)
            headers = {"Authorization": f"jupyterhub {theirs.token}"}
            with httpx.Client(base_url=f"{self.gateway_url}/api/v1/clusters/", headers=headers, timeout=60) as gateway:
                name = str(gateway.post("", json={"cluster_options": {}}).raise_for_status().json()["name"])
                is_running = {"status": "running"}
                wait_until(lambda: name in gateway.get("", params=is_running).json(), 60, "their Dask cluster runs")
                yield name
                gateway.delete(name)
            theirs.server.stop(deadline_s=60)


_A_NIGHT = {"completedClusterMaxAge": 5, "completedClusterCleanupPeriod": 5}
"""After how many seconds the gateway forgets a stopped Dask cluster, and how often it looks: by default after a day, so
that checks in a row, unlike those of nights, find ever more of them to read."""


def checked_site(sandbox: Sandbox, folder: Path) -> CheckedSite:
    """Provision a site whose checks are as cheap as can be, and find what they would find each night."""
    sandbox.reset()
    path = sandbox.site_with(folder, {"health": SMALL, "dask_gateway": {"values": {"controller": _A_NIGHT}}})
    ran = sandbox.magnumhub("provision", path, "--json")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    endpoints = ran.document["endpoints"]
    password = (Path(sandbox.started["clouds_yaml"]).parent / "hub-password").read_text().strip()
    return CheckedSite(sandbox, path, endpoints["jupyterhub"], endpoints["dask_gateway"], password)


def _is_of_a_user(item: Mapping[str, Any]) -> bool:
    if item["kind"] == "DaskCluster":
        return item.get("status", {}).get("phase") not in _ENDED
    if item["kind"] == "Lease":
        return item["spec"].get("holderIdentity", "").count("/") == 2
    return bool(item["metadata"]["name"].startswith(("jupyter-", "dask-scheduler-", "dask-worker-")))
