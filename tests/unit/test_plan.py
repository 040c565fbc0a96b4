"""A plan confirms what was planned, and nothing else."""

from __future__ import annotations

import pytest

from magnumhub.domain.errors import StalePlanError
from magnumhub.domain.plan import UNSETTLED, Change, Plan, PlanAction


def test_an_act_that_was_planned_on_what_is_still_so_is_confirmed() -> None:
    change = Change(resource="release jupyterhub", action="change", reason="chart 4.1.0 becomes 4.4.0", basis="a1")
    plan = Plan(site="iris", changes=(change,))
    plan.confirm("release jupyterhub", "change", basis="a1")
    plan.confirm("release jupyterhub", "keep", basis="b2")  # done already, by an earlier try of the same run


@pytest.mark.parametrize(
    ("resource", "action", "basis"),
    [
        ("release jupyterhub", "change", "b2"),  # somebody has upgraded it meanwhile
        ("release jupyterhub", "create", "a1"),  # somebody has uninstalled it
        ("cluster iris", "create", ""),  # what the plan says nothing of stays as it is
    ],
)
def test_an_act_that_was_not_planned_is_refused(resource: str, action: PlanAction, basis: str) -> None:
    change = Change(resource="release jupyterhub", action="change", reason="chart 4.1.0 becomes 4.4.0", basis="a1")
    with pytest.raises(StalePlanError, match=f"{resource} has changed since the plan was made"):
        Plan(site="iris", changes=(change,)).confirm(resource, action, basis=basis)


def test_the_document_says_how_values_change_and_not_what_was_seen() -> None:
    change = Change(resource="storage", action="keep", reason="class fast", values=("a: 1 -> 2",), basis="seen")
    assert Plan(site="iris", changes=(change,)).document() == {
        "site": "iris",
        "changes": [
            {
                "resource": "storage",
                "action": "keep",
                "reason": "class fast",
                "users_notice": "",
                "values": ("a: 1 -> 2",),
            }
        ],
    }


@pytest.mark.parametrize("action", ["create", "change", "keep"])
def test_what_was_not_settled_is_decided_when_it_can_be_seen(action: PlanAction) -> None:
    change = Change(resource="nodes", action="keep", reason="they could not be looked at", basis=UNSETTLED)
    Plan(site="iris", changes=(change,)).confirm("nodes", action, basis="2 nodes")
