"""The site's Magnum cluster: asked for once, found again after any crash, waited for by Magnum's own word.

Magnum is spoken to through its own client: openstacksdk silently drops docker_volume_size, merge_labels and faults.
Names are not unique in Magnum, and two first runs may ask at the same moment: the elder cluster stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import magnumclient.exceptions as magnum_errors
from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.errors import (
    DeadlineError,
    FailedError,
    MagnumhubError,
    NotOursError,
    RefusedError,
    ServiceError,
    TransientError,
)
from magnumhub.domain.plan import Change, Confirm, unplanned
from magnumhub.domain.results import Action, MagnumCluster, Report
from magnumhub.domain.spec import OUR_LABEL, Site
from magnumhub.domain.templates import Driver
from magnumhub.openstack import cluster_rules as rules
from magnumhub.openstack import servers
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.servers import masters

__all__ = ["find", "fixed_differences", "get", "look", "masters", "result", "start", "wait"]

T = TypeVar("T")

_SETTLING_S = 5.0
"""How long a list may be unreadable, or a lost request unseen: 404, then 400, for up to 1 s (Magnum 23)."""

# Magnum offers no watch. A tenth of the time waited so far costs little and finds the end soon; Magnum itself looks at
# its servers every 10 s.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


def find(magnum: MagnumClient, name: str) -> MagnumCluster | None:
    """Find the site's cluster; None when there is none of that name.

    Safe to repeat: reads only.

    Raises:
        NotOursError: a cluster of that name lacks the site's label.
    """
    found = _find(magnum, name)
    return None if found is None else result(magnum, found, "kept")


def fixed_differences(magnum: MagnumClient, site: Site) -> list[Change]:
    """What the site asks of its cluster that cannot be changed in place, a row for each; none without a cluster.

    Safe to repeat: reads only.
    """
    found = _find(magnum, site.name)
    return [] if found is None else _fixed(magnum, site, found)


def _fixed(magnum: MagnumClient, site: Site, cluster: dict[str, Any]) -> list[Change]:
    template = _template(magnum, cluster["cluster_template_id"])
    driver = rules.cluster_driver(cluster, rules.template_driver(template) if template else None)
    names = (template["uuid"], template["name"]) if template else ()
    return rules.fixed_differences(site, cluster, driver, template=names)


def start(
    magnum: MagnumClient,
    site: Site,
    *,
    template: str,
    replace_failed: bool = False,
    report: Report,
    confirm: Confirm = unplanned,
) -> MagnumCluster:
    """Ask Magnum for the site's cluster unless it has it; returns as soon as Magnum shows it.

    Safe to repeat: looks for the site's cluster first, and deletes a younger one that nothing can be on: a first run
    that was killed left it beside another first run's. A request whose answer was lost is not repeated: the cluster is
    looked for, and only when it does not show up may the caller try again.

    Args:
        template: uuid or name of the cluster template.
        replace_failed: delete a leftover of ours that Magnum failed to create, and ask anew.
        confirm: called before anything is made or deleted.

    Raises:
        NotOursError: a cluster of that name lacks the site's label.
        FailedError: a failed leftover is there, and replace_failed is not set.
        RefusedError: Magnum refuses the request, or the cluster is being deleted; carries Magnum's reason.
        TransientError: the answer was lost and no cluster showed up; calling again is safe.
    """
    found = _find(magnum, site.name)
    _delete_unused_twins(magnum, site.name, report)
    if found is None or (replace_failed and rules.judge(found["status"]) == "failed"):
        confirm("create", "")
    if found is not None and rules.judge(found["status"]) == "failed":
        _dispose_of_failed(magnum, found, replace_failed, site.cluster.create_timeout_min * 60, report)
        found = None
    if found is not None:
        if rules.judge(found["status"]) == "leaving":
            raise _leaving(found)
        for row in _fixed(magnum, site, found):
            report(f"{row.resource}: {row.reason}")
        return result(magnum, found, "kept")
    driver = _template_driver(magnum, template) or "heat"
    request = rules.create_request(site, template=template, driver=driver)
    uuid = _create(magnum, request)
    report(f"asked Magnum for {request['node_count']} nodes and {request['master_count']} master")
    created = _shown_as_asked(magnum, uuid, site, driver)
    return _settled(magnum, result(magnum, created, "created"), report)


def wait(
    magnum: MagnumClient, conn: Connection, magnum_cluster: MagnumCluster, *, deadline_s: float, report: Report
) -> MagnumCluster:
    """Wait until Magnum calls the cluster complete; progress is Magnum's own word and the servers' states.

    Safe to repeat: only looks. (The one act: a younger twin that this run made is deleted, as nothing is on it yet.)

    Args:
        deadline_s: how long to wait from now, in seconds.

    Returns:
        The cluster as complete; another uuid than was given where an elder twin stays.

    Raises:
        FailedError: Magnum's reason, its faults and those of the servers.
        DeadlineError: the time is over; says what was last seen.
        RefusedError: the cluster is being deleted or gone.
    """
    started = time.monotonic()
    said = ""
    while True:
        seen, word = look(magnum, conn, magnum_cluster.uuid)
        elapsed_s = time.monotonic() - started
        if word != said:
            report(f"{magnum_cluster.name}: {word}, after {elapsed_s:.0f} s")
            said = word
        verdict = rules.judge(seen.get("status"))
        if verdict == "failed":
            raise _failure(seen, _states(conn, seen["name"]))
        if verdict == "leaving":
            elder = _find(magnum, magnum_cluster.name)
            if elder is None or elder["uuid"] == magnum_cluster.uuid:
                raise _leaving(seen)
            magnum_cluster = result(magnum, elder, "kept")  # another run gave up this younger twin for us
            continue
        if verdict == "ready":
            settled = _settled(magnum, result(magnum, seen, magnum_cluster.action), report)
            if settled.uuid == magnum_cluster.uuid:
                return settled
            magnum_cluster = settled  # the elder twin, which may still be in the making
        pause_s = min(max(_SHORTEST_PAUSE_S, elapsed_s / 10), _LONGEST_PAUSE_S)
        if elapsed_s + pause_s > deadline_s:
            raise DeadlineError(
                f"cluster {magnum_cluster.name} is not complete after {elapsed_s:.0f} s; last seen: {word}",
                "look at the servers' consoles in Horizon; run again to wait on, or raise cluster.create_timeout_min",
            )
        time.sleep(pause_s)


def look(magnum: MagnumClient, conn: Connection, uuid: str) -> tuple[dict[str, Any], str]:
    """The cluster and a word on it; a busy Magnum is no reason to give up a cluster that takes an hour."""
    try:
        seen = get(magnum, uuid)
    except TransientError as error:
        return {}, error.message
    return seen, _word(conn, seen)


def _find(magnum: MagnumClient, name: str) -> dict[str, Any] | None:
    named = _named(magnum, name)
    ours = [cluster for cluster in named if rules.is_ours(cluster, name)]
    if named and not ours:
        raise NotOursError(
            f"a cluster called {name} exists ({named[0]['uuid']}), and lacks the label {OUR_LABEL} of this site",
            "rename the site, or delete that cluster if nobody needs it",
        )
    found = rules.elder(ours)
    return None if found is None else dict(found)


def _named(magnum: MagnumClient, name: str) -> list[dict[str, Any]]:
    def clusters() -> list[dict[str, Any]]:
        with translated("listing Magnum's clusters"):
            return [cluster.to_dict() for cluster in magnum.clusters.list(detail=True) if cluster.name == name]

    return _patiently(clusters)


def get(magnum: MagnumClient, uuid: str) -> dict[str, Any]:
    """The cluster as Magnum tells it.

    Raises:
        RefusedError: Magnum has no such cluster.
    """
    with translated(f"looking at cluster {uuid}"):
        try:
            return dict(magnum.clusters.get(uuid).to_dict())
        except magnum_errors.NotFound as error:
            raise _GoneError(
                f"Magnum has no cluster {uuid}", "run again: provision starts from what is there"
            ) from error


class _GoneError(RefusedError):
    """A uuid that Magnum does not know (any more, or yet)."""


def _create(magnum: MagnumClient, request: dict[str, Any]) -> str:
    try:
        with translated(f"asking Magnum for cluster {request['name']}"):
            return str(magnum.clusters.create(**request).uuid)
    except TransientError:
        # The answer is lost; the cluster may be there, or show up within a second.
        give_up = time.monotonic() + _SETTLING_S
        while time.monotonic() < give_up:
            found = _find(magnum, request["name"])
            if found is not None:
                return str(found["uuid"])
            time.sleep(1)
        raise


def _shown_as_asked(magnum: MagnumClient, uuid: str, site: Site, driver: Driver) -> dict[str, Any]:
    """Verify the new cluster as soon as Magnum shows all of it; until then there is nothing to judge."""
    created = _written(magnum, uuid, site)
    if wrong := rules.differences(site, created, driver):
        raise ServiceError(
            f"Magnum made cluster {site.name} otherwise than it was asked: {'; '.join(wrong)}",
            "this Magnum or its policy overrides the request; nothing runs on the cluster yet: delete it",
        )
    return created


def _written(magnum: MagnumClient, uuid: str, site: Site) -> dict[str, Any]:
    give_up = time.monotonic() + site.limits_s.api
    while True:
        try:
            seen = get(magnum, uuid)
            word = f"{seen.get('master_count')} masters, {seen.get('node_count')} nodes"
        except (TransientError, _GoneError) as error:
            seen, word = {}, error.message
        if rules.is_written(seen):
            return seen
        if time.monotonic() > give_up:
            raise TransientError(
                f"cluster {site.name} ({uuid}) is not written after {site.limits_s.api} s; last seen: {word}",
                "Magnum is slow: run again, which starts from this cluster",
            )
        time.sleep(0.2)


def _dispose_of_failed(
    magnum: MagnumClient, failed: dict[str, Any], replace: bool, deadline_s: float, report: Report
) -> None:
    if not replace:
        raise _failure(get(magnum, failed["uuid"]), {})
    report(f"deleting the failed cluster {failed['uuid']}")
    _delete(magnum, failed["uuid"])
    give_up = time.monotonic() + deadline_s
    while time.monotonic() < give_up:
        try:
            status = get(magnum, failed["uuid"])["status"]
        except _GoneError:
            return
        except TransientError:
            status = ""
        if status == "DELETE_FAILED":
            raise FailedError(f"Magnum could not delete the failed cluster {failed['uuid']}", "ask the cloud's support")
        time.sleep(2)
    raise DeadlineError(
        f"the failed cluster {failed['uuid']} is not gone after {deadline_s:.0f} s",
        "see in Horizon what holds it, then run again",
    )


def _delete(magnum: MagnumClient, uuid: str) -> None:
    with translated(f"deleting cluster {uuid}"), suppress(magnum_errors.NotFound):  # gone already: another run's doing
        magnum.clusters.delete(uuid)


def _settled(magnum: MagnumClient, mine: MagnumCluster, report: Report) -> MagnumCluster:
    """Give up the cluster that this run made where another first run's is older; nothing runs on it yet."""
    if mine.action != "created":
        return mine
    elder = _find(magnum, mine.name)
    if elder is None or elder["uuid"] == mine.uuid:
        return mine
    report(f"another run made cluster {elder['uuid']} first: deleting {mine.uuid}")
    _delete(magnum, mine.uuid)
    return result(magnum, elder, "kept")


