"""The plan as markdown: what will be done to each resource, and what stands in the way."""

from __future__ import annotations

from collections import Counter

from magnumhub.domain.plan import Change, Plan, PlanAction
from magnumhub.domain.report.markdown import cell, table

_ACTS: tuple[PlanAction, ...] = ("create", "change", "delete")


def plan_page(plan: Plan) -> str:
    """The plan as people read it before it is carried out: what is blocked first, then in the order of the acts."""
    rows = sorted(plan.changes, key=lambda change: change.action != "blocked")
    cells = ((_marked(c), cell(c.resource), cell(c.reason), cell(c.users_notice) or "–") for c in rows)
    return "\n\n".join(
        [
            f"# Plan: {cell(plan.site)}",
            _in_short(plan),
            table(("action", "resource", "why", "what users notice"), cells),
            *(_values(change) for change in rows if change.values),
        ]
    )


def _in_short(plan: Plan) -> str:
    if plan.blocked:
        return (
            "**Blocked: nothing is done as long as this stands in the way.** Each blocked row says why and what to do."
        )
    if not plan.would_change:
        return "Everything is as it should be: nothing would change."
    counts = Counter(change.action for change in plan.changes)
    told = [f"{counts[action]} to {action}" for action in _ACTS if counts[action]]
    kept = f"; {counts['keep']} to keep as it is." if counts["keep"] else "."
    return ", ".join(told) + kept


def _values(change: Change) -> str:
    lines = "\n".join(" ".join(line.replace("`", "'").split()) for line in change.values)
    return f"## {cell(change.resource)}: how its values change\n\n```text\n{lines}\n```"


def _marked(change: Change) -> str:
    return change.action if change.action == "keep" else f"**{change.action}**"
