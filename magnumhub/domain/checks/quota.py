"""Quotas that are nearly used, told where a running site still takes from them.

A site that runs goes on taking volumes alone: each new user's home is one. Servers, addresses, load balancers and
clusters were taken when it was made, so that a quota which its sites use up exactly is normal; it is a remark, because
a redeployment or a replaced server may need one more for a while.
"""

from __future__ import annotations

from collections.abc import Mapping

from magnumhub.domain.facts import Quota, QuotaFacts
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.spec import DynamicStorage, Site

CHECK = "quota"

NEARLY = 0.9
"""From this share on a quota is nearly used."""

_WORDS: Mapping[str, str] = {
    "gigabytes": "GiB of volumes",
    "ram_mib": "MiB of memory",
    "floating_ips": "floating IPs",
    "load_balancers": "load balancers",
    "security_groups": "security groups",
}
_MORE = "ask the cloud's support for a higher quota, or delete what nobody needs"


def judge_quotas(site: Site, seen: QuotaFacts) -> list[Finding]:
    """Too little for new homes is Degraded: whoever has a home works on; anything else nearly used is one remark."""
    homes = _homes(site, seen.quotas) if isinstance(site.storage, DynamicStorage) else []
    others = [
        _words(name, quota)
        for name, quota in sorted(seen.quotas.items())
        if _is_nearly_used(quota) and not (name in ("volumes", "gigabytes") and homes)
    ]
    if others:
        summary = f"nearly used up, though a running site takes no more of them: {', '.join(others)}"
        remedy = "Nothing needs to be done for users; before a redeployment or another site, " + _MORE + "."
        homes.append(_finding("Healthy", summary, remedy))
    return homes


def told_quotas(seen: QuotaFacts) -> str:
    """In one line which quota is used most, and which are unknown."""
    shares = {name: share for name, quota in seen.quotas.items() if (share := _share(quota)) is not None}
    parts = ["no quota with a limit was seen"]
    if shares:
        most = max(sorted(shares), key=shares.__getitem__)
        parts = [f"the most used quota: {_words(most, seen.quotas[most])}"]
    unknown = [_noun(name) for name, quota in sorted(seen.quotas.items()) if None in (quota.used, quota.limit)]
    parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
    parts += [f"{what} could not be looked at: {why}" for what, why in sorted(seen.unseen.items())]
    return "; ".join(parts)


def _homes(site: Site, quotas: Mapping[str, Quota]) -> list[Finding]:
    """Whether the next user gets a home: one volume of so many GiB, whichever quota ends first."""
    assert isinstance(site.storage, DynamicStorage)
    each = {"volumes": 1, "gigabytes": site.storage.home_gib}
    room = {name: free // size for name, size in each.items() if (free := _free(quotas, name)) is not None}
    if not room:
        return []
    tightest = min(sorted(room), key=room.__getitem__)
    used = f"{' and '.join(_words(name, quotas[name]) for name in room)} are used"
    remedy = f"{_MORE[0].upper()}{_MORE[1:]}: `openstack volume list` shows the volumes."
    if room[tightest] == 0:
        summary = (
            f"new users get no home, their notebook servers stay pending: a home takes a volume of"
            f" {site.storage.home_gib} GiB, and {used}"
        )
        return [_finding("Degraded", summary, remedy)]
    if not any(_is_nearly_used(quotas[name]) for name in room):
        return []
    return [_finding("Degraded", f"room for the homes of {room[tightest]} more users: {used}", remedy)]


def _free(quotas: Mapping[str, Quota], name: str) -> int | None:
    return quotas[name].free if name in quotas else None


def _is_nearly_used(quota: Quota) -> bool:
    share = _share(quota)
    return share is not None and share >= NEARLY


def _share(quota: Quota) -> float | None:
    """How much of it is used; None where that is unknown, or nothing was given and nothing is used."""
    if quota.free is None or quota.used is None or quota.limit is None or quota.used == quota.limit == 0:
        return None
    return quota.used / quota.limit if quota.limit else 1.0


def _words(name: str, quota: Quota) -> str:
    return f"{quota.used} of {quota.limit} {_noun(name)}"


def _noun(name: str) -> str:
    return _WORDS.get(name, name)


def _finding(level: Level, summary: str, remedy: str) -> Finding:
    return Finding(check=CHECK, level=level, category=Category.QUOTA, summary=summary, remedy=remedy)
