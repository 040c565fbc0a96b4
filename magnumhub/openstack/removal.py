"""Taking away what is the site's in the cloud, and waiting until the cloud says that it is gone.

Nothing here raises because something stays: what is left is told at the end, by looking at everything again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

import magnumclient.exceptions as magnum_errors
import openstack.exceptions as sdk_errors
from magnumclient.v1.client import Client as MagnumClient
from openstack.connection import Connection

from magnumhub.domain.checks.leftovers import Balancer
from magnumhub.domain.errors import MagnumhubError, TransientError
from magnumhub.domain.holdings import OwnAddress, OwnVolume
from magnumhub.domain.results import Action, Report
from magnumhub.openstack import floating_ips
from magnumhub.openstack.cloud import translated
from magnumhub.openstack.cluster_rules import faults_of
from magnumhub.openstack.holdings import CLUSTER, OF, SITE
from magnumhub.openstack.marks import clusters_of, others_tags, tags_remembering, tags_with

_PAUSE_S = 1.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_SETTLING_S = 5.0
"""How long Magnum may show the status of before a deletion that it has just accepted (measured on Magnum 23: < 1 s)."""


def remember_clusters(conn: Connection, site: str, uuids: Collection[str]) -> Action:
    """Write the uuids of the site's Magnum clusters on its addresses: load balancers are named after them.

    Safe to repeat: what an address remembers already stays.
    """
    action: Action = "kept"
    for ip in floating_ips.observe(conn):
        if ip.mark is None or ip.mark.site != site or set(uuids) <= clusters_of(ip.tags):
            continue
        with translated(f"writing the cluster's uuid on {ip.address}"):
            conn.network.set_tags(conn.network.get_ip(ip.id), tags_remembering(uuids, tags_with(ip.mark, ip.tags)))
        action = "changed"
    return action


def mark_volumes(conn: Connection, site: str, volumes: Iterable[OwnVolume]) -> Action:
    """Write into Cinder whose each volume is: what says so now goes with the cluster.

    Safe to repeat: a mark that is there is left alone.

    Raises:
        RefusedError: Cinder does not let us.
    """
    action: Action = "kept"
    for volume in volumes:
        mark = {SITE: site, CLUSTER: volume.cluster_uuid, OF: volume.of}
        with translated(f"marking volume {volume.id}"):
            try:
                found = conn.block_storage.get_volume(volume.id)
            except sdk_errors.NotFoundException:  # its PersistentVolume is about to go as well
                continue
            if not mark.items() <= found.metadata.items():
                conn.block_storage.set_volume_metadata(found, **mark)
                action = "changed"
    return action


def delete_cluster(magnum: MagnumClient, uuid: str) -> Action:
    """Ask Magnum to delete a cluster, in whatever state it is; returns at once.

    Safe to repeat: one that is gone, or that Magnum is deleting, is left alone.

    Raises:
        RefusedError: Magnum refuses; carries its reason.
    """
    with translated(f"deleting cluster {uuid}"), suppress(magnum_errors.NotFound):
        if magnum.clusters.get(uuid).status != "DELETE_IN_PROGRESS":
            magnum.clusters.delete(uuid)
            return "changed"
    return "kept"


def wait_until_deleted(magnum: MagnumClient, uuid: str, *, deadline_s: float, report: Report) -> bool:
    """Wait until Magnum does not know a cluster any more; progress is Magnum's own word.

    Safe to repeat: only looks.

    Args:
        deadline_s: how long to wait from now, in seconds.

    Returns:
        Whether it is gone; it is not where Magnum failed to delete it, or is not through at the deadline.
    """
    started, said = time.monotonic(), ""
    while True:
        status, word = _cluster_word(magnum, uuid)
        elapsed_s = time.monotonic() - started
        if status is None:
            return True
        if word != said:
            report(f"{uuid}: {word}, after {elapsed_s:.0f} s")
            said = word
        if status == "DELETE_FAILED" and elapsed_s > _SETTLING_S:
            return False
        pause_s = min(max(_SHORTEST_PAUSE_S, elapsed_s / 10), _LONGEST_PAUSE_S)
        if elapsed_s + pause_s > deadline_s:
            report(f"{uuid}: still {word} after {elapsed_s:.0f} s, which is as long as its creation may take")
            return False
        time.sleep(pause_s)


def delete_balancers(conn: Connection, balancers: Iterable[Balancer], *, deadline_s: float, report: Report) -> Action:
    """Delete load balancers that their cluster did not take away, with all that they have, and wait for their end.

    Safe to repeat: one that is gone, or that Octavia is deleting, is fine. One that Octavia works on refuses to be
    deleted and is asked again.
    """
    service = conn.load_balancer

    def delete(balancer: Balancer) -> bool:
        try:
            found = service.get_load_balancer(balancer.id)
            if found.provisioning_status == "PENDING_DELETE":
                return False
            report(f"deleting load balancer {balancer.name} ({found.provisioning_status})")
            service.delete_load_balancer(balancer.id, cascade=True, ignore_missing=False)
        except sdk_errors.NotFoundException:
            return True
        except sdk_errors.ConflictException:  # immutable: Octavia has something to finish on it
            return False
        return False

    return _until_gone({balancer.name: _bound(delete, balancer) for balancer in balancers}, deadline_s, report)


def delete_volumes(conn: Connection, volumes: Iterable[OwnVolume], *, deadline_s: float, report: Report) -> Action:
    """Delete volumes that no cluster deletes any more, and wait until they are gone.

    Safe to repeat: one that is gone, or that Cinder is deleting, is fine.
    """
    service = conn.block_storage

    def delete(volume: OwnVolume) -> bool:
        try:
            if service.get_volume(volume.id).status != "deleting":
                report(f"deleting volume {volume.id} of {volume.of}")
                service.delete_volume(volume.id, ignore_missing=False)
        except sdk_errors.NotFoundException:
            return True
        except sdk_errors.BadRequestException:  # in use: Nova has yet to detach it
            return False
        return False

    return _until_gone({volume.id: _bound(delete, volume) for volume in volumes}, deadline_s, report)


def give_up_addresses(conn: Connection, addresses: Iterable[OwnAddress], report: Report) -> Action:
    """Release the addresses that were allocated for the site; those that were given lose its mark.

    Safe to repeat: an address that is gone is fine. One that serves something now that the site's cluster and load
    balancers are gone serves somebody else, and is not released.
    """
    action: Action = "kept"
    for address in addresses:
        if not address.marked:
            continue
        with translated(f"giving up {address.address}"), suppress(sdk_errors.NotFoundException):
            if address.origin == "given":
                report(f"{address.address} was given: it stays, without the site's mark")
                ip = conn.network.get_ip(address.id)
                conn.network.set_tags(ip, others_tags(ip.tags))
            elif address.serves:
                report(f"{address.address} serves {address.serves}: it is not released")
                continue
            else:
                report(f"releasing {address.address}")
                conn.network.delete_ip(address.id)
            action = "changed"
    return action


def _cluster_word(magnum: MagnumClient, uuid: str) -> tuple[str | None, str]:
    """Its status (None: gone) and a word on it; a busy Magnum is no reason to give up."""
    try:
        with translated(f"looking at cluster {uuid}"):
            try:
                shown = magnum.clusters.get(uuid).to_dict()
            except magnum_errors.NotFound:
                return None, "gone"
    except TransientError as error:
        return "", error.message
    status = shown.get("status") or ""
    return status, ": ".join([status, *faults_of(shown)])


def _bound(delete: Callable[..., bool], thing: object) -> Callable[[], bool]:
    return lambda: delete(thing)


def _until_gone(waiting: Mapping[str, Callable[[], bool]], deadline_s: float, report: Report) -> Action:
    """Ask for each until it is gone. Asking for all before waiting for one, since each takes its time."""
    left, end, why = dict(waiting), time.monotonic() + deadline_s, ""
    while left:
        for name, is_gone in list(left.items()):
            try:
                with translated(f"deleting {name}"):
                    if is_gone():
                        del left[name]
            except MagnumhubError as error:
                why = f": {error.message}"
        if time.monotonic() > end:
            report(f"still there after {deadline_s:.0f} s: {', '.join(left)}{why}")
            break
        if left:
            time.sleep(_PAUSE_S)
    return "changed" if waiting else "kept"
