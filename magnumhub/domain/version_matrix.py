"""Which package differs between notebook, scheduler and workers, and how bad that is. Compared, not gathered, here.

The severities are what was seen to break, with dask-gateway 2025.4 and 2026.3: numpy 1.26 on the workers and 2.4 on the
client kills the workers; Dask of another year fails in one way or another; other patch releases only warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.versions import version_of

Packages = Mapping[str, str | None]

COMPARED = ("python", "dask", "distributed", "numpy", "cloudpickle", "msgpack", "tornado", "lz4", "toolz", "pandas")


def matrix(
    *,
    hub: str | None,
    gateway: str | None,
    notebook: Packages,
    scheduler: Packages,
    workers: Iterable[Packages],
    runner: Packages,
) -> dict[str, dict[str, str]]:
    """Component to package to version, as reports show it; workers that differ are listed in one cell."""
    table = {
        "hub": {"jupyterhub": hub} if hub else {},
        "notebook": _clean(notebook),
        "gateway": {"dask-gateway-server": gateway} if gateway else {},
        "scheduler": _clean(scheduler),
        "workers": _merged([_clean(worker) for worker in workers]),
        "runner": _clean(runner),
    }
    return {component: packages for component, packages in table.items() if packages}


def judge_mismatches(table: Mapping[str, Mapping[str, str]], *, image: str) -> list[Finding]:
    """One finding for each component and level at which it differs from the notebook, else from the scheduler.

    Args:
        image: the site's image as `name:tag`, for the remedy.
    """
    first, *others = [component for component in ("notebook", "scheduler", "workers") if component in table] or [""]
    findings = []
    for component in others:
        differing: dict[Level, list[str]] = {}
        for package in COMPARED:
            ours, theirs = table[first].get(package, "none"), table[component].get(package, "none")
            if ours != theirs:
                differing.setdefault(_severity(package, ours, theirs), []).append(package)
        findings += [_finding(level, component, packages, first, table, image) for level, packages in differing.items()]
    return findings


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


def _severity(package: str, ours: str, theirs: str) -> Level:
    pairs = [(version_of(ours), version_of(version)) for version in theirs.split(", ")]
    if package == "numpy" and any(a[:1] != b[:1] for a, b in pairs):
        return "Unhealthy"
    if package in ("dask", "distributed") and any(a[:1] != b[:1] for a, b in pairs):
        return "Degraded"
    # Functions travel as byte code, which belongs to one minor version of Python.
    if package == "python" and any(a[:2] != b[:2] for a, b in pairs):
        return "Degraded"
    return "Healthy"


def _finding(
    level: Level, component: str, packages: list[str], first: str, table: Mapping[str, Packages], image: str
) -> Finding:
    ours, theirs = table[first], table[component]
    seen = ", ".join(f"{name} {theirs.get(name, 'none')} ({first} {ours.get(name, 'none')})" for name in packages)
    verb = "differs" if component == "scheduler" else "differ"
    pins = " ".join(f"{name}=={ours[name]}" for name in packages if ours.get(name))
    return Finding(
        check="versions",
        level=level,
        category=Category.VERSIONS,
        summary=f"{component} {verb} from the {first}: {seen}",
        remedy=f"Run notebooks, scheduler and workers from one image ({image}), or pin in the {component}: {pins}.",
    )


def _clean(packages: Packages) -> dict[str, str]:
    """Without packages that are not there; dask reports Python as 3.11.7.final.0, others as 3.11.7."""
    return {name: version.removesuffix(".final.0") for name, version in packages.items() if version}


def _merged(workers: list[dict[str, str]]) -> dict[str, str]:
    names = dict.fromkeys(name for worker in workers for name in worker)
    return {name: ", ".join(sorted({worker.get(name, "none") for worker in workers})) for name in names}
