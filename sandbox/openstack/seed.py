"""What is in the cloud before anybody works in it: projects, users, networks, flavors, templates, a keypair."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.cloud import Cloud
from sandbox.openstack import glance, neutron, nova
from sandbox.openstack.cluster_servers import CAPI, HEAT
from sandbox.store import Resource

PROJECTS = ("sandbox", "sandbox-capi", "other")
_FLAVORS = (("m1.small", 1, 2), ("m1.medium", 2, 4), ("m1.large", 8, 16))  # name, cores, GiB
_LARGE, _MEDIUM = "m1.large", "m1.medium"


@dataclass(frozen=True)
class Credentials:
    """Secrets that outlive a reset, because the files that were written with them do."""

    passwords: dict[str, str]
    cloud_password: str
    application_credential: tuple[str, str]
    public_key: str


def make_credentials(public_key: str) -> Credentials:
    return Credentials(
        passwords={name: secrets.token_urlsafe(12) for name in PROJECTS},
        cloud_password=secrets.token_urlsafe(12),
        application_credential=(secrets.token_hex(16), secrets.token_urlsafe(32)),
        public_key=public_key,
    )


def seed(cloud: Cloud, credentials: Credentials) -> None:
    """Fill an empty store."""
    store = cloud.store
    projects = {name: store.create("project", name=name) for name in PROJECTS}
    users = {
        name: store.create("user", name=name, password=credentials.passwords[name], project_ids=[project["id"]])
        for name, project in projects.items()
    }
    # The cloud's own processes; the ledger tells them by this name.
    store.create(
        "user",
        name="system:cloud-controller-manager",
        password=credentials.cloud_password,
        project_ids=[project["id"] for project in projects.values()],
    )
    _application_credential(cloud, users["sandbox"], projects["sandbox"], credentials)
    for user in (users["sandbox"], users["sandbox-capi"]):
        nova.create_keypair(cloud, user["project_ids"][0], user["id"], "default", credentials.public_key)
    for name, cores, memory_gib in _FLAVORS:
        store.create("flavor", name=name, vcpus=cores, ram=memory_gib * 1024, disk=20 * cores)
    glance.create_image(cloud, "fedora-coreos-41", projects["other"]["id"], "fedora-coreos")
    _networks(cloud, projects)
    _templates(cloud, users)


def _application_credential(cloud: Cloud, user: Resource, project: Resource, credentials: Credentials) -> None:
    ident, secret = credentials.application_credential
    cloud.store.create(
        "application_credential",
        id=ident,
        name="sandbox-appcred",
        secret=secret,
        user_id=user["id"],
        project_id=project["id"],
        unrestricted=False,
        expires_at=None,
        description=None,
        system=None,
    )


def _networks(cloud: Cloud, projects: dict[str, Resource]) -> None:
    """An external and a provider network for all; an internal one and a router for each project."""
    addresses = cloud.addresses
    owner = projects["other"]["id"]
    external = neutron.create_network(cloud, "public", addresses.external, owner, external=True)
    provider = neutron.create_network(cloud, "provider", addresses.provider, owner, shared=True)
    for number, project in enumerate(projects.values()):
        gateway = str(ipaddress.ip_network(addresses.external)[2 + number])
        router = neutron.create_router(cloud, "router", project["id"], external=external, gateway_address=gateway)
        internal = neutron.create_network(cloud, "internal", addresses.internal, project["id"])
        _router_port(cloud, router, internal)
    _router_port(cloud, router, provider)


def _router_port(cloud: Cloud, router: Resource, network: Resource) -> None:
    subnet = cloud.store.get("subnet", network["subnets"][0])
    neutron.create_port(
        cloud,
        network,
        router["project_id"],
        device_id=router["id"],
        device_owner="network:router_interface",
        status="DOWN",
        fixed_ips=[{"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]}],
    )


def _templates(cloud: Cloud, users: dict[str, Resource]) -> None:
    """One of each kind; `latest` is among those of one project, so Cluster API has a project of its own."""
    heat, capi = users["sandbox"], users["sandbox-capi"]
    _template(cloud, "kubernetes-v1.15.12", heat, age_days=1500, fixed_network="provider")
    _template(cloud, "kubernetes-v1.30.4", heat, age_days=60, fixed_network="internal")
    _template(cloud, "kubernetes-v1.31.1-fip", heat, age_days=31, fixed_network="provider", floating_ip_enabled=True)
    _template(cloud, "kubernetes-v1.31.1", heat, age_days=30, fixed_network="provider")
    _template(
        cloud,
        "capi-kubernetes-v1.33.1",
        capi,
        age_days=10,
        driver=CAPI,
        fixed_network="internal",
        master_lb_enabled=True,
        floating_ip_enabled=True,
        labels={"capi_helm_chart_version": "0.18.0"},
    )


def _template(
    cloud: Cloud, name: str, owner: Resource, *, age_days: int, labels: dict[str, str] | None = None, **other: Any
) -> None:
    created = datetime.now(UTC) - timedelta(days=age_days)
    version = next(part for part in name.split("-") if part.startswith("v1."))
    template = {
        "name": name,
        "project_id": owner["project_ids"][0],
        "user_id": owner["id"],
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "coe": "kubernetes",
        "driver": HEAT,
        "server_type": "vm",
        "cluster_distro": "fedora-coreos",
        "image_id": "fedora-coreos-41",
        "keypair_id": None,
        "flavor_id": _LARGE,
        "master_flavor_id": _MEDIUM,
        "external_network_id": "public",
        "fixed_subnet": None,
        "network_driver": "calico",
        "volume_driver": "cinder",
        "docker_storage_driver": "overlay2",
        "docker_volume_size": 20,
        "dns_nameserver": "8.8.8.8",
        "apiserver_port": None,
        "http_proxy": None,
        "https_proxy": None,
        "no_proxy": None,
        "registry_enabled": False,
        "insecure_registry": None,
        "tls_disabled": False,
        "public": False,
        "hidden": False,
        "tags": None,
        "master_lb_enabled": False,
        "floating_ip_enabled": False,
        "labels": {"kube_tag": version, "auto_healing_enabled": "false"} | (labels or {}),
    }
    cloud.store.create("template", **template | other)
