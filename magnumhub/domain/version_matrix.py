"""Which package differs between notebook, scheduler, workers, gateway and runner, and how bad that is.

Compared here, not gathered.

The severities are what was seen to break. With dask-gateway 2025.4 and 2026.3: numpy 1.26 on the workers and 2.4 on the
client kills the workers; Dask of another year fails in one way or another. Between two Pythons alone: 2.2 cannot read a
function that cloudpickle 3 wrote, nor pandas 2 a table that pandas 3 wrote. Other releases at most warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.versions import version_of

Packages = Mapping[str, str | None]
Table = Mapping[str, Mapping[str, str]]

COMPARED = ("python", "dask", "distributed", "numpy", "cloudpickle", "msgpack", "tornado", "lz4", "toolz", "pandas")

_BREAKS: dict[str, tuple[int, Level]] = {
    "numpy": (1, "Unhealthy"),
    "dask": (1, "Degraded"),
    "distributed": (1, "Degraded"),
    "cloudpickle": (1, "Degraded"),
    "pandas": (1, "Degraded"),
    # Functions travel as byte code, which belongs to one minor version of Python.
    "python": (2, "Degraded"),
}
"""By package: how many numbers of its version have to agree, and how bad it is when they do not."""


def matrix(
    *,
    hub: str | None,
    gateway: str | None,
    notebook: Packages,
    scheduler: Packages,
    workers: Iterable[Packages],
    runner: Packages,
    hub_chart: str | None = None,
    gateway_chart: str | None = None,
) -> dict[str, dict[str, str]]:
    """Component to package to version, as reports show it; workers that differ are listed in one cell."""
    table = {
        "hub": _clean({"chart": hub_chart, "jupyterhub": hub}),
        "notebook": _clean(notebook),
        "gateway": _clean({"chart": gateway_chart, "dask-gateway-server": gateway}),
        "scheduler": _clean(scheduler),
        "workers": _merged([_clean(worker) for worker in workers]),
        "runner": _clean(runner),
    }
    return {component: packages for component, packages in table.items() if packages}


def judge_mismatches(
    table: Table, *, image: str, workers: Mapping[str, Packages] | None = None, before: Table | None = None
) -> list[Finding]:
    """One finding for those that differ in the same way from the notebook, else from the scheduler, and each level.

    Args:
        image: the site's image as `name:tag`, for the remedy.
        workers: by name, so that the one that differs is named; None: as the table has them.
        before: the table of the check before this one: what agreed then is said to be new.
    """
    first = next((component for component in ("notebook", "scheduler") if component in table), "")
    if not first:
        return []
    each = {name: _clean(packages) for name, packages in (workers or {}).items()}
    if not each and "workers" in table:
        each = {"workers": dict(table["workers"])}
    findings = []
    for differing, names in _alike(table, first, each).items():
        by_level: dict[Level, list[str]] = {}
        for package, theirs in differing:
            by_level.setdefault(_severity(package, table[first].get(package, "none"), theirs), []).append(package)
        for level, packages in by_level.items():
            who, theirs_of = _who(names, list(each)), dict(differing)
            summary = f"{who} from the {first}: {_told(packages, theirs_of, first, table[first])}"
            summary += _since(packages, names, first, table, before)
            findings.append(_finding(level, summary, _pins(packages, table[first], image)))
    return [*findings, *_of_gateway(table), *_of_runner(table)]


def too_far(runner: Packages, site: Packages) -> str:
    """Why the runner cannot compute on the site's Dask; empty when it can.

    Args:
        site: what the scheduler or the notebook has; packages that are not known are taken for right.
    """
    ours, theirs = _clean(runner), _clean(site)
    for package in ("numpy", "dask", "distributed"):
        a, b = ours.get(package, ""), theirs.get(package, "")
        if b and version_of(a)[:1] != version_of(b)[:1]:
            return f"the runner has {package} {a or 'none'}, the site {b}"
    return ""


def _alike(
    table: Table, first: str, workers: Mapping[str, Mapping[str, str]]
) -> dict[tuple[tuple[str, str], ...], list[str]]:
    """What differs, as (package, version) pairs, to those of scheduler and workers in which it does."""
    sides = dict(workers)
    if first != "scheduler" and "scheduler" in table:
        sides = {"scheduler": table["scheduler"], **sides}
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, packages in sides.items():
        pairs = ((package, packages.get(package, "none")) for package in COMPARED)
        differing = tuple((package, theirs) for package, theirs in pairs if theirs != table[first].get(package, "none"))
        if differing:
            alike.setdefault(differing, []).append(name)
    return alike


def _severity(package: str, ours: str, theirs: str) -> Level:
    numbers, level = _BREAKS.get(package, (0, "Healthy"))
    agree = all(version_of(version)[:numbers] == version_of(ours)[:numbers] for version in theirs.split(", "))
    return "Healthy" if agree else level


def _who(names: list[str], all_workers: list[str]) -> str:
    workers = [name for name in names if name != "scheduler"]
    parts = ["scheduler"] if "scheduler" in names else []
    if workers == all_workers:
        parts.append("workers")
    elif workers:
        others = f" and {len(workers) - 1} more" if len(workers) > 1 else ""
        parts.append(f"{len(workers)} of {len(all_workers)} workers ({workers[0]}{others})")
    single = names == ["scheduler"] or (len(names) == 1 and len(all_workers) > 1)
    return " and ".join(parts) + (" differs" if single else " differ")


def _told(packages: Iterable[str], theirs: Packages, first: str, ours: Packages) -> str:
    return ", ".join(f"{name} {theirs.get(name, 'none')} ({first} {ours.get(name, 'none')})" for name in packages)


def _since(packages: list[str], names: list[str], first: str, table: Table, before: Table | None) -> str:
    """Which of the mismatches were none the last time."""
    components = {"scheduler" if name == "scheduler" else "workers" for name in names}
    if before is None or not components | {first} <= before.keys():
        return ""

    def agreed(package: str) -> bool:
        return all(before[part].get(package) == before[first].get(package) for part in components)

    new = [package for package in packages if agreed(package)]
    return f"; new since the last check: {', '.join(new)}" if new else ""


def _pins(packages: Iterable[str], ours: Packages, image: str) -> str:
    pins = " ".join(f"{name}=={ours[name]}" for name in packages if ours.get(name))
    return f"Run notebooks, scheduler and workers from one image ({image})" + (
        f", or pin there: {pins}." if pins else "."
    )


def _of_gateway(table: Table) -> list[Finding]:
    """A remark: a client 2025.4.0 was seen to work with a gateway 2026.3.0."""
    client = table.get("notebook", {}).get("dask-gateway", "")
    server = table.get("gateway", {}).get("dask-gateway-server", "")
    if not client or not server or client == server:
        return []
    summary = f"the notebook has dask-gateway {client}, the gateway is {server}"
    return [_finding("Healthy", summary, f"Where they do not understand each other, pin dask-gateway=={server}.")]


def _of_runner(table: Table) -> list[Finding]:
    """A remark, for no user computes on the runner; where it is too far from the site, that is said already."""
    site, runner = table.get("scheduler", {}), table.get("runner", {})
    if not site or not runner or too_far(runner, site):
        return []
    differing = [
        package
        for package in COMPARED
        if package in site and package in runner and _severity(package, site[package], runner[package]) != "Healthy"
    ]
    if not differing:
        return []
    summary = f"the runner differs from the scheduler: {_told(differing, runner, 'scheduler', site)}"
    return [_finding("Healthy", summary, "Nothing needs to be done for users: none of them computes on the runner.")]


def _finding(level: Level, summary: str, remedy: str) -> Finding:
    return Finding(check="versions", level=level, category=Category.VERSIONS, summary=summary, remedy=remedy)


def _clean(packages: Packages) -> dict[str, str]:
    """Without packages that are not there; dask reports Python as 3.11.7.final.0, others as 3.11.7."""
    return {name: version.removesuffix(".final.0") for name, version in packages.items() if version}


def _merged(workers: list[dict[str, str]]) -> dict[str, str]:
    names = dict.fromkeys(name for worker in workers for name in worker)
    return {name: ", ".join(sorted({worker.get(name, "none") for worker in workers})) for name in names}
