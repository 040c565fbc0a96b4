"""The hub's SQLite database, copied before an upgrade that migrates it, and put back where that upgrade is undone.

Every major version of JupyterHub so far has another schema, and an older hub refuses a newer database: without a copy
there is no way back. The chart runs the hub with --upgrade-db, which copies the file as well before it migrates it; but
under a name with a time in it, by the new hub, and once more at each start of a hub that fails to migrate. This copy is
made before anything is changed, has a known name, and is known to be whole.

It is made by a Job and not by `kubectl exec` in the hub's pod: a Job ends what it began when the runner is killed, and
works while the hub does not start, which is when a database is put back.
Source: hub.db.upgrade in templates/hub/deployment.yaml of the jupyterhub chart; upgrade_if_needed in dbutil.py and
check_db_revision in orm.py of jupyterhub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from magnumhub.domain.errors import DeadlineError, FailedError, RefusedError, ServiceError
from magnumhub.domain.results import Report
from magnumhub.kube.client import Kube
from magnumhub.kube.errors import NotFoundError, translated
from magnumhub.kube.marks import MANAGED_BY, OURS
from magnumhub.kube.pods import explain
from magnumhub.kube.watching import changes

DATABASE = "jupyterhub.sqlite"

_HUB, _CLAIM, _HUB_PODS = "hub", "hub-db-dir", "component=hub"
_TRIES = 2
_KEPT_S = 3600
"""How long a Job that ended stays where the run that made it was killed before it could remove it."""

What = Literal["copy", "restore"]

# Runs in the hub's image. A copy has its name only once it is known to be whole; one from before a step that was undone
# is out of date, and one of a database that has been migrated since is the only one of its kind.
PROGRAM = """
import json, os, sqlite3, sys
from contextlib import closing

def look(path):
    if not os.path.exists(path):
        raise SystemExit(f"there is no {path}")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        found = database.execute("pragma integrity_check").fetchone()[0]
        if found != "ok":
            raise SystemExit(f"{path} is damaged: {found}")
        users = database.execute("select count(*) from users").fetchone()[0]
        return {"users": users, "schema": database.execute("select version_num from alembic_version").fetchone()[0]}

def copied(source, target):
    if os.path.exists(target + ".part"):
        os.remove(target + ".part")
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old:
        with closing(sqlite3.connect(target + ".part")) as new:
            old.backup(new)
    look(target + ".part")
    os.replace(target + ".part", target)

what, database, copy = sys.argv[1:]
if what == "copy" and (not os.path.exists(copy) or look(database)["schema"] == look(copy)["schema"]):
    copied(database, copy)
if what == "restore" and look(database)["schema"] != look(copy)["schema"]:
    copied(database, database + ".migrated")
    copied(copy, database)
