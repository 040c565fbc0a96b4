"""magnumhub's own adapters of Neutron and Nova: what they do and say on the real services as on the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from openstack.connection import Connection

from magnumhub.domain.errors import NotOursError, RefusedError
from magnumhub.domain.results import Addresses, FloatingIP, MagnumCluster
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site, parse_site
from magnumhub.openstack import floating_ips
from magnumhub.openstack import servers as product_servers
from magnumhub.openstack.cloud import connect, magnum_client
from magnumhub.openstack.survey import survey
from tests.contract.openstack.magnum_side import KEYPAIR, Magnum
from tests.contract.openstack.network import Network
from tests.contract.openstack.servers import NAME, Servers

SITE = "contract-site"


@dataclass(frozen=True)
class Product:
    """magnumhub's connection to this side's cloud, and a site there."""

    conn: Connection
    site: Site

    def reserve(self, site: Site | None = None, *, master: bool = False) -> Addresses:
        return floating_ips.ensure_reserved(self.conn, site or self.site, master=master, report=lambda line: None)

    def with_hub_at(self, address: str) -> Site:
        wanted = self.site.network.floating_ips.model_copy(update={"jupyterhub": address})
        return self.site.model_copy(update={"network": self.site.network.model_copy(update={"floating_ips": wanted})})


@pytest.fixture
def product(clouds: tuple[str, dict[str, dict]], network: Network) -> Iterator[Product]:
    name, entries = clouds
    conn = connect(entries[name], timeout_s=60)
    data: dict[str, Any] = load_site("deployments/example-site.yaml").model_dump(mode="json")
    data["network"]["external_network"] = network.external["name"]
    data["network"]["floating_ips"] = {"dask_gateway": "none"}  # allocating takes a second
    yield Product(conn, parse_site(data | {"name": SITE}))
    for ip in floating_ips.find_marked(conn, SITE):
        conn.network.delete_ip(ip.id)


def reserved(addresses: Addresses) -> list[FloatingIP]:
    return [ip for _, ip in addresses if ip is not None]


def test_reserved_once(product: Product) -> None:
    first = reserved(product.reserve(master=True))
    assert [(ip.role, ip.origin, ip.action) for ip in first] == [
        ("master", "allocated", "created"),
        ("jupyterhub", "allocated", "created"),
    ]
    again = reserved(product.reserve(master=True))
    assert [(ip.address, ip.action) for ip in again] == [(ip.address, "kept") for ip in first]
    assert {ip.id for ip in floating_ips.find_marked(product.conn, SITE)} == {ip.id for ip in first}


def test_mark_survives_lost_tags(product: Product) -> None:
    """The description that allocates it says whose it is."""
    first = product.reserve().jupyterhub
    product.conn.network.set_tags(product.conn.network.get_ip(first.id), [])
    again = product.reserve().jupyterhub
    assert (again.address, again.action) == (first.address, "changed")
    assert f"magnumhub:site={SITE}" in product.conn.network.get_ip(first.id).tags


def test_twin_is_given_back(product: Product) -> None:
    first = product.reserve().jupyterhub
    twin = product.conn.network.create_ip(
        floating_network_id=floating_ips.external_network_id(product.conn, product.site.network.external_network),
        description=f"reserved by magnumhub for site={SITE} role=jupyterhub",
    )
    kept = product.reserve().jupyterhub
    assert kept.address in (first.address, twin.floating_ip_address)
    assert [ip.role for ip in floating_ips.find_marked(product.conn, SITE)].count("jupyterhub") == 1


def test_firewall_is_remembered(product: Product) -> None:
    hub = product.reserve().jupyterhub
    assert floating_ips.set_firewall(product.conn, hub, "asked").action == "changed"
    assert floating_ips.set_firewall(product.conn, hub, "asked").action == "kept"
    assert product.reserve().jupyterhub.firewall == "asked"


def test_released_meanwhile(product: Product) -> None:
    hub = product.reserve().jupyterhub
    product.conn.network.delete_ip(hub.id)
    with pytest.raises(RefusedError, match=f"{hub.address} was released while it was in use"):
        floating_ips.set_firewall(product.conn, hub, "asked")


def test_one_that_serves(product: Product, network: Network) -> None:
    serving = network.floating_ip(port_id=network.port(name="contract-served")["id"])["floating_ip_address"]
    with pytest.raises(NotOursError, match=f"{serving} serves port contract-served"):
        product.reserve(product.with_hub_at(serving))
    assert floating_ips.find_marked(product.conn, SITE) == []


def test_unknown_external_network(product: Product, network: Network) -> None:
    with pytest.raises(RefusedError, match="no external network 'contract-none'") as caught:
        floating_ips.external_network_id(product.conn, "contract-none")
    assert network.external["name"] in caught.value.hint


def test_on_the_master(product: Product, magnum: Magnum, servers: Servers) -> None:
    addresses = product.reserve(master=True)
    assert addresses.master is not None
    told = next(
        c for c in magnum.project.call("magnum", "GET", "/v1/clusters/detail").body["clusters"] if c["name"] == NAME
    )
    cluster = MagnumCluster(uuid=told["uuid"], name=NAME, template="t", driver="heat", status="CREATE_COMPLETE")
    (master,) = product_servers.masters(product.conn, cluster)
    assert (master.server_id, master.port_id, master.floating_address) == (
        servers.master["id"],
        servers.port["id"],
        None,
    )
    put = floating_ips.associate_master(product.conn, addresses.master, master)
    assert (put.action, put.port_id) == ("changed", servers.port["id"])
    (master,) = product_servers.masters(product.conn, cluster)
    assert master.floating_address == addresses.master.address
    assert floating_ips.associate_master(product.conn, addresses.master, master).action == "kept"
    with pytest.raises(RefusedError, match=f"has the address {addresses.master.address} already"):
        floating_ips.associate_master(product.conn, addresses.jupyterhub, master)
    assert product_servers.states(product.conn, NAME) == {
        servers.master["name"]: "ACTIVE",
        servers.node["name"]: "ACTIVE",
    }


def test_survey(product: Product, network: Network, magnum: Magnum) -> None:
    network.floating_ip(port_id=network.port(name="contract-served")["id"])
    facts = survey(product.conn, magnum_client(product.conn), cluster_name=NAME)
    assert set(facts.unseen) <= {"quotas of Cinder", "quotas of Octavia"}
    assert facts.project.id == network.project.project_id
    assert facts.keypairs is not None
    assert KEYPAIR in facts.keypairs
    assert facts.external_networks is not None
    assert network.external["id"] in {known.id for known in facts.external_networks}
    assert facts.flavors is not None
    assert set(magnum.flavors) <= {flavor.name for flavor in facts.flavors}
    assert facts.floating_ips is not None
    assert "port contract-served" in {ip.serves for ip in facts.floating_ips}
    for known in ("floating_ips", "ports", "instances", "cores", "clusters"):
        quota = facts.quotas[known]
        assert quota.used is not None
        assert quota.limit == -1 or (quota.limit or 0) > quota.used
