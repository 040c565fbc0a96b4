"""How an address says whose it is: the mark, as tags and as a description.

The mark is also the memory of a site: which address has which role, whether it may be released, and whether the
firewall was asked to open for it. Tags are what counts. Neutron refuses tags in the request that allocates an address,
so that request carries a description with the same words: an address whose tags were never written is still found.

Source: "Attribute 'tags' not allowed in POST", Neutron 29.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from magnumhub.domain.results import Part, Role

Origin = Literal["allocated", "given"]
Firewall = Literal["", "asked", "open"]

_PREFIX = "magnumhub:"
_CLUSTER = f"{_PREFIX}cluster="
_DESCRIPTION = re.compile(r"^reserved by magnumhub for site=(?P<site>\S+) role=(?P<role>\S+)(?: for=(?P<for>\S+))?$")


@dataclass(frozen=True)
class Mark:
    """Whose an address is.

    origin: `allocated` by us, so that we may release it, or `given` by the site's file or by Magnum: never released.
    firewall: whether a person was asked to open it, and whether it was seen open.
    reserved_for: the role that it gets next, by a redeploy that has not come that far; see `settled` in addresses.py.
    """

    site: str
    role: Role
    origin: Origin
    firewall: Firewall = ""
    reserved_for: Part | Literal[""] = ""


def read_mark(tags: Iterable[str], description: str | None) -> Mark | None:
    """Read an address's mark; None when nobody marked it, or what is there is not ours to understand."""
    words = dict(tag.removeprefix(_PREFIX).split("=", 1) for tag in tags if tag.startswith(_PREFIX) and "=" in tag)
    if not words:
        found = _DESCRIPTION.match(description or "")
        words = {**found.groupdict(""), "origin": "allocated"} if found else {}
    site, role, origin, firewall, part = (words.get(key, "") for key in ("site", "role", "origin", "firewall", "for"))
    if not site or role not in get_args(Role) or origin not in get_args(Origin) or firewall not in get_args(Firewall):
        return None
    if part not in ("", *get_args(Part)):
        return None
    return Mark(site, role, origin, firewall, part)  # type: ignore[arg-type]


def tags_with(mark: Mark, tags: Iterable[str]) -> list[str]:
    """The tags an address has to carry for this mark; others' tags stay, and which clusters it remembers."""
    ours = {"site": mark.site, "role": mark.role, "origin": mark.origin, "firewall": mark.firewall}
    ours |= {"for": mark.reserved_for}
    kept = others_tags(tags) + [tag for tag in tags if tag.startswith(_CLUSTER)]
    return sorted(kept + [f"{_PREFIX}{key}={value}" for key, value in ours.items() if value])


def others_tags(tags: Iterable[str]) -> list[str]:
    """The tags that are not ours."""
    return [tag for tag in tags if not tag.startswith(_PREFIX)]


def clusters_of(tags: Iterable[str]) -> set[str]:
    """The uuids of the Magnum clusters that an address remembers: a teardown began to delete them.

    The cloud names load balancers after them, and once Magnum has deleted a cluster nobody else knows its uuid.
    """
    return {tag.removeprefix(_CLUSTER) for tag in tags if tag.startswith(_CLUSTER)}


def tags_remembering(uuids: Iterable[str], tags: Iterable[str]) -> list[str]:
    """The tags with these clusters besides those that are remembered already."""
    return sorted({*tags, *(f"{_CLUSTER}{uuid}" for uuid in uuids)})


def description_of(mark: Mark) -> str:
    """What an address that is allocated says from its first moment on."""
    reserved_for = f" for={mark.reserved_for}" if mark.reserved_for else ""
    return f"reserved by magnumhub for site={mark.site} role={mark.role}{reserved_for}"
