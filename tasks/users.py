"""The site as a user meets it: a notebook computes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from magnumhub.domain.checking import Checking, look_once
from magnumhub.domain.health import Checked, UserChecks
from magnumhub.domain.history import Record, versions_before
from magnumhub.domain.spec import Site
from magnumhub.services.users import Front, Inside, check_as_user_twice, nobody_checked
from tasks.checks import NO_KUBERNETES
from tasks.endpoints import Where
from tasks.find import Place, inside
from tasks.policy import OBSERVE
from tasks.progress import stage
from tasks.verify import hub_access


@task(name="check as a user", **OBSERVE)
def check_users(
    site: Site, place: Place | None, where: Where, seen: Sequence[Checked], history: Sequence[Record]
) -> UserChecks:
    """Log in, start a notebook server, compute on Dask from it; skipped where it is known that this cannot work.

    Safe to repeat: what a killed check left is stopped first; what this one starts is stopped, also when it fails.
    """
    facts = {checked.check.name: checked.facts for checked in seen}
    front = Front(
        hub_url=where.jupyterhub or "",
        hub_version=facts["hub"].get("version"),
        gateway_url=where.dask_gateway,
        gateway_version=facts["gateway"].get("version"),
        gateway_ports=where.gateway_ports,
        charts={release.name: release.version for release in facts["releases"].values()},
    )
    if place is None:
        return nobody_checked(front, f"{NO_KUBERNETES}, and a notebook server could not be started")
    if front.hub_version is None:
        return nobody_checked(front, "the hub does not answer, or could not be asked")
    done: list[UserChecks] = []

    def look(check: Checking) -> None:
        with inside(site, place, report) as there:
            access, cluster = hub_access(site, there.kube), Inside(there.kube, place.magnum_cluster.labels)
            before = versions_before(history)
            done.append(check_as_user_twice(site, front, access, inside=cluster, before=before, report=report))

    with stage("check as a user") as report:
        # In this thread, which signals reach; what it needs before anything is checked may fail as well.
        failed = look_once("notebook", look)
    if done:
        return done[-1]
    others = nobody_checked(front, "there was no notebook to use")
    return others.model_copy(update={"checks": (failed, *others.checks[1:])})
