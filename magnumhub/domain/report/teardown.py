"""A finished teardown as markdown: what is left first, as somebody has to do something about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from magnumhub.domain.report.live import spent
from magnumhub.domain.report.markdown import cell, table
from magnumhub.domain.teardown import Item, Teardown


def teardown_page(torn_down: Teardown) -> str:
    """What became of everything that the site had."""
    state = f"{_things(torn_down.left)} left" if torn_down.left else "nothing is left"
    return "\n\n".join(
        [
            f"# Teardown of {cell(torn_down.site)}: {state}",
            f"It took {spent(torn_down.duration_s)}.",
            *_left(torn_down.left),
            *_kept(torn_down.kept),
            *_deleted(torn_down),
        ]
    )


def _left(items: Sequence[Item]) -> Iterator[str]:
    if items:
        yield "## Left, although it should be gone"
        rows = ((cell(i.kind), _name(i), cell(i.reason), cell(i.remedy) or "–") for i in items)
        yield table(("what", "which", "why", "what to do"), rows)


def _kept(items: Sequence[Item]) -> Iterator[str]:
    if items:
        yield "## Kept, as was asked"
        yield table(
            ("what", "which", "id", "what it is"), ((cell(i.kind), _name(i), cell(i.id), cell(i.reason)) for i in items)
        )


def _deleted(torn_down: Teardown) -> Iterator[str]:
    yield "## Deleted"
    if torn_down.deleted:
        yield table(("what", "which", "id"), ((cell(i.kind), _name(i), cell(i.id)) for i in torn_down.deleted))
    else:
        yield "Nothing: the site had nothing in the cloud that was to go."


def _name(item: Item) -> str:
    return cell(item.name or item.id)


def _things(items: Sequence[Item]) -> str:
    return "1 thing is" if len(items) == 1 else f"{len(items)} things are"
