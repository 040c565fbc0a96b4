"""What Magnum says to a request for a cluster that cannot be granted, word by word."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contract.openstack.cloud import Told
from tests.contract.openstack.magnum_side import CLUSTERS, UNKNOWN, Magnum, error

REFUSED: list[tuple[str, dict[str, Any], int, str]] = [  # microversion, what is wrong, status, how Magnum begins
    ("1.1", {"cluster_template_id": "contract-none"}, 400, "ClusterTemplate contract-none could not be found."),
    ("1.9", {"cluster_template_id": UNKNOWN}, 400, f"ClusterTemplate {UNKNOWN} could not be found."),
    ("1.10", {"cluster_template_id": "contract-none"}, 404, "ClusterTemplate contract-none could not be found."),
    ("1.10", {"cluster_template_id": UNKNOWN}, 404, f"ClusterTemplate {UNKNOWN} could not be found."),
    ("1.10", {"cluster_template_id": None}, 400, "Invalid input for field/attribute cluster_template_id."),
    ("1.9", {"node_count": 0}, 400, "Resizing a nodegroup to zero is not supported"),
    ("1.10", {"node_count": -1}, 400, "Invalid input for field/attribute node_count. Value: '-1'."),
    ("1.10", {"node_count": "x"}, 400, "Invalid input for field/attribute cluster."),
    ("1.6", {"docker_volume_size": 0}, 400, "Invalid input for field/attribute docker_volume_size. Value: '0'."),
    ("1.6", {"docker_volume_size": -1}, 400, "Invalid input for field/attribute docker_volume_size. Value: '-1'."),
    ("1.6", {"docker_volume_size": "x"}, 400, "Invalid input for field/attribute cluster."),
    ("1.10", {"master_count": 0}, 400, "Invalid input for field/attribute master_count. Value: '0'."),
    ("1.10", {"master_count": 2}, 400, "master nodegroup size of 2 is invalid"),
    ("1.10", {"master_count": 3}, 400, "master_count must be 1 when master_lb_enabled is False"),
    ("1.10", {"create_timeout": -1}, 400, "Invalid input for field/attribute create_timeout. Value: '-1'."),
    ("1.10", {"name": "-x"}, 400, "Invalid input for field/attribute name. Value: '-x'."),
    ("1.10", {"name": ""}, 400, "Invalid input for field/attribute name. Value: ''."),
    ("1.10", {"name": "a" * 243}, 400, "Invalid input for field/attribute name."),
    ("1.10", {"name": 3}, 400, "Invalid input for field/attribute name. Value: '3'."),
    ("1.10", {"labels": "x"}, 400, "Invalid input for field/attribute cluster."),
    ("1.10", {"labels": {"a": ["b"]}}, 400, "Invalid input for field/attribute labels."),
    ("1.10", {"keypair": "contract-none"}, 404, "Unable to find keypair contract-none."),
    ("1.10", {"flavor_id": "contract-none"}, 400, "Unable to find flavor contract-none."),
    ("1.10", {"flavor_id": ""}, 400, "Invalid input for field/attribute flavor_id."),
    ("1.10", {"master_flavor_id": "contract-none"}, 400, "Unable to find flavor contract-none."),
    ("1.10", {"fixed_network": "contract-none"}, 400, "Unable to find fixed network contract-none."),
    ("1.10", {"fixed_subnet": "contract-none"}, 400, "Unable to find fixed subnet contract-none."),
    ("1.10", {"contract_nonsense": 1}, 400, "Unknown attribute for argument cluster: contract_nonsense"),
    ("1.10", {"stack_id": "x"}, 400, "Invalid input for field/attribute stack_id."),
]


@pytest.fixture
def names(magnum_names: dict[str, str]) -> dict[str, str]:
    return magnum_names


def _id(case: tuple[str, dict[str, Any], int, str]) -> str:
    version, wrong, *_ = case
    return "-".join([version, *(re.sub(r"\W", "", f"{field}_{value}")[:40] for field, value in wrong.items())])


@pytest.mark.parametrize(("version", "wrong", "status", "words"), REFUSED, ids=map(_id, REFUSED))
def test_refused(told: Told, magnum: Magnum, version: str, wrong: dict[str, Any], status: int, words: str) -> None:
    headers = {"OpenStack-API-Version": f"container-infra {version}"}
    answer = told.call("magnum", "POST", CLUSTERS, magnum.wanted(**wrong), headers=headers)
    assert (answer.status, error(answer)[: len(words)]) == (status, words)


@pytest.mark.parametrize("body", [None, {}, b"{x"], ids=["none", "empty", "no-json"])
def test_malformed(told: Told, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = told.call("magnum", "POST", CLUSTERS, body, headers=headers)
    assert (answer.status, answer.body["errors"][0]["code"]) == (400, "client")
