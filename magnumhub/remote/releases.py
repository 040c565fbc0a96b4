"""Helm releases: observe, decide, act, verify, as often as it takes, through crashes of either side.

Helm runs as a job that outlives the connection. A release that a crash left pending is rolled back, to its last good
revision or, where it never had one, to itself: nothing is uninstalled, so no volume and no address is ever lost.
Source: measured with helm 4.1.4: a rollback recovers pending-install as well as pending-upgrade.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from magnumhub.domain.errors import DeadlineError, FailedError, MagnumhubError, RefusedError, TransientError
from magnumhub.domain.plan import Confirm, unplanned
from magnumhub.domain.redaction import is_secret_key, redact
from magnumhub.domain.results import Action, Release, Report
from magnumhub.domain.value_changes import content_digest
from magnumhub.domain.values import canonical
from magnumhub.kube.pods import explain
from magnumhub.remote.charts import ChartArchive
from magnumhub.remote.helm import Helm, helm_words, is_about_a_lost_answer
from magnumhub.remote.jobs import Job, JobState

_CLOCK_STEP_S = 2
_HANGS_S = 30
_KILLED = 128

Step = Literal["install", "upgrade", "keep", "recover", "finish_uninstall", "wait"]


@dataclass(frozen=True)
class ReleaseSeen:
    """A release as Helm shows it. updated: when it was last written, by the clock of the machine that Helm ran on."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    app_version: str
    updated: float

    def result(self, action: Action) -> Release:
        return Release(
            name=self.name,
            namespace=self.namespace,
            chart=self.chart,
            version=self.version,
            app_version=self.app_version,
            revision=self.revision,
            status=self.status,
            action=action,
        )


@dataclass(frozen=True)
class Decision:
    step: Step
    reason: str


def decide_release(
    seen: ReleaseSeen | None, *, version: str, same_values: bool, job: JobState, now: float, term_s: float
) -> Decision:
    """What a release needs next.

    Args:
        seen: None where there is no such release.
        version: of the chart, as asked.
        same_values: the release's values are those asked for.
        job: what has become of the last Helm that was started for it on Helm's machine.
        now: in seconds since 1970.
        term_s: longest time a Helm works on a release, in seconds.
    """
    if job.step == "running":
        return Decision("wait", "a Helm works on it")
    if seen is None:
        return Decision("install", "there is none")
    if seen.status.startswith("pending-") or seen.status == "uninstalling":
        if not _was_by(job, seen) and now - seen.updated < term_s:
            return Decision("wait", f"it is {seen.status} by a Helm elsewhere")
        step: Step = "finish_uninstall" if seen.status == "uninstalling" else "recover"
        return Decision(step, f"it was left {seen.status}")
    if seen.status != "deployed":
        return Decision("upgrade", f"it is {seen.status}")
    if seen.version != version:
        return Decision("upgrade", f"its chart is {seen.version}, asked for {version}")
    return Decision("keep", "nothing differs") if same_values else Decision("upgrade", "its values differ")


def _was_by(job: JobState, seen: ReleaseSeen) -> bool:
    """Whether the Helm that wrote the release last was this job, so that it is known to have ended."""
    return job.step == "died" or (job.ended_at is not None and job.ended_at >= seen.updated - _CLOCK_STEP_S)


def recovery_revision(history: Sequence[Mapping[str, Any]]) -> int:
    """The revision to roll back to: the last that served, else the first one, which never did.

    Args:
        history: as `helm history -o json` gives it, oldest first.
    """
    served = [item for item in history if item["status"] in ("deployed", "superseded")]
    return int((served or history)[-1]["revision"])


def same(asked: Mapping[str, Any], found: Any) -> bool:
    """Whether two sets of values are the same to Helm, which knows JSON's types only."""
    return canonical(asked) == canonical(found or {})


