from __future__ import annotations

import pytest

from magnumhub.kube.storage import CINDER, OUR_CLASS, ClassSeen, StorageDecision, decide_storage_class

FAST = ClassSeen("fast", "nfs.csi.k8s.io")
CINDER_CLASS = ClassSeen("volumes", CINDER)
DEFAULT = ClassSeen("standard", "nfs.csi.k8s.io", is_default=True)


@pytest.mark.parametrize(
    ("asked", "classes", "drivers", "expected"),
    [
        ("fast", [FAST, DEFAULT], [], StorageDecision("use", "fast")),
        ("default", [CINDER_CLASS, DEFAULT], [CINDER], StorageDecision("use", "standard")),
        ("default", [FAST, CINDER_CLASS], [CINDER], StorageDecision("use", "volumes")),
        ("default", [], [CINDER], StorageDecision("create", OUR_CLASS)),
        ("default", [FAST], [CINDER], StorageDecision("create", OUR_CLASS)),
    ],
)
def test_a_class_is_found_or_made(
    asked: str, classes: list[ClassSeen], drivers: list[str], expected: StorageDecision
) -> None:
    assert decide_storage_class(asked, classes, drivers) == expected


def test_a_class_that_is_not_there_is_refused_with_those_that_are() -> None:
    decision = decide_storage_class("gone", [FAST, DEFAULT], [CINDER])
    assert (decision.step, decision.reason) == ("refuse", "no StorageClass gone; there is fast, standard")


def test_without_class_and_driver_nothing_can_be_made() -> None:
    decision = decide_storage_class("default", [], ["nfs.csi.k8s.io"])
    assert decision.step == "refuse"
    assert CINDER in decision.reason
