"""Which schedules the nightly check's deployment should have, given the sites' files and what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from magnumhub.domain.results import Result

ScheduleAction = Literal["created", "changed", "kept", "removed", "unreadable"]


class Nightly(Result):
    """When a site is checked."""

    cron: str
    timezone: str


class ScheduleChange(Result):
    """What is done about one site's schedule; `nightly` is what it is afterwards, None when there is none."""

    site: str
    action: ScheduleAction
    nightly: Nightly | None


def decide_schedules(
    wanted: Mapping[str, Nightly], present: Mapping[str, Nightly | None], unreadable: Collection[str] = ()
) -> list[ScheduleChange]:
    """What has to be done so that each site has its schedule, in the order of the sites' names.

    Args:
        wanted: site to what its file says.
        present: the schedules that are there, by their slug; None for one that is no cron schedule.
        unreadable: sites whose files are wrong now; their schedules stay as they are.
    """
    return [
        ScheduleChange(
            site=site,
            action=_action(site, wanted, present, unreadable),
            nightly=present.get(site) if site in unreadable else wanted.get(site),
        )
        for site in sorted({*wanted, *present, *unreadable})
    ]


def other_sites(ours: Collection[str], present: Collection[str]) -> list[str]:
    """The sites of a server that has none of ours: it is another team's, or another folder's; else nothing."""
    return [] if set(ours) & set(present) else sorted(present)


def _action(
    site: str, wanted: Mapping[str, Nightly], present: Mapping[str, Nightly | None], unreadable: Collection[str]
) -> ScheduleAction:
    if site in unreadable:
        return "unreadable"
    if site not in wanted:
        return "removed"
    if site not in present:
        return "created"
    return "kept" if present[site] == wanted[site] else "changed"
