"""Wrong site files: each is refused, naming the field, what was given and what would be right, before any call."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from magnumhub.domain.errors import InputError, Problem
from magnumhub.domain.spec_file import load_site, parse_site

RIGHT: dict[str, Any] = yaml.safe_load(Path("deployments/example-site.yaml").read_text(encoding="utf-8"))
NOTHING = object()
"""Stands for a key that is left out."""


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The right site with values at dotted paths changed or, for NOTHING, left out."""
    site = copy.deepcopy(RIGHT)
    for path, value in changes.items():
        *folders, key = path.split(".")
        part = site
        for folder in folders:
            part = part[folder]
        if value is NOTHING:
            del part[key]
        else:
            part[key] = value
    return site


def problems(changes: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as refused:
        parse_site(changed(changes))
    return refused.value.problems


def test_the_right_site_is_right() -> None:
    assert parse_site(RIGHT).name == "iris-cam"


FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    # what is wrong, what to change, the field that is named, words of what would be right
    ("unknown key at the top", {"clusters": {}}, "clusters", "cluster, perhaps"),
    ("unknown key inside", {"cluster.node_cuont": 2}, "cluster.node_cuont", "node_count, perhaps"),
    ("unknown key like none", {"health.mail": 2}, "health.mail", "one of cron, timezone, workers"),
    ("key left out", {"project": NOTHING}, "project", "this key"),
    ("section left out", {"image": NOTHING}, "image", "this key"),
    ("section without keys", {"network": None}, "network", "keys and values"),
    ("key that is a number", {"health": {1: 2}}, "health.1", "one of cron"),
    ("section that is a list", {"limits_s": [60]}, "limits_s", "keys and values"),
    ("name with capitals", {"name": "Iris"}, "name", "lowercase letters"),
    ("name too long", {"name": "a" * 41}, "name", "at most 40"),
    ("name that ends in a dash", {"name": "iris-"}, "name", "lowercase letters"),
    ("number for text", {"project": 12}, "project", "text; put numbers in quotes"),
    ("text for number", {"cluster.node_count": "two"}, "cluster.node_count", "a whole number"),
    ("number in quotes", {"cluster.node_count": "2"}, "cluster.node_count", "without quotes"),
    ("unit", {"cluster.docker_volume_size_gib": "20GB"}, "cluster.docker_volume_size_gib", "without quotes and unit"),
    ("fraction", {"cluster.node_count": 1.5}, "cluster.node_count", "a whole number"),
    ("yes for a number", {"cluster.node_count": True}, "cluster.node_count", "a whole number"),
    ("docker volume too small", {"cluster.docker_volume_size_gib": 9}, "cluster.docker_volume_size_gib", "at least 10"),
    ("no nodes", {"cluster.node_count": 0}, "cluster.node_count", "at least 1"),
    ("endless creation", {"cluster.create_timeout_min": 100000}, "cluster.create_timeout_min", "at most 1440"),
    ("label with a fraction", {"cluster.labels": {"kube_tag": 1.3}}, "cluster.labels.kube_tag", "in quotes"),
    (
        "no address",
        {"network.floating_ips.master": "automatic"},
        "network.floating_ips.master",
        "auto, none, or an IPv4",
    ),
    ("impossible address", {"network.floating_ips.master": "1.2.3.400"}, "network.floating_ips.master", "IPv4"),
    ("unknown choice", {"access.via": "ssh"}, "access.via", "'auto', 'master' or 'kubeconfig'"),
    ("port out of range", {"access.ssh_port": 70000}, "access.ssh_port", "at most 65535"),
    ("jump host with a path", {"access.jump_host": "a b"}, "access.jump_host", "[user@]host[:port]"),
    ("unknown kind", {"storage.kind": "nfs"}, "storage", "one of dynamic, ephemeral"),
    ("no kind", {"jupyterhub.https": {}}, "jupyterhub.https", "one of off, letsencrypt, secret, offload"),
    (
        "key of another kind",
        {"storage": {"kind": "ephemeral", "class": "fast"}},
        "storage.class",
        "no other key, as the kind is ephemeral",
    ),
    ("helm's version with v", {"helm.version": "v4.1.4"}, "helm.version", "such as 4.1.4"),
    ("Helm without server-side apply", {"helm.version": "3.19.0"}, "helm.version", "from 4 on"),
    ("digest too short", {"helm.sha256": "abc"}, "helm.sha256", "64 hexadecimal digits"),
    ("image with a tag in its name", {"image.name": "pangeo/base:1"}, "image.name", "without tag"),
    ("tag that YAML reads as a number", {"image.tag": 2026.1}, "image.tag", "put numbers in quotes"),
    ("repository that is no address", {"jupyterhub.chart.repo": "jupyterhub"}, "jupyterhub.chart.repo", "https://"),
    ("chart version", {"jupyterhub.chart.version": "latest"}, "jupyterhub.chart.version", "newest-compatible, or"),
    ("namespace", {"jupyterhub.namespace": "JHub"}, "jupyterhub.namespace", "lowercase letters"),
    (
        "host name with https",
        {"jupyterhub.hostname": "https://hub.example.org"},
        "jupyterhub.hostname",
        "without https",
    ),
    ("host name that is an address", {"jupyterhub.hostname": "192.0.2.1"}, "jupyterhub.hostname", "a full host name"),
    (
        "letsencrypt without contact",
        {"jupyterhub.https": {"kind": "letsencrypt"}},
        "jupyterhub.https.contact_email",
        "this key",
    ),
    ("oidc without an address", {"jupyterhub.auth.token_url": NOTHING}, "jupyterhub.auth.token_url", "this key"),
    ("nobody said who may log in", {"jupyterhub.auth.allow": NOTHING}, "jupyterhub.auth.allow", "Who may log in"),
    ("wrong who may log in", {"jupyterhub.auth.allow": "everybody"}, "jupyterhub.auth.allow", "all, or a list"),
    ("one name for a list", {"jupyterhub.auth.admins": "ann"}, "jupyterhub.auth.admins", "a list"),
    (
        "secret in plain text",
        {"jupyterhub.auth.client_secret": "hunter2"},
        "jupyterhub.auth.client_secret",
        "{env: NAME}, {file: PATH} or {block: NAME}",
    ),
    (
        "secret in two places",
        {"jupyterhub.auth.client_secret": {"env": "A", "file": "b"}},
        "jupyterhub.auth.client_secret",
        "exactly one of",
    ),
    ("other gateway login", {"dask_gateway.auth": "simple"}, "dask_gateway.auth", "'jupyterhub'"),
    ("worker without memory", {"dask_gateway.worker.memory_gib": 0}, "dask_gateway.worker.memory_gib", "more than 0"),
    ("cron with four fields", {"health.cron": "0 4 * *"}, "health.cron", "five fields"),
    ("cron at hour 25", {"health.cron": "0 25 * * *"}, "health.cron", "0 to 23"),
    ("cron from late to early", {"health.cron": "0 9-5 * * *"}, "health.cron", "0 to 23"),
    ("time zone", {"health.timezone": "Europe/Atlantis"}, "health.timezone", "Europe/London"),
    ("limit of no time", {"limits_s.api": 0}, "limits_s.api", "at least 1"),
]