def ensure_release(
    helm: Helm,
    name: str,
    namespace: str,
    archive: ChartArchive,
    values: Mapping[str, Any],
    *,
    deadline_s: float,
    report: Report,
    confirm: Confirm = unplanned,
    is_whole: bool = True,
) -> Release:
    """Make a release be this chart with these values; returns when Helm is done, not when pods are ready.

    Safe to repeat: a release that is so already gets no new revision; a Helm that an earlier run started is waited for;
    a release left pending by a crash is recovered first.

    Args:
        namespace: must exist.
        deadline_s: for all of it, in seconds; also Helm's own limit, which its hooks take the most of.
        confirm: called before it is installed (`create`) or upgraded (`change`, on the digest of what is installed).
        is_whole: nothing of what it made is missing; else it is applied once more, which makes that anew.

    Raises:
        RefusedError: the chart's schema refuses the values; says which keys.
        FailedError: Helm failed; has its words and what the pods say.
        DeadlineError: a Helm is still at work; it is left alone and a later run finds it.
    """
    job = helm.job(name, namespace)
    end = time.monotonic() + deadline_s
    action: Action = "kept"
    upgraded = False
    while (left_s := end - time.monotonic()) > 0:
        state = job.state()
        seen = find_release(helm, name, namespace)
        found = release_values(helm, name, namespace) if seen is not None and seen.status == "deployed" else None
        is_same = is_whole and found is not None and same(values, found)
        decision = decide_release(
            seen, version=archive.version, same_values=is_same, job=state, now=time.time(), term_s=deadline_s
        )
        if seen is not None and decision.step == "keep":
            return seen.result(action)
        report(f"{decision.reason}: {decision.step.replace('_', ' ')}")
        if decision.step == "wait":
            _wait(job, state, left_s, report)
        elif seen is not None and decision.step == "recover":
            _recover(helm, seen, left_s, report)
        elif decision.step == "finish_uninstall":
            uninstall(helm, name, namespace, deadline_s=left_s, report=report)
        elif upgraded:
            raise FailedError(f"Helm succeeded, yet release {namespace}/{name} is not as asked: {decision.reason}")
        else:
            if seen is None:
                confirm("create", "")
            elif found is not None:  # what was left failed has to be mended, whoever did it
                confirm("change", content_digest(seen.version, found))
            _upgrade(helm, name, namespace, archive, values, left_s, report)
            upgraded = is_whole = True
        action = "created" if seen is None or action == "created" else "changed"
    raise DeadlineError(
        f"release {namespace}/{name} is not settled after {deadline_s:.0f} s: {decision.reason}",
        "run again: what is at work is found and waited for",
    )


def roll_back(
    helm: Helm, name: str, namespace: str, revision: int, *, deadline_s: float, report: Report
) -> ReleaseSeen:
    """Bring a release back to what it was in an earlier revision; returns when Helm is done, not when pods are ready.

    Safe to repeat: one that is at that revision is not touched. A Helm that still works on it is waited for.

    Raises:
        FailedError: there is no such revision any more, or Helm failed; has its words.
    """
    job, end = helm.job(name, namespace), time.monotonic() + deadline_s
    if job.state().step == "running":
        job.wait(deadline_s=deadline_s, report=report)
    seen = find_release(helm, name, namespace)
    if seen is None or (seen.revision == revision and seen.status == "deployed"):
        return _there(seen, name, namespace)
    report(f"rolling {name} back to revision {revision}")
    _roll_back(helm, seen, revision, max(1.0, end - time.monotonic()), report)
    return _there(find_release(helm, name, namespace), name, namespace)


def _there(seen: ReleaseSeen | None, name: str, namespace: str) -> ReleaseSeen:
    if seen is None:
        raise FailedError(
            f"there is no release {namespace}/{name} to be rolled back", "magnumhub provision installs it"
        )
    return seen


def list_releases(helm: Helm, namespace: str | None = None) -> list[ReleaseSeen]:
    """All releases of a namespace, or of the cluster."""
    where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
    return [_seen(item) for item in json.loads(helm.run("list", *where, "--max", "0", "--output", "json").stdout)]


def find_release(helm: Helm, name: str, namespace: str) -> ReleaseSeen | None:
    """A release as Helm shows it; None where there is none."""
    return next((seen for seen in list_releases(helm, namespace) if seen.name == name), None)


def release_values(helm: Helm, name: str, namespace: str) -> dict[str, Any] | None:
    """The values a release was given; None where there is none. They hold secrets: never log them."""
    done = helm.run("get", "values", name, "--namespace", namespace, "--output", "json", check=False)
    if done.exit_code == 0:
        return json.loads(done.stdout) or {}
    if "not found" in done.stderr:
        return None
    raise FailedError(f"reading the values of release {namespace}/{name}: {done.stderr.strip()}")


def uninstall(helm: Helm, name: str, namespace: str, *, deadline_s: float, report: Report) -> Action:
    """Remove a release and wait until what it made is gone. What its chart claims as volumes goes with it.

    Safe to repeat: one that is not there is fine.

    Raises:
        FailedError: Helm failed, with its words.
        DeadlineError: something stays, such as a load balancer that the cloud does not let go of.
    """
    job = helm.job(name, namespace)
    if job.state().step == "running":
        job.wait(deadline_s=deadline_s, report=report)
    if find_release(helm, name, namespace) is None:
        return "kept"
    command = ["uninstall", name, "--namespace", namespace, "--wait", "--timeout", f"{deadline_s:.0f}s"]
    _run_job(helm, name, namespace, command, {}, deadline_s, report)
    return "changed"


