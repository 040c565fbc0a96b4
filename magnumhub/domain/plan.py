"""What a flow will do to each resource, and what users will notice: told before anything is done, then carried out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from magnumhub.domain.errors import StalePlanError
from magnumhub.domain.results import Result

UNSETTLED = "unsettled"
"""Basis of a row about what could not be seen, or is in the middle of something: it is decided when it can be seen."""

PlanAction = Literal["create", "keep", "change", "delete", "blocked"]
Confirm = Callable[[PlanAction, str], None]
"""Called with an action and its basis right before it is carried out; raises where it was not planned."""


def unplanned(action: PlanAction, basis: str) -> None:
    """Confirms whatever has been decided: for those who act without a plan."""


class Change(Result):
    """One row: what happens to a resource, why, and what users notice of it (empty: nothing).

    values: how the chart's values change, a line each, secrets masked.
    basis: what was seen when it was decided, so that it is known whether that still holds; in no document.
    """

    resource: str
    action: PlanAction
    reason: str
    users_notice: str = ""
    values: tuple[str, ...] = ()
    basis: str = ""


class Plan(Result):
    """All rows, in the order in which they are carried out; blocked ones first."""

    site: str
    changes: tuple[Change, ...]

    @property
    def would_change(self) -> bool:
        return any(change.action != "keep" for change in self.changes)

    @property
    def blocked(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action == "blocked")

    def row(self, resource: str) -> Change | None:
        """What is said of a resource; None: nothing is."""
        return next((change for change in self.changes if change.resource == resource), None)

    def confirm(self, resource: str, action: PlanAction, basis: str = "") -> None:
        """Refuse an act that was not planned, or that was planned on what is not so any more.

        What has been done meanwhile (`keep`) is fine: an earlier try of this run did it. So is whatever has to be
        done about a row that was not settled.

        Args:
            action: what is to be done now, as things are now.
            basis: what that was decided on, in the words of the row.

        Raises:
            StalePlanError: somebody else has changed the site since; nothing was touched, and a new plan says what is.
        """
        row = self.row(resource)
        if action == "keep" or (row and row.basis == UNSETTLED):
            return
        planned = row.action if row else "keep"
        if action != planned or (row and row.basis != basis):
            raise StalePlanError(resource, planned=planned, now=action)

    def confirming(self, resource: str) -> Confirm:
        """`confirm` for one resource."""
        return partial(self.confirm, resource)

    def document(self) -> dict[str, Any]:
        """The JSON document of `plan --json`."""
        return {"site": self.site, "changes": [change.model_dump(exclude={"basis"}) for change in self.changes]}
