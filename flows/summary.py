"""What a person reads when a command has ended: where the hub is, what was planned, what there is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from magnumhub.domain.deployment import Deployment
from magnumhub.domain.health import Health
from magnumhub.domain.plan import Plan
from magnumhub.domain.spec import DummyAuth, Site
from tasks.status import Status

_LEVELS = {"Healthy": "green", "Degraded": "yellow", "Unhealthy": "red", "Unknown": "magenta", "Skipped": "dim"}
_ACTIONS = {"create": "green", "keep": "dim", "change": "yellow", "blocked": "red"}


def show_deployment(site: Site, deployment: Deployment) -> None:
    """Where users go, what runs there, and what the computation said."""
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_row("JupyterHub", deployment.endpoints["jupyterhub"])
    table.add_row("Dask Gateway", deployment.endpoints["dask_gateway"] or "inside the cluster only")
    for release in deployment.releases.values():
        table.add_row(release.name, f"chart {release.version}, version {release.app_version}, {release.action}")
    table.add_row("cluster", f"{deployment.magnum_cluster.name} ({deployment.magnum_cluster.uuid})")
    if isinstance(site.jupyterhub.auth, DummyAuth):
        table.add_row("log in as", f"any user, password as in {site.jupyterhub.auth.password}")
    console.print(table)
    if deployment.health is None:
        console.print("nothing had changed; hub and gateway answer")
    else:
        show_health(deployment.health, console)


def show_health(health: Health, console: Console) -> None:
    """Each check with its level, then what is wrong and what to do."""
    for check in health.checks:
        style = _LEVELS[check.level]
        console.print(f"[{style}]{check.level:<10}[/] {check.name:<13} {check.duration_s:6.1f} s  {check.summary}")
    for finding in health.findings:
        console.print(f"[{_LEVELS[finding.level]}]{finding.level}[/]: {finding.summary}\n  -> {finding.remedy}")


def show_plan(plan: Plan) -> None:
    """A row for each resource."""
    table = Table("resource", "action", "why", "what users notice", box=None, padding=(0, 2, 0, 0))
    for change in plan.changes:
        table.add_row(
            change.resource,
            f"[{_ACTIONS[change.action]}]{change.action}[/]",
            change.reason,
            change.users_notice,
        )
    Console(highlight=False).print(table)


def show_status(status: Status) -> None:
    """What there is of a site, a line each."""
    table = Table.grid(padding=(0, 2))
    for name, text in status.rows():
        table.add_row(name, text)
    Console(highlight=False).print(table)