def _upgrade(
    helm: Helm,
    name: str,
    namespace: str,
    archive: ChartArchive,
    values: Mapping[str, Any],
    left_s: float,
    report: Report,
) -> None:
    # Without --wait: what pods wait for is told better by themselves, and a Helm killed in a wait leaves it pending.
    # Forced: what was patched by hand or by a redeploy belongs to the release's values again.
    words = ["upgrade", name, "{chart}", "--install", "--namespace", namespace, "--values", "{values}"]
    flags = ["--server-side=true", "--force-conflicts", "--timeout", f"{max(left_s, 1):.0f}s"]
    inputs = {"chart": archive.content, "values": json.dumps(values).encode()}
    _run_job(helm, name, namespace, [*words, *flags], inputs, left_s, report, secrets=_secret_texts(values))


def _recover(helm: Helm, seen: ReleaseSeen, left_s: float, report: Report) -> None:
    where = ["--namespace", seen.namespace]
    history = json.loads(helm.run("history", seen.name, *where, "--output", "json").stdout)
    _roll_back(helm, seen, recovery_revision(history), left_s, report)


def _roll_back(helm: Helm, seen: ReleaseSeen, revision: int, left_s: float, report: Report) -> None:
    words = ["rollback", seen.name, str(revision), "--namespace", seen.namespace]
    flags = ["--server-side=true", "--force-conflicts", "--no-hooks", "--timeout", f"{max(left_s, 1):.0f}s"]
    _run_job(helm, seen.name, seen.namespace, [*words, *flags], {}, left_s, report)


def _run_job(
    helm: Helm,
    name: str,
    namespace: str,
    words: Sequence[str],
    inputs: Mapping[str, bytes],
    left_s: float,
    report: Report,
    secrets: Sequence[str] = (),
) -> None:
    job = helm.job(name, namespace)
    job.start(helm.line(*words), {"kubeconfig": helm.kubeconfig.encode(), **inputs})
    # Helm keeps the limit itself and says what it waited for; ours is for a Helm that hangs.
    done = job.wait(deadline_s=left_s + _HANGS_S, report=report)
    if done is None or done.exit_code >= _KILLED:
        raise TransientError(f"the Helm that worked on {namespace}/{name} was killed on {helm.shell.name}")
    if done.exit_code:
        raise _failure(helm, name, namespace, redact(helm_words(done.stderr), secrets))


def _failure(helm: Helm, name: str, namespace: str, said: str) -> MagnumhubError:
    where = f"release {namespace}/{name}"
    if "meet the specifications of the schema" in said:
        return RefusedError(
            f"{where}: the chart's schema refuses its values: {said}",
            f"correct these keys in {name.replace('-', '_')}.values of the site; nothing of the release was touched",
        )
    if "another operation" in said:
        return TransientError(f"{where}: {said}", "another Helm works on it; run again when it has ended")
    if is_about_a_lost_answer(said):
        return TransientError(f"{where}: {said}", f"the Kubernetes API did not answer {helm.shell.name}; run again")
    pods = explain(helm.kube, namespace)
    return FailedError(
        f"{where}: Helm failed: {said}{chr(10) + pods if pods else ''}",
        "mend the cause and run again: the release is upgraded where it stands",
    )


def _wait(job: Job, state: JobState, left_s: float, report: Report) -> None:
    if state.step == "running":
        job.wait(deadline_s=left_s, report=report)
    else:
        # Another machine's Helm: there is no lock of its to wait for.
        time.sleep(min(2.0, left_s))


def _seen(item: Mapping[str, Any]) -> ReleaseSeen:
    # A chart's name may have digits after a dash, its version always has dots.
    chart, version = re.fullmatch(r"(.+?)-v?(\d+\.\d.*)", item["chart"]).groups()  # type: ignore[union-attr]
    return ReleaseSeen(
        name=item["name"],
        namespace=item["namespace"],
        revision=int(item["revision"]),
        status=item["status"],
        chart=chart,
        version=version,
        app_version=item.get("app_version", ""),
        updated=_epoch(item["updated"]),
    )


def _epoch(updated: str) -> float:
    """Helm prints Go's form: 2026-11-25 15:18:06.63828017 +0000 UTC."""
    date, clock, offset = updated.split()[:3]
    return datetime.fromisoformat(f"{date}T{clock.partition('.')[0]}{offset}").timestamp()


def _secret_texts(values: Any, secret: bool = False) -> list[str]:
    """Every text in chart values that stands under a secret's key."""
    if isinstance(values, Mapping):
        return [text for key, item in values.items() for text in _secret_texts(item, secret or is_secret_key(str(key)))]
    if isinstance(values, list | tuple):
        return [text for item in values for text in _secret_texts(item, secret)]
    return [values] if secret and isinstance(values, str) else []
