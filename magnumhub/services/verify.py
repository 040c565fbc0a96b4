"""Whether what was just installed works: hub, gateway, and everything that a user does, one after the other.

Nothing here raises for a broken site: every check ends in the health document, one failing does not hide the others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from magnumhub.domain.checking import Checking, look_once, skipped
from magnumhub.domain.checks.causes import with_causes
from magnumhub.domain.health import GATEWAY_INSIDE, Checked, Health, UserChecks, health_of
from magnumhub.domain.results import Release, Report
from magnumhub.domain.spec import Site
from magnumhub.services.front import ANSWER_S, look_at_gateway, look_at_hub
from magnumhub.services.users import Front, HubAccess, Inside, check_as_user, nobody_checked


def verify(
    site: Site,
    *,
    hub_url: str,
    gateway_url: str | None,
    gateway_ports: Mapping[str, int],
    access: HubAccess,
    releases: Mapping[str, Release],
    full: bool,
    inside: Inside | None = None,
    report: Report,
) -> Health:
    """Check hub and gateway and, when `full`, everything a user needs.

    Safe to repeat: leftovers of an earlier, killed run are stopped first; all of the check's user are ours.

    Args:
        hub_url, gateway_url: scheme, address and port of the public Services; None = the gateway is not public.
        gateway_ports: of the gateway's Service by name, as Kubernetes says them.
        releases: by name, what the cluster says is installed; versions that answer are held against it.
        full: log in, start a notebook server, compute on Dask; else only ask for health and versions.
        inside: the cluster, where it can be looked into: says why something did not come.
    """
    started_at, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    # What was installed just now may need a moment until its load balancer leads there.
    patience_s = float(site.limits_s.load_balancer) if full else min(float(site.limits_s.api), ANSWER_S)

    def hub(check: Checking) -> None:
        look_at_hub(check, site, hub_url, releases.get("jupyterhub"), patience_s=patience_s, report=report)

    def gateway(check: Checking) -> None:
        release = releases.get("dask-gateway")
        look_at_gateway(check, site, gateway_url or "", release, patience_s=patience_s, report=report)

    seen = [_told(look_once("hub", hub), report)]
    seen.append(_told(look_once("gateway", gateway), report) if gateway_url else skipped("gateway", GATEWAY_INSIDE))
    front = Front(
        hub_url=hub_url,
        hub_version=seen[0].facts.get("version"),
        gateway_url=gateway_url,
        gateway_version=seen[1].facts.get("version"),
        gateway_ports=gateway_ports,
        charts={name: release.version for name, release in releases.items()},
    )
    users = UserChecks(checks=(), versions=nobody_checked(front, "").versions)
    if full and front.hub_version:
        users = check_as_user(site, front, access, inside=inside, report=report)
    elif full:
        users = nobody_checked(front, "the hub does not answer")
    checks, findings = with_causes([*seen, *(_told(check, report) for check in users.checks)])
    return health_of(
        site.name,
        started_at=started_at,
        duration_s=time.monotonic() - start,
        checks=[found.check for found in checks],
        findings=findings,
        versions=users.versions,
        benchmark=users.benchmark,
    )


def _told(seen: Checked, report: Report) -> Checked:
    report(f"{seen.check.name}: {seen.check.level}: {seen.check.summary}")
    return seen