def _delete_unused_twins(magnum: MagnumClient, name: str, report: Report) -> None:
    for twin in rules.unused_twins([cluster for cluster in _named(magnum, name) if rules.is_ours(cluster, name)]):
        report(f"deleting {twin['uuid']}: another first run made it beside the cluster that stays")
        _delete(magnum, twin["uuid"])


def _leaving(cluster: dict[str, Any]) -> RefusedError:
    return RefusedError(
        f"cluster {cluster['name']} is {cluster['status']}", "run again when it is gone, or after deleting it for good"
    )


def _failure(cluster: dict[str, Any], server_states: dict[str, str]) -> MagnumhubError:
    broken = [f"server {name} {state}" for name, state in server_states.items() if state.startswith("ERROR")]
    reasons = "; ".join([*rules.faults_of(cluster), *broken]) or "Magnum gives no reason"
    return FailedError(
        f"Magnum could not create cluster {cluster['name']} ({cluster['status']}): {reasons}", rules.remedy_for(reasons)
    )


def _states(conn: Connection, name: str) -> dict[str, str]:
    try:
        return servers.states(conn, name)
    except MagnumhubError:  # they only illustrate what Magnum says
        return {}


def _word(conn: Connection, cluster: dict[str, Any]) -> str:
    status, reason = cluster["status"], cluster.get("status_reason")
    if rules.judge(status) == "ready":
        return str(status)
    states = _states(conn, cluster["name"])
    active = sum(state == "ACTIVE" for state in states.values())
    return f"{status}{f' ({reason})' if reason else ''}" + (f", {active} of {len(states)} servers up" if states else "")


