"""The evaluator of NetworkPolicies that the suite of real charts judges by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.network import Network, Outside, Pod, selects

NAMESPACES = {"a": {"kubernetes.io/metadata.name": "a"}, "b": {"kubernetes.io/metadata.name": "b", "team": "x"}}
WEB = Pod("a", {"app": "web"}, {"http": 8000})
CLIENT = Pod("b", {"app": "client"})
OUTSIDE = Outside("8.8.8.8")


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "a"}, "spec": {"podSelector": {}, **spec}}


def allows(spec: dict[str, Any], source: Any = CLIENT, target: Any = WEB, port: int = 8000) -> bool:
    return Network([policy(**spec)], NAMESPACES).allows(source, target, port)


def test_without_a_policy_everything_is_allowed() -> None:
    assert Network([], NAMESPACES).allows(CLIENT, WEB, 1)


def test_a_policy_of_another_namespace_or_for_other_pods_changes_nothing() -> None:
    assert allows({"podSelector": {"matchLabels": {"app": "other"}}, "ingress": []})
    elsewhere = {"metadata": {"namespace": "b"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    assert Network([elsewhere], NAMESPACES).allows(CLIENT, WEB, 8000)


def test_a_policy_without_rules_forbids_that_direction_alone() -> None:
    closed = policy(policyTypes=["Ingress"])

    assert not Network([closed], NAMESPACES).allows(CLIENT, WEB, 8000)
    assert Network([closed], NAMESPACES).allows(WEB, CLIENT, 1)


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ({"podSelector": {"matchLabels": {"app": "client"}}}, False),  # of its own namespace only
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, True),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "client"}}}, True),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}, "podSelector": {}}, False),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, False),  # what it means for pods is left to plugins
    ],
)
def test_peers(peer: dict[str, Any], allowed: bool) -> None:
    assert allows({"ingress": [{"from": [peer]}]}) is allowed


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        ({"port": 8000}, True),
        ({"port": "http"}, True),
        ({"port": "https"}, False),
        ({"port": 7000, "endPort": 9000}, True),
        ({"port": 7000}, False),
        ({"port": 8000, "protocol": "UDP"}, False),
        ({"protocol": "TCP"}, True),
    ],
)
def test_ports(port: dict[str, Any], allowed: bool) -> None:
    assert allows({"ingress": [{"ports": [port]}]}) is allowed


def test_policies_add_up() -> None:
    closed, opened = policy(policyTypes=["Ingress"]), policy(ingress=[{"ports": [{"port": 8000}]}])

    assert Network([closed, opened], NAMESPACES).allows(CLIENT, WEB, 8000)


@pytest.mark.parametrize(("address", "allowed"), [("8.8.8.8", True), ("10.1.2.3", False), ("169.254.169.254", False)])
def test_addresses_outside(address: str, allowed: bool) -> None:
    block = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.169.254/32"]}

    assert (
        allows({"policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": block}]}]}, WEB, Outside(address)) is allowed
    )


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"key": "app", "operator": "In", "values": ["web", "x"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions(rule: dict[str, Any], holds: bool) -> None:
    assert selects({"matchExpressions": [rule]}, WEB.labels) is holds
