"""A finished provision or redeploy as markdown: where users go, what runs there, and how the run went."""

from __future__ import annotations

from collections.abc import Iterator

from magnumhub.domain.deployment import Deployment
from magnumhub.domain.findings import Finding
from magnumhub.domain.report.live import spent
from magnumhub.domain.report.markdown import cell, checks_table, marked, table
from magnumhub.domain.spec import DummyAuth, GithubAuth, Site

_GATEWAY_HEALTH = "/api/health"  # open to everybody, as the gateway serves it
_ROLES = {"jupyterhub": "JupyterHub", "dask_gateway": "Dask Gateway", "master": "master (ssh)"}


def deployment_page(site: Site, deployment: Deployment) -> str:
    """What a person opens after the run: links first, then what is wrong, then the rest."""
    level = deployment.health.level if deployment.health else "Healthy"
    return "\n\n".join(
        [
            f"# {level}: {cell(deployment.site)}",
            *_undone(deployment),
            "\n".join(_where(site, deployment)),
            *_health(deployment),
            "## Releases",
            _releases(deployment),
            "## Addresses",
            _addresses(deployment),
            f"## Stages: {spent(deployment.duration_s)} in all",
            table(
                ("stage", "what was done", "took"),
                ((cell(s.name), s.action, spent(s.duration_s)) for s in deployment.stages),
            ),
            "## What next",
            "\n".join(_next(deployment)),
        ]
    )


def login(site: Site) -> str:
    """How users come in, in words; a password is never said, only where it is."""
    auth = site.jupyterhub.auth
    if isinstance(auth, DummyAuth):
        who, how = "any user name", f"with the one password, which is in {auth.password}"
    elif isinstance(auth, GithubAuth):
        members = " or ".join(auth.allowed_organizations)
        who, how = f"members of {members}" if members else "GitHub users", "with their GitHub account"
    else:
        who, how = "users", "with their account at the site's login provider"
    named = ", ".join(auth.allow) if isinstance(auth.allow, tuple) else ""
    return f"{who} {how}{f'; only {named}' if named else ''}"


def _undone(deployment: Deployment) -> Iterator[str]:
    if deployment.undone:
        yield "**Users could not work with what was asked for, so it was undone.** This is what serves now."


def _where(site: Site, deployment: Deployment) -> Iterator[str]:
    hub, gateway = deployment.endpoints.get("jupyterhub"), deployment.endpoints.get("dask_gateway")
    yield f"- {_ROLES['jupyterhub']}: [{hub}]({hub})" if hub else "- there is no address of the hub"
    yield f"- log in: {cell(login(site))}"
    # It has no page of its own to open, but says how it is.
    public = f"`{gateway}` ([its health]({gateway}{_GATEWAY_HEALTH}))"
    yield f"- {_ROLES['dask_gateway']}: {public if gateway else 'inside the cluster only'}; notebooks have its address"


def _health(deployment: Deployment) -> Iterator[str]:
    health = deployment.health
    yield "## Health"
    if health is None:
        yield "Nothing had changed; hub and gateway answer."
        return
    wrong = [finding for finding in health.findings if finding.level != "Healthy"]
    yield _findings(wrong) if wrong else "A notebook computed on Dask, as a user's does. Nothing needs to be done."
    if health.checks:
        yield checks_table(health)


def _findings(findings: list[Finding]) -> str:
    rows = ((marked(f.level), cell(f.summary), cell(f.remedy) or "–") for f in findings)
    return table(("level", "what was seen", "what to do"), rows)


def _releases(deployment: Deployment) -> str:
    rows = (
        (cell(r.name), cell(r.version), cell(r.app_version), str(r.revision), cell(r.namespace), r.action)
        for r in deployment.releases.values()
    )
    return table(("release", "chart", "version", "revision", "namespace", "this run"), rows)


def _addresses(deployment: Deployment) -> str:
    rows = (
        (_ROLES.get(role, role), address or "none", _outage(deployment.outage_s.get(role)))
        for role, address in deployment.addresses.items()
    )
    return table(("for", "address", "could not be reached in this run"), rows)


def _outage(seconds: float | None) -> str:
    return "–" if seconds is None else f"for {spent(seconds)}, while it moved"


def _next(deployment: Deployment) -> Iterator[str]:
    name, cluster = cell(deployment.site), deployment.magnum_cluster
    yield f"- Can users still work? **check_health** of {name} says it; by its schedule it runs every night."
    yield "- Other addresses, charts, values or another image: **redeploy**. A changed site file: **provision**."
    yield f"- In the cloud: Magnum cluster {cell(cluster.name)}, {cluster.uuid}, of template {cell(cluster.template)}."
