"""What the Magnum tests stand on: a template and flavors that were looked for, a keypair, clusters made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contract.openstack.cloud import Answer, Project, poll

CLUSTERS = "/v1/clusters"
KEYPAIR = "contract-keypair"
LATER = {"OpenStack-API-Version": "container-infra 1.10"}
"""Magnum's microversion from which on a template that is not there is 404 and no nodes at all are allowed."""

UNKNOWN = "7d1a3b3e-0000-4000-8000-000000000000"
_OWNERS_CHOICE = ("labels", "labels_skipped", "labels_overridden")
_LIMIT_S = 300


def error(answer: Answer) -> str:
    """Magnum's own words of a refusal."""
    return str(answer.body["errors"][0]["detail"])


@dataclass
class Magnum:
    """One project's Magnum, and what is there that a cluster can be made of."""

    project: Project
    template: dict[str, Any]
    flavors: list[str]
    network_id: str
    _made: list[str] = field(default_factory=list)
    _leaving: list[str] = field(default_factory=list)

    def wanted(self, **changes: Any) -> dict[str, Any]:
        """A request that is granted, or one with `changes` (None: without that field)."""
        usual = {"name": "contract-one", "cluster_template_id": self.template["uuid"], "keypair": KEYPAIR}
        usual |= {"node_count": 1, "flavor_id": self.flavors[0], "master_flavor_id": self.flavors[0]}
        asked = usual | {"fixed_network": self.network_id} | changes
        return {name: value for name, value in asked.items() if value is not None}

    def create(self, **changes: Any) -> str:
        """Ask for a cluster, once those are gone that were deleted: each counts against several quotas."""
        for uuid in self._leaving:
            self.gone(uuid)
        self._leaving.clear()
        answer = self.project.call("magnum", "POST", CLUSTERS, self.wanted(**changes), headers=LATER)
        assert (answer.status, list(answer.body)) == (202, ["uuid"]), answer.body
        self._made.append(answer.body["uuid"])
        return str(answer.body["uuid"])

    def read(self, uuid: str) -> dict[str, Any] | None:
        """The cluster; None while Magnum cannot show it."""
        answer = self.project.call("magnum", "GET", f"{CLUSTERS}/{uuid}")
        return answer.body if answer.status == 200 else None

    def until(self, uuid: str, holds: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """The cluster once something holds of it."""

        def look() -> dict[str, Any] | None:
            cluster = self.read(uuid)
            return cluster if cluster and holds(cluster) else None

        return poll(look, what, _LIMIT_S)

    def complete(self, uuid: str) -> dict[str, Any]:
        """The cluster once Magnum has ended making it."""
        cluster = self.until(uuid, lambda seen: seen["status"] != "CREATE_IN_PROGRESS", f"{uuid} is made")
        assert cluster["status"] == "CREATE_COMPLETE", cluster["status_reason"]
        return cluster

    def delete(self, uuid: str) -> None:
        """Whatever state it is in; 404: it is gone."""
        assert self.project.call("magnum", "DELETE", f"{CLUSTERS}/{uuid}").status in (204, 404)
        self._leaving.append(uuid)

    def gone(self, uuid: str) -> None:
        path = f"{CLUSTERS}/{uuid}"
        poll(lambda: self.project.call("magnum", "GET", path).status == 404 or None, f"{uuid} is gone", _LIMIT_S)

    def clean(self) -> None:
        for uuid in self._made:
            self.delete(uuid)
        for uuid in self._made:
            self.gone(uuid)

    def comparable(self, body: Any) -> Any:
        """Clusters without the labels that their template's owner chose."""
        if "clusters" in body:
            return body | {"clusters": [self.comparable(cluster) for cluster in body["clusters"]]}
        chosen = set(self.template["labels"])
        labels = {name: body[name] for name in _OWNERS_CHOICE if name in body}
        return body | {name: {k: v for k, v in of.items() if k not in chosen} for name, of in labels.items()}


@pytest.fixture(scope="session")
def magnum(project: Project) -> Iterator[Magnum]:
    """A project with a keypair; its template is the youngest plain one, its flavors are the smallest."""
    listed = project.call("magnum", "GET", "/v1/clustertemplates").body["clustertemplates"]
    plain = [t for t in listed if not (t["floating_ip_enabled"] or t["master_lb_enabled"] or t["hidden"])]
    flavors = sorted(project.connection.compute.flavors(), key=lambda flavor: (flavor.ram, flavor.name))
    network = next((n for n in project.connection.network.networks() if not n.is_router_external), None)
    if not plain or len(flavors) < 2 or network is None:
        pytest.skip("clusters need a template without load balancer and floating IPs, two flavors, an internal network")
    keypair = {"keypair": {"name": KEYPAIR}}
    assert project.call("nova", "POST", "/v2.1/os-keypairs", keypair).status == 200
    side = Magnum(
        project, max(plain, key=lambda t: t["created_at"]), [flavor.name for flavor in flavors[:2]], network.id
    )
    try:
        yield side
    finally:
        side.clean()
        project.call("nova", "DELETE", f"/v2.1/os-keypairs/{KEYPAIR}")


@pytest.fixture
def magnum_names(names: dict[str, str], magnum: Magnum) -> dict[str, str]:
    """What the cloud's own things are called."""
    template = magnum.template
    chosen = {template["name"]: "<template>", template["image_id"]: "<image>", template["driver"]: "<driver>"}
    return names | chosen | {name: f"<flavor {number}>" for number, name in enumerate(magnum.flavors, 1)}


@dataclass(frozen=True)
class Built:
    """Clusters that several tests look at: their uuids, and what was answered while the last of them came to be.

    Args:
        birth: what was asked for -> every answer, as fast as they came.
        in_progress: the last one's answer once it had a stack; it was deleted then.
    """

    full: str
    merged: str
    plain: str
    birth: dict[str, list[Answer]]
    in_progress: Answer


@pytest.fixture(scope="session")
def built(magnum: Magnum) -> Built:
    """Asked for at the same moment: all options that magnumhub uses, two of the same name, three masters."""
    options = {"docker_volume_size": 33, "create_timeout": 90, "master_count": 1, "node_count": 2}
    labels = {"contract_label": "first", "contract_count": 2}
    name, _, other = switched(magnum)
    full = magnum.create(
        name="contract-full",
        flavor_id=magnum.flavors[1],
        floating_ip_enabled=True,
        master_lb_enabled=False,
        labels=labels,
        merge_labels=False,
        **options,
    )
    merged = magnum.create(name="contract-twin", node_count=0, labels={name: other, **labels}, merge_labels=True)
    plain = magnum.create(name="contract-twin")
    born = magnum.create(name="contract-born", master_count=3, master_lb_enabled=True, node_count=0)
    birth = _birth(magnum, born)
    magnum.until(born, lambda seen: seen["stack_id"], f"{born} has a stack")
    in_progress = magnum.project.call("magnum", "GET", f"{CLUSTERS}/{born}")
    magnum.delete(born)
    return Built(full, merged, plain, birth, in_progress)


def _birth(magnum: Magnum, uuid: str) -> dict[str, list[Answer]]:
    """All answers until the cluster and its authority are there."""
    paths = {"one": f"{CLUSTERS}/{uuid}", "list": CLUSTERS, "detail": f"{CLUSTERS}/detail"}
    paths["authority"] = f"/v1/certificates/{uuid}"
    birth: dict[str, list[Answer]] = {what: [] for what in paths}
    is_there = threading.Event()

    def hammer(what: str) -> None:
        while not is_there.is_set():
            birth[what].append(magnum.project.call("magnum", "GET", paths[what]))
            time.sleep(0.05)  # what asks is not to keep Magnum from what it does

    def there() -> bool | None:
        return all(birth[what] and birth[what][-1].status == 200 for what in birth) or None

    with ThreadPoolExecutor(len(paths)) as pool:
        for what in paths:
            pool.submit(hammer, what)
        try:
            poll(there, f"{uuid} is born", _LIMIT_S)
        finally:
            is_there.set()
    return birth


def switched(magnum: Magnum) -> tuple[str, str, str]:
    """One of the template's labels that is a switch, its value, and the other value."""
    labels = magnum.template["labels"]
    name = next((name for name, value in labels.items() if value in ("true", "false")), None)
    if name is None:
        pytest.skip(f"no label of {magnum.template['name']} is true or false")
    return name, labels[name], {"true": "false", "false": "true"}[labels[name]]
