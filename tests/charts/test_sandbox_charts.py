"""The sandbox's small charts beside the real ones of the same version: what is in them is what the real ones have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.charts.archives import Given
from tests.charts.conftest import Partner
from tests.charts.deployment import Deployed, deploy
from tests.charts.rendering import Object, Rendered
from tests.charts.site import DUMMY, site

SITES: dict[str, dict[str, Any]] = {
    "rich": {},
    "plain": {"hub": {"auth": DUMMY, "values": {}}, "gateway": {"values": {}}},
}
# What their values.yaml say of themselves: their images are the sandbox's, and a pod is asked at once.
OTHERWISE = ("image.tag", "readinessProbe.initialDelaySeconds")

WRONG: dict[str, list[dict[str, Any]]] = {
    "jupyterhub": [
        {"singleuser": {"storage": {"type": "sqlite-memory"}}},
        {"proxy": {"service": {"loadBalancerIp": "127.0.0.1"}}},
        {"proxy": {"https": {"enabled": "yes"}}},
        {"hub": {"config": {"jupyterhub": {}}}},
        {"hub": {"db": {"type": "mongodb"}}},
        {"hub": {"networkPolicy": {"interNamespaceAccessLabels": "yes"}}},
        {"singleuser": {"image": {"name": 1}}},
        {"hubb": {}},
    ],
    "dask-gateway": [
        {"traefik": {"service": {"loadBalancerIP": "127.0.0.1"}}},
        {"traefik": {"service": {"ports": {"web": {"port": "80"}}}}},
        {"gateway": {"auth": {"type": "oidc"}}},
        {"gateway": {"auth": {"jupyterhub": {"token": "t"}}}},
        {"gateway": {"auth": {"jupyterhub": {"jupyterhubServiceName": "dask-gateway"}}}},
        {"gateway": {"backend": {"worker": {"core": 1}}}},
        {"gatway": {}},
    ],
}


@pytest.fixture
def twin(twinned: Given, sandbox_charts: Mapping[tuple[str, str], Given]) -> Given:
    return sandbox_charts[twinned.chart, twinned.version]


def test_it_says_the_same_of_itself(twinned: Given, twin: Given) -> None:
    assert (twin.archive.app_version, twin.archive.kube_version) == (
        twinned.archive.app_version,
        twinned.archive.kube_version,
    )


def test_it_has_only_keys_that_are_there_with_the_same_defaults(twinned: Given, twin: Given) -> None:
    real = dict(_leaves(twinned.archive.keys().own))
    differing = {
        path: (value, real.get(path, "no such key"))
        for path, value in _leaves(twin.archive.keys().own)
        if real.get(path, "no such key") != value and not path.endswith(OTHERWISE)
    }
    assert differing == {}


def test_it_refuses_the_same_keys(twinned: Given, twin: Given) -> None:
    for values in WRONG[twinned.chart]:
        ours, real = (
            [line.split(" expected ")[0] for line in each.archive.refused(values)] for each in (twin, twinned)
        )
        assert ours == real, values


@pytest.mark.parametrize("name", SITES)
def test_its_objects_are_the_real_ones(twinned: Given, twin: Given, partner: Partner, name: str) -> None:
    ours = _rendered(deploy(site(**SITES[name]), twin, partner(twinned)), twinned)
    real = _rendered(deploy(site(**SITES[name]), twinned, partner(twinned)), twinned)

    for each in ours.objects:
        one = real.one(each["kind"], each["metadata"]["name"])
        if "labels" in one["metadata"]:  # the real accounts of Traefik have none, and nobody selects them
            assert one["metadata"]["labels"] == each["metadata"]["labels"]
        assert _essence(each) == _essence(one, like=each)


def _rendered(deployed: Deployed, chart: Given) -> Rendered:
    return deployed.hub if chart.chart == "jupyterhub" else deployed.gateway


def _essence(made: Object, like: Object | None = None) -> dict[str, Any]:
    """What others rely on in an object, in an order of its own.

    Args:
        like: the sandbox's, where this is the real one; it may have less in it than that.
    """
    spec = made.get("spec") or {}
    found: dict[str, Any] = {}
    if made["kind"] == "Service":
        found |= {
            "reach": (spec.get("type", "ClusterIP"), spec.get("loadBalancerIP"), spec["selector"]),
            "ports": spec["ports"],
        }
    if made["kind"] == "NetworkPolicy":
        found |= {"selector": spec["podSelector"], "types": sorted(spec["policyTypes"])}
        found |= {direction: _rules(spec.get(direction)) for direction in ("ingress", "egress")}
    if made["kind"] == "Deployment":
        template = spec["template"]
        containers = template["spec"]["containers"]
        found |= {
            "replicas": spec["replicas"],
            "selector": spec["selector"],
            "pods": template["metadata"]["labels"],
            "ports": [port for container in containers for port in container.get("ports") or []],
        }
    if made["kind"] == "Secret":
        keys = {*(made.get("data") or {}), *(made.get("stringData") or {})}
        wanted = keys if like is None else {*(like.get("data") or {}), *(like.get("stringData") or {})}
        found["keys"] = sorted(keys & wanted)
    return found


def _rules(rules: list[Any] | None) -> list[str]:
    """One line for each port and peer, as rules add up however they are grouped; sorted."""
    lines = []
    for rule in rules or []:
        peers = rule.get("from") or rule.get("to") or ["anybody"]
        lines += [
            json.dumps([port, _without_empty(peer)], sort_keys=True)
            for port in rule.get("ports") or ["any port"]
            for peer in peers
        ]
    return sorted(lines)


def _without_empty(peer: Any) -> Any:
    """An empty selector selects all, with an empty matchLabels in it or without."""
    if not isinstance(peer, dict):
        return peer
    return {key: {} if value == {"matchLabels": {}} else value for key, value in peer.items()}


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, values