def _template_driver(magnum: MagnumClient, template: str) -> Driver | None:
    found = _template(magnum, template)
    return None if found is None else rules.template_driver(found)


def _template(magnum: MagnumClient, template: str) -> dict[str, Any] | None:
    with translated(f"looking at template {template}"):
        try:
            return dict(magnum.cluster_templates.get(template).to_dict())
        except magnum_errors.NotFound:  # deleted, or not shared any more: clusters that were made from it stay
            return None


def result(magnum: MagnumClient, cluster: dict[str, Any], action: Action) -> MagnumCluster:
    """A cluster of Magnum's as stages hand it on."""
    template = cluster["cluster_template_id"]
    return MagnumCluster(
        uuid=cluster["uuid"],
        name=cluster["name"],
        template=template,
        driver=rules.cluster_driver(cluster, _template_driver(magnum, template)),
        status=cluster["status"] or "",
        kubernetes_version=rules.kubernetes_version(cluster),
        api_address=cluster.get("api_address"),
        master_addresses=tuple(cluster.get("master_addresses") or ()),
        node_count=cluster.get("node_count") or 0,
        labels={name: str(value) for name, value in (cluster.get("labels") or {}).items()},
        action=action,
    )


def _patiently(ask: Callable[[], T]) -> T:
    """Ask until clusters can be listed: Magnum answers 400 while it writes one."""
    give_up = time.monotonic() + _SETTLING_S
    while True:
        try:
            return ask()
        except TransientError:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.2)
