"""Version numbers and the constraints of Helm charts, as far as charts, hubs and Kubernetes use them."""

from __future__ import annotations

import re
from collections.abc import Callable

Version = tuple[int, ...]

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")
_CONDITION = re.compile(r"(>=|<=|!=|>|<|=|\^|~)?\s*v?(\d+(?:\.(?:\d+|[xX*]))*)\S*")
_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def version_of(text: str) -> Version:
    """The numbers of a version, for comparing: v1.31.1 -> (1, 31, 1); () for what is no version.

    What follows the numbers (-0, +k3s1, .post1) is left out: no rule of ours depends on it.
    """
    match = _NUMBERS.match(text)
    return tuple(int(number) for number in match.group(1).split(".")) if match else ()


def is_release(text: str) -> bool:
    """Whether a chart version is a release, and not a 4.4.0-0.dev or a beta."""
    return re.fullmatch(r"v?\d+(?:\.\d+)*", text) is not None


def minor_of(text: str) -> str:
    """`1.31` of `v1.31.1`: what Kubernetes' compatibility is about."""
    return ".".join(str(number) for number in version_of(text)[:2])


def satisfies(version: str, constraint: str) -> bool | None:
    """Whether a version meets a Helm constraint such as `>=1.28.0-0`; None where the constraint is not understood.

    Source: https://github.com/Masterminds/semver: `||` between alternatives, blank or comma between conditions.
    """
    verdicts = [_meets_all(version_of(version), alternative) for alternative in constraint.split("||")]
    return True if True in verdicts else None if None in verdicts else False


def _meets_all(version: Version, alternative: str) -> bool | None:
    rest, verdict = alternative.replace(",", " ").strip(), True
    if rest in ("", "*"):
        return True
    while rest:
        match = _CONDITION.match(rest)
        if match is None:
            return None
        verdict = verdict and _meets(version, match.group(1) or "=", match.group(2))
        rest = rest[match.end() :].strip()
    return verdict


def _meets(version: Version, sign: str, bound: str) -> bool:
    wanted = version_of(bound)
    if sign == "=":
        return version[: len(wanted)] == wanted
    padded = _padded(wanted)
    if sign == "^":
        return padded <= _padded(version) and version[:1] == wanted[:1]
    if sign == "~":
        return padded <= _padded(version) and version[:2] == wanted[:2]
    return _COMPARE[sign](_padded(version), padded)


def _padded(version: Version) -> Version:
    return (*version, 0, 0, 0)[:3]