print(json.dumps(look(copy)))
"""


class DatabaseCopy(NamedTuple):
    """A copy that is whole. schema: the revision that its hub works with."""

    name: str
    users: int
    schema: str


def copy_database(kube: Kube, namespace: str, *, name_of_copy: str, deadline_s: float, report: Report) -> DatabaseCopy:
    """Copy the hub's database beside itself, consistently, while the hub runs.

    Safe to repeat: a copy of that name is made anew as long as the database still has its schema, and kept afterwards.

    Args:
        name_of_copy: of the file, such as jupyterhub.sqlite.before-5.2.1.
        deadline_s: in seconds.

    Raises:
        FailedError: it could not be copied, or the copy is damaged; carries the Job's own words.
        DeadlineError: the Job did not end; says what its pod waits for.
        RefusedError: this hub has no database on a volume.
    """
    return _run(kube, namespace, "copy", name_of_copy, deadline_s, report)


def restore_database(
    kube: Kube, namespace: str, *, name_of_copy: str, deadline_s: float, report: Report
) -> DatabaseCopy:
    """Put a copy back in place of a database that a newer hub has migrated; the migrated one stays beside it.

    To be called once the older hub is installed again: it refuses the newer database and ends, so that nobody has the
    file open, and starts with the older one at its next try.

    Safe to repeat: a database that has the copy's schema is kept.

    Raises:
        As copy_database; FailedError as well where there is no such copy.
    """
    return _run(kube, namespace, "restore", name_of_copy, deadline_s, report)


def _run(kube: Kube, namespace: str, what: What, name_of_copy: str, deadline_s: float, report: Report) -> DatabaseCopy:
    with translated("looking at the hub"):
        hub = kube.plain(kube.apps.read_namespaced_deployment(_HUB, namespace))
        pods = kube.plain(kube.core.list_namespaced_pod(namespace, label_selector=_HUB_PODS))["items"]
    job = job_of(hub, pods, what, name_of_copy)
    name = job["metadata"]["name"]
    # One that an interrupted run left may do something else; ending it does no harm, as files are replaced whole.
    _remove(kube, namespace, name, deadline_s=deadline_s)
    with translated(f"creating Job {name}"):
        kube.batch.create_namespaced_job(namespace, job)
    try:
        verdict = _ended(kube, namespace, name, deadline_s, report)
        words = _words(kube, namespace, name)
    finally:
        _remove(kube, namespace, name, deadline_s=deadline_s)
    if verdict != "Complete":
        why = words.splitlines()[-1] if words else "the Job said nothing"
        raise FailedError(
            f"the hub's database in {namespace}: {what} failed: {why}",
            "the database is as it was; look at the hub's volume and its room, then run again",
        )
    return _copy_from(name_of_copy, words)


def _copy_from(name: str, words: str) -> DatabaseCopy:
    try:
        said = json.loads(words.splitlines()[-1])
        return DatabaseCopy(name, int(said["users"]), str(said["schema"]))
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"the Job that copies the hub's database ended well and said {words!r}",
            "run again",
        ) from error


def job_of(hub: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], what: What, name_of_copy: str) -> dict[str, Any]:
    """The Job, from the hub's Deployment and pods (as JSON): its image, its user, its volume, on its node.

    The volume can be attached to one node at a time, so that the Job's pod has to go where the hub's is.

    Raises:
        RefusedError: the hub has no database on a volume.
    """
    spec = hub["spec"]["template"]["spec"]
    container = next(item for item in spec["containers"] if item["name"] == _HUB)
    volumes = [v["name"] for v in spec["volumes"] if v.get("persistentVolumeClaim", {}).get("claimName") == _CLAIM]
    mount = next((mount for mount in container["volumeMounts"] if mount["name"] in volumes), None)
    if mount is None:
        raise RefusedError("the hub has no database on a volume", "hub.db.type is not sqlite-pvc: copy it where it is")
    folder = mount["mountPath"]
    files = [f"{folder}/{DATABASE}", f"{folder}/{name_of_copy}"]
    same = {key: spec[key] for key in ("securityContext", "imagePullSecrets", "tolerations") if key in spec}
    own = {key: container[key] for key in ("image", "imagePullPolicy", "securityContext") if key in container}
    node = next((pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")), None)
    pod_spec = {
        **same,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "volumes": [{"name": mount["name"], "persistentVolumeClaim": {"claimName": _CLAIM}}],
        "containers": [
            {**own, "name": "database", "command": ["python3", "-c", PROGRAM, what, *files], "volumeMounts": [mount]}
        ],
    }
    if node:
        pod_spec["affinity"] = _on_node(node)
    return {
        "metadata": {"name": f"magnumhub-hub-db-{what}", "labels": {MANAGED_BY: OURS}},
        "spec": {
            "backoffLimit": _TRIES,
            "ttlSecondsAfterFinished": _KEPT_S,
            "template": {"metadata": {"labels": {MANAGED_BY: OURS}}, "spec": pod_spec},
        },
    }


def _on_node(name: str) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _ended(kube: Kube, namespace: str, name: str, deadline_s: float, report: Report) -> str:
    """`Complete` or `Failed`, once the Job is one of them."""
    doing = f"waiting for Job {name}"
    report(doing)
    for listed in changes(doing, kube.batch.list_namespaced_job, namespace, **_only(name, deadline_s)):
        for job in map(kube.plain, listed):
            for condition in job.get("status", {}).get("conditions", []):
                if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
                    return str(condition["type"])
    why = explain(kube, namespace, f"job-name={name}") or "its pod gives no reason"
    raise DeadlineError(
        f"Job {name} in {namespace} did not end in {deadline_s:.0f} s: {why}", "mend that and run again"
    )


def _words(kube: Kube, namespace: str, name: str) -> str:
    """What the Job's last pod said."""
    with translated(f"reading the log of Job {name}"):
        pods = kube.plain(kube.core.list_namespaced_pod(namespace, label_selector=f"job-name={name}"))["items"]
        if not pods:
            return ""
        last = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
        return str(kube.core.read_namespaced_pod_log(last["metadata"]["name"], namespace)).strip()


def _remove(kube: Kube, namespace: str, name: str, *, deadline_s: float) -> None:
    """Delete the Job with its pods, and see it gone."""
    try:
        with translated(f"deleting Job {name}"):
            kube.batch.delete_namespaced_job(name, namespace, propagation_policy="Foreground")
    except NotFoundError:
        return
    for listed in changes(
        f"waiting for Job {name} to go", kube.batch.list_namespaced_job, namespace, **_only(name, deadline_s)
    ):
        if not listed:
            return
    raise DeadlineError(f"Job {name} in {namespace} is not gone after {deadline_s:.0f} s", "delete it, then run again")


def _only(name: str, deadline_s: float) -> dict[str, Any]:
    return {"field_selector": f"metadata.name={name}", "deadline_s": deadline_s}