@pytest.mark.parametrize(("changes", "field", "right"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_a_field_that_is_wrong_by_itself(changes: dict[str, Any], field: str, right: str) -> None:
    (problem,) = problems(changes)

    assert problem.field == field
    assert right in problem.expected


CONTRADICTIONS: list[tuple[str, dict[str, Any], str, str]] = [
    ("even number of masters", {"cluster.master_count": 2}, "cluster.master_count", "odd"),
    ("our own label", {"cluster.labels": {"magnumhub_site": "x"}}, "cluster.labels.magnumhub_site", "no such label"),
    (
        "dynamic storage without its driver",
        {"cluster.labels": {"cinder_csi_enabled": False}},
        "cluster.labels.cinder_csi_enabled",
        "kind: ephemeral",
    ),
    ("hub without address", {"network.floating_ips.jupyterhub": "none"}, "network.floating_ips.jupyterhub", "auto or"),
    (
        "one address for two",
        {"network.floating_ips.master": "128.232.227.222"},
        "network.floating_ips.dask_gateway",
        "master has this one",
    ),
    ("nobody to ask", {"network.ingress.request_to": None}, "network.ingress.request_to", "approval: open"),
    (
        "ssh without an address",
        {"access.via": "master", "network.floating_ips.master": "none"},
        "network.floating_ips.master",
        "an access.jump_host",
    ),
    (
        "address without ssh",
        {"access.via": "kubeconfig", "network.floating_ips.master": "192.0.2.7"},
        "network.floating_ips.master",
        "none",
    ),
    ("jump without ssh", {"access.via": "kubeconfig", "access.jump_host": "gate"}, "access.jump_host", "null"),
    ("helm where nobody goes", {"access.via": "kubeconfig", "helm.run_on": "master"}, "helm.run_on", "auto or runner"),
    ("download without digest", {"helm.sha256": None}, "helm.sha256", "get.helm.sh/helm-v4.1.4-linux-amd64.tar.gz"),
    ("path that nobody uses", {"helm.path": "/opt/helm", "helm.run_on": "master"}, "helm.path", "source: upload"),
    ("tag that moves", {"image.tag": "latest"}, "image.tag", "never moves"),
    ("https without a name", {"jupyterhub.hostname": None}, "jupyterhub.hostname", "https: {kind: off}"),
    (
        "offload without a name",
        {"jupyterhub.hostname": None, "jupyterhub.https": {"kind": "offload"}},
        "jupyterhub.hostname",
        "https: {kind: off}",
    ),
    ("certificate for a private name", {"jupyterhub.hostname": "hub.internal"}, "jupyterhub.hostname", "public name"),
    ("nobody may log in", {"jupyterhub.auth.allow": []}, "jupyterhub.auth.allow", "at least one name"),
    (
        "all, and members only",
        {
            "jupyterhub.auth": {
                "kind": "github",
                "client_id": "x",
                "client_secret": {"env": "A"},
                "allowed_organizations": ["o"],
                "allow": "all",
            }
        },
        "jupyterhub.auth.allow",
        "either",
    ),
    (
        "github for nobody",
        {"jupyterhub.auth": {"kind": "github", "client_id": "x", "client_secret": {"env": "A"}}},
        "jupyterhub.auth.allow",
        "allowed_organizations",
    ),
    ("oidc without openid", {"jupyterhub.auth.scope": ["profile"]}, "jupyterhub.auth.scope", "openid"),
    ("one namespace for both", {"dask_gateway.namespace": "jhub"}, "dask_gateway.namespace", "another namespace"),
    ("Kubernetes' own namespace", {"jupyterhub.namespace": "kube-system"}, "jupyterhub.namespace", "of its own"),
    ("more workers than allowed", {"health.workers": 21}, "health.workers", "per_cluster_max, 20"),
    ("chunk larger than the array", {"health.chunk": 10001}, "health.chunk", "array_size, 10000"),
    (
        "chunk larger than a worker",
        {"health.array_size": 40000, "health.chunk": 20000},
        "health.chunk",
        "dask_gateway.worker.memory_gib, 2",
    ),
    ("too many chunks", {"health.array_size": 1000000, "health.chunk": 100}, "health.chunk", "at most 250000"),
    ("stopped while it waits", {"dask_gateway.idle_timeout_s": 200}, "dask_gateway.idle_timeout_s", "limits_s.workers"),
    (
        "volume for a hub without volumes",
        {"storage": {"kind": "ephemeral"}, "jupyterhub.values": {"hub": {"db": {"type": "sqlite-pvc"}}}},
        "jupyterhub.values.hub.db.type",
        "kind: dynamic",
    ),
    (
        "another address in raw values",
        {"jupyterhub.values": {"proxy": {"service": {"loadBalancerIP": "192.0.2.9"}}}},
        "jupyterhub.values.proxy.service.loadBalancerIP",
        "network.floating_ips.jupyterhub",
    ),
    (
        "another image in raw values",
        {"jupyterhub.values": {"singleuser": {"image": {"name": "jupyter/datascience-notebook"}}}},
        "jupyterhub.values.singleuser.image.name",
        "image.name, which says 'pangeo/pangeo-notebook'",
    ),
    (
        "hub below another path",
        {"jupyterhub.values": {"hub": {"baseUrl": "/lab/"}}},
        "jupyterhub.values.hub.baseUrl",
        "built on '/'",
    ),
    (
        "gateway below another path",
        {"dask_gateway.values": {"gateway": {"prefix": "/dask"}}},
        "dask_gateway.values.gateway.prefix",
        "built on '/'",
    ),
    (
        "hub without load balancer",
        {"jupyterhub.values": {"proxy": {"service": {"type": "NodePort"}}}},
        "jupyterhub.values.proxy.service.type",
        "built on 'LoadBalancer'",
    ),
    (
        "gateway without load balancer",
        {"dask_gateway.values": {"traefik": {"service": {"type": "NodePort"}}}},
        "dask_gateway.values.traefik.service.type",
        "built on 'LoadBalancer'",
    ),
    (
        "hub that hears no gateway",
        {"jupyterhub.values": {"hub": {"networkPolicy": {"interNamespaceAccessLabels": "ignore"}}}},
        "jupyterhub.values.hub.networkPolicy.interNamespaceAccessLabels",
        "built on 'accept'",
    ),
    (
        "other names of the hub",
        {"jupyterhub.values": {"fullnameOverride": None}},
        "jupyterhub.values.fullnameOverride",
        "built on ''",
    ),
    (
        "other names of the gateway",
        {"dask_gateway.values": {"fullnameOverride": "gw"}},
        "dask_gateway.values.fullnameOverride",
        "built on ''",
    ),
    (
        "other scopes of users",
        {"jupyterhub.values": {"hub": {"loadRoles": {"user": {"scopes": ["self"]}}}}},
        "jupyterhub.values.hub.loadRoles.user",
        "lets users use the gateway",
    ),
    (
        "other scopes of notebooks",
        {"jupyterhub.values": {"hub": {"loadRoles": {"server": {"scopes": []}}}}},
        "jupyterhub.values.hub.loadRoles.server",
        "lets notebooks use the gateway",
    ),
    (
        "another service of our name",
        {"jupyterhub.values": {"hub": {"services": {"magnumhub": {"url": "http://x"}}}}},
        "jupyterhub.values.hub.services.magnumhub",
        "the check's service",
    ),
    (
        "address taken out with null",
        {"jupyterhub.values": {"proxy": {"service": {"loadBalancerIP": None}}}},
        "jupyterhub.values.proxy.service.loadBalancerIP",
        "network.floating_ips.jupyterhub",
    ),
    (
        "https in raw values",
        {"jupyterhub.values": {"proxy": {"https": {"enabled": True}}}},
        "jupyterhub.values.proxy.https",
        "jupyterhub.https",
    ),
    (
        "gateway login in raw values",
        {"dask_gateway.values": {"gateway": {"auth": {"type": "simple"}}}},
        "dask_gateway.values.gateway.auth",
        "dask_gateway.auth",
    ),
    (
        "port that is no number",
        {"dask_gateway.values": {"traefik": {"service": {"ports": {"web": {"port": "http"}}}}}},
        "dask_gateway.values.traefik.service.ports.web.port",
        "a number from 1 to 65535",
    ),
    (
        "ports that are no list",
        {"jupyterhub.values": {"proxy": {"service": {"extraPorts": {"port": 8080}}}}},
        "jupyterhub.values.proxy.service.extraPorts",
        "a list of ports",
    ),
    (
        "secret in raw values",
        {"jupyterhub.values": {"proxy": {"secretToken": "abcdef"}}},
        "jupyterhub.values.proxy.secretToken",
        "a site file holds no secrets",
    ),
    (
        "secret in a list of raw values",
        {"dask_gateway.values": {"gateway": {"env": [{"api_token": "abcdef"}]}}},
        "dask_gateway.values.gateway.env.0.api_token",
        "a site file holds no secrets",
    ),
]


@pytest.mark.parametrize(
    ("changes", "field", "right"), [case[1:] for case in CONTRADICTIONS], ids=[case[0] for case in CONTRADICTIONS]
)
def test_fields_that_contradict_one_another(changes: dict[str, Any], field: str, right: str) -> None:
    (problem,) = problems(changes)

    assert problem.field == field
    assert right in problem.expected


def test_everything_is_told_at_once() -> None:
    fields = [
        problem.field
        for problem in problems(
            {
                "cluster.node_count": "two",
                "image.tag": 2026.1,
                "network.ingress.request_to": None,
                "health.workers": 50,
                "jupyterhub.hostname": None,
            }
        )
    ]

    assert fields == [
        "cluster.node_count",
        "image.tag",
        "network.ingress.request_to",
        "jupyterhub.hostname",
        "health.workers",
    ]


def test_a_raw_value_may_repeat_what_a_field_says() -> None:
    site = changed(
        {
            "network.floating_ips.jupyterhub": "192.0.2.9",
            "jupyterhub.values": {
                "proxy": {"service": {"loadBalancerIP": "192.0.2.9"}, "secretToken": {"env": "PROXY_TOKEN"}},
                "singleuser": {"image": {"name": "pangeo/pangeo-notebook", "tag": "2026.10.02"}},
            },
        }
    )

    assert parse_site(site).jupyterhub.values["proxy"]["secretToken"] == {"env": "PROXY_TOKEN"}


def test_a_secret_is_not_repeated_by_the_message() -> None:
    with pytest.raises(InputError) as refused:
        parse_site(changed({"jupyterhub.auth.client_secret": "hunter2"}))

    assert "hunter2" not in str(refused.value)


def read(folder: Path, text: str) -> tuple[Problem, ...]:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_site(path)
    return refused.value.problems


def test_a_file_that_is_not_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "name: iris\ncluster: {keypair: default\nimage: x\n")

    assert problem.field.startswith("line 3")


def test_a_key_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    text = (
        Path("deployments/example-site.yaml").read_text(encoding="utf-8").replace("  array_size: 10000", "  chunk: 10")
    )

    (problem,) = read(tmp_path, text)

    assert problem.field == "health.chunk"
    assert "twice, in lines" in problem.given


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n"], ids=["empty", "list", "text"])
def test_a_file_that_holds_no_site(tmp_path: Path, text: str) -> None:
    (problem,) = read(tmp_path, text)

    assert (problem.field, problem.expected) == ("site", "keys and values: name, cloud, …")


def test_an_anchor_inside_itself_is_refused(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "jupyterhub:\n  values: &a\n    x: *a\n")

    assert (problem.field, problem.given) == ("line 2, column 11", "an anchor contains itself")


def test_a_file_that_is_not_there_names_the_sites_there_are(tmp_path: Path) -> None:
    (tmp_path / "iris.yaml").write_text("name: iris\n", encoding="utf-8")

    with pytest.raises(InputError) as refused:
        load_site("irsi", sites_dir=tmp_path)

    (problem,) = refused.value.problems
    assert problem.field == "site"
    assert "iris" in problem.expected
