"""What a person reads when a command has ended: where the hub is, what was planned, what there is.

On a terminal columns wrap within its width; anywhere else a line is a line, so that it can be searched and cut.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from magnumhub.domain.deployment import Deployment
from magnumhub.domain.fleet import Fleet
from magnumhub.domain.health import Health
from magnumhub.domain.plan import Plan
from magnumhub.domain.report.markdown import when
from magnumhub.domain.spec import DummyAuth, Site
from magnumhub.domain.teardown import Teardown
from tasks.status import Status

_LEVELS = {"Healthy": "green", "Degraded": "yellow", "Unhealthy": "red", "Unknown": "magenta", "Skipped": "dim"}
_ACTIONS = {"create": "green", "keep": "dim", "change": "yellow", "delete": "red", "blocked": "red"}
_NO_WRAP = 100_000


def show_deployment(site: Site, deployment: Deployment) -> None:
    """Where users go, what runs there, and what the computation said."""
    rows = [
        ("JupyterHub", deployment.endpoints["jupyterhub"] or ""),
        ("Dask Gateway", deployment.endpoints["dask_gateway"] or "inside the cluster only"),
    ]
    if isinstance(site.jupyterhub.auth, DummyAuth):
        rows.append(("log in as", f"any user, password as in {site.jupyterhub.auth.password}"))
    for release in deployment.releases.values():
        rows.append((release.name, f"chart {release.version}, version {release.app_version}, {release.action}"))
    rows.append(("cluster", f"{deployment.magnum_cluster.name} ({deployment.magnum_cluster.uuid})"))
    for part, seconds in deployment.outage_s.items():
        rows.append(("outage", f"{part} could not be reached for {seconds:.1f} s while its address moved"))
    if deployment.health is None:
        rows.append(("health", "nothing had changed; hub and gateway answer"))
    _print_rows(rows)
    if deployment.health is not None:
        show_health(deployment.health)


def show_health(health: Health) -> None:
    """Each check with its level, then what is wrong and what to do."""
    _print_rows(
        (Text(check.level, _LEVELS[check.level]), check.name, f"{check.duration_s:6.1f} s", check.summary)
        for check in health.checks
    )
    for finding in health.findings:
        _print(Text.assemble((finding.level, _LEVELS[finding.level]), f": {finding.summary}\n  -> {finding.remedy}"))


def show_fleet(fleet: Fleet) -> None:
    """A row for each site, the worst first, with what to do where something has to be done."""
    if not fleet.sites:
        _print_rows([("there is no site in deployments/sites yet; magnumhub init writes one",)])
        return
    head = tuple(Text(title, "bold") for title in ("level", "site", "checked", "what was seen", "what to do"))
    sites = (
        (Text(s.level, _LEVELS[s.level]), s.site, when(s.when) if s.when else "never", s.summary, s.remedy)
        for s in fleet.sites
    )
    _print_rows([head, *sites])


def show_plan(plan: Plan) -> None:
    """A row for each resource."""
    head = tuple(Text(title, "bold") for title in ("resource", "action", "why", "what users notice"))
    changes = (
        (change.resource, Text(change.action, _ACTIONS[change.action]), change.reason, change.users_notice)
        for change in plan.changes
    )
    _print_rows([head, *changes])
    for change in plan.changes:
        for line in change.values:
            _print(Text(f"{change.resource}: {line}", "dim"))


def show_teardown(torn_down: Teardown) -> None:
    """What is gone, what was kept, and last what is left and what to do about it."""
    if not (torn_down.deleted or torn_down.left):
        _print(Text(f"nothing to do: {torn_down.site} has nothing in the cloud{' but this' if torn_down.kept else ''}"))
    kinds = (("deleted", "dim", torn_down.deleted), ("kept", "green", torn_down.kept), ("left", "red", torn_down.left))
    _print_rows(
        (Text(word, style), item.kind, item.name or item.id, item.reason, item.remedy)
        for word, style, items in kinds
        for item in items
    )


def show_status(status: Status) -> None:
    """What there is of a site, a line each."""
    _print_rows(status.rows())


def _print_rows(rows: Iterable[tuple[str | Text, ...]]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    _print(table)


def _print(what: Table | Text) -> None:
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(what)
        return
    console.width = _NO_WRAP
    with console.capture() as printed:
        console.print(what)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
