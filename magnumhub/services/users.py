"""Do what a user does and say whether it worked: log in, start a notebook server, compute on Dask from its kernel.

Nothing here raises for a broken site: what goes wrong is in the checks, and what was started is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from magnumhub.domain.checking import Checking, checked, look_once, may_pass, pause, settled, skipped
from magnumhub.domain.checks.capacity import WorkersFit, judge_capacity, workers_fit
from magnumhub.domain.compat import judge_hub_singleuser
from magnumhub.domain.dask_outcome import DaskOutcome, PodsSeen, SeenVersions, judge_benchmark, judge_dask_cluster
from magnumhub.domain.errors import AuthenticationError, DeadlineError, MagnumhubError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import (
    USER_CHECKS,
    Checked,
    UserChecks,
    benchmark_of,
    finding_of,
    judge_origins,
    noted,
    other_origin,
    skipped_on_runner,
    tells_all,
    told,
)
from magnumhub.domain.results import Report
from magnumhub.domain.spec import DummyAuth, Site
from magnumhub.domain.version_matrix import Table, judge_mismatches, matrix, too_far
from magnumhub.domain.wiring import CHECK_USER, GATEWAY_RELEASE, HUB_RELEASE
from magnumhub.domain.wiring_gateway import gateway_proxy
from magnumhub.kube.client import Kube
from magnumhub.kube.dask_pods import DaskPods
from magnumhub.kube.pods import explain
from magnumhub.kube.room import node_rooms
from magnumhub.kube.sweep import sweep_dask_clusters
from magnumhub.services import dask_program
from magnumhub.services.benchmark import DaskRequest, run_in_notebook, run_on_runner
from magnumhub.services.front import ANSWER_S
from magnumhub.services.gateway import Gateway
from magnumhub.services.hub import Hub, HubUser
from magnumhub.services.notebook_server import NotebookServer

_STOP_S = 60.0
_SWEEP_S = 60.0
_NOTHING = "nothing could be computed"
_TOKEN_SLACK_S = 300
# From outside the question is only whether Dask works: a small array on few workers answers it.
_RUNNER_ARRAY = 2000
_RUNNER_WORKERS = 2
_NOT_WITHOUT_A_LOGIN = skipped_on_runner(
    "only a person can log in to this hub, and the token of its service for checks is none for the gateway"
).model_copy(
    update={
        "category": Category.CREDENTIALS,
        "remedy": "Nothing needs to be done: the notebook's computation is what users have.",
    }
)


@dataclass(frozen=True)
class HubAccess:
    """How to become the check's user on the hub.

    Args:
        user: every server and Dask cluster of this user's is the check's own.
        password: for a dummy login: the form's password.
        service_token: for every other login, which only a person can pass: the token of the hub's service for checks.
    """

    user: str
    password: str = field(default="", repr=False)
    service_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Front:
    """Where users go and what answers there.

    Args:
        gateway_url: None = the gateway is not public.
        gateway_ports: of its Service by name, as Kubernetes says them.
        hub_version, gateway_version: None = it does not answer, or was not asked.
        charts: the installed versions, by the release's name.
    """

    hub_url: str
    hub_version: str | None
    gateway_url: str | None
    gateway_version: str | None
    gateway_ports: Mapping[str, int]
    charts: Mapping[str, str]


_OUR_POD = f"jupyter-{CHECK_USER.partition('-')[0]}"
"""How the pod's name begins; how it goes on depends on the KubeSpawner (a dash is escaped or not)."""


@dataclass(frozen=True)
class Inside:
    """The cluster behind the front, where it can be looked into: explains what a user only sees fail.

    Args:
        labels: of the Magnum cluster.
    """

    kube: Kube
    labels: Mapping[str, str]


def check_as_user(
    site: Site,
    front: Front,
    access: HubAccess,
    *,
    inside: Inside | None = None,
    before: Table | None = None,
    report: Report,
) -> UserChecks:
    """Login, notebook server, kernel, and the computation from there; then a smaller one from the runner.

    Safe to repeat: leftovers of an earlier, killed run are stopped first; all of the check's user are ours.

    Args:
        before: the versions that the last check saw: what differs only now is said to be new.
    """
    return _AsUser(site, front, inside, before, report).run(access)


def check_as_user_twice(
    site: Site, front: Front, access: HubAccess, *, inside: Inside, before: Table | None, report: Report
) -> UserChecks:
    """The same, and once more after a pause where it failed for reasons that may pass.

    What was waited for in vain until its limit is not waited for again: that is no hiccup, and takes minutes.

    Safe to repeat: as `check_as_user`.
    """
    trial = _AsUser(site, front, inside, before, report)
    first = trial.run(access)
    if trial.was_too_late or not may_pass(first.checks):
        return first
    pause(first.checks, report)
    second = check_as_user(site, front, access, inside=inside, before=before, report=report)
    tries = zip(first.checks, second.checks, strict=True)
    return second.model_copy(update={"checks": tuple(settled(one, two) for one, two in tries)})


def nobody_checked(front: Front, why: str) -> UserChecks:
    """What there is to say when a user's way could not be tried."""
    return UserChecks(checks=tuple(skipped(name, why) for name in USER_CHECKS), versions=_versions(front, None, None))


class _AsUser:
    """One run, and what its steps found out for one another."""

    def __init__(self, site: Site, front: Front, inside: Inside | None, before: Table | None, report: Report) -> None:
        self._site, self._front, self._inside, self._before, self._report = site, front, inside, before, report
        self._user: HubUser | None = None
        self._fit = WorkersFit(site.health.workers, site.health.workers)
        self._pods = PodsSeen()
        self._notebook: DaskOutcome | None = None
        self._runner: DaskOutcome | None = None
        self._why_not_on_runner: list[Finding] = []
        self._waited_in_vain = False

    @property
    def was_too_late(self) -> bool:
        """Something was waited for until its limit."""
        outcomes = (self._notebook, self._runner)
        return self._waited_in_vain or any(outcome is not None and outcome.was_too_late for outcome in outcomes)

    def run(self, access: HubAccess) -> UserChecks:
        with ExitStack() as stack, Hub(self._front.hub_url, timeout_s=self._answer_s()) as hub:

            def use_notebook(check: Checking) -> None:
                self._user = stack.enter_context(self._log_in(hub, access))
                self._sweep(self._user)
                self._use_notebook(self._user.server, check)

            notebook = look_once("notebook", use_notebook)
            if self._user and self._front.gateway_url and self._front.gateway_version:
                self._compute_on_runner(self._front.gateway_url, self._user.token)
        verdict = self._notebook or self._runner
        return UserChecks(
            checks=(notebook, *self._judge(verdict)),
            versions=_versions(self._front, self._notebook, self._runner),
            benchmark=benchmark_of(verdict) if verdict else None,
            phases=verdict.phases if verdict else {},
        )

    @property
    def _is_logged_in(self) -> bool:
        """As a person; else the hub's service acts, whose token the gateway does not take.

        Source: dask_gateway_server/auth.py asks for access:services!service=dask-gateway, which that role lacks.
        """
        return isinstance(self._site.jupyterhub.auth, DummyAuth)

    def _answer_s(self) -> float:
        return min(float(self._site.limits_s.api), ANSWER_S)

    def _log_in(self, hub: Hub, access: HubAccess) -> HubUser:
        if self._is_logged_in:
            limits = self._site.limits_s
            token_s = limits.notebook + 2 * int(self._request().deadline_s) + _TOKEN_SLACK_S
            return hub.login(access.user, access.password, token_s=token_s)
        return hub.as_service(access.user, access.service_token)

    def _use_notebook(self, server: NotebookServer, check: Checking) -> None:
        try:
            server.start(deadline_s=self._site.limits_s.notebook, report=self._reporter("notebook"))
            singleuser = server.version()
            check.summary = f"logged in, server with jupyterhub {singleuser} started, kernel computed"
            check.findings += judge_hub_singleuser(self._front.hub_version or "", singleuser, check="notebook")
            self._compute_in_notebook(server)
            check.beside_s = self._notebook.total_s if self._notebook else 0.0
        except AuthenticationError:
            # A singleuser that is too old for its hub refuses kernels; then the finding about its version says it all.
            if all(finding.level != "Unhealthy" for finding in check.findings):
                raise
        except DeadlineError as error:
            self._waited_in_vain = True
            if why := self._why_no_server():
                raise DeadlineError(f"{error.message}; {why}", error.hint) from error
            raise
        finally:
            self._stop(server, check)

    def _why_no_server(self) -> str:
        """What Kubernetes says of the server's pod, which is gone once it is stopped."""
        if self._inside is None:
            return ""
        lines = explain(self._inside.kube, self._site.jupyterhub.namespace, "component=singleuser-server").splitlines()
        return next((line for line in lines if line.startswith(_OUR_POD)), "")

    def _sweep(self, user: HubUser) -> None:
        """Stop what a killed check left, before it is asked how much room there is."""
        try:
            if stopped := self._stop_left(user):
                self._report(f"{len(stopped)} Dask clusters of an earlier, killed check were stopped")
        except MagnumhubError as error:
            # The computation sweeps as well, and says where that fails too.
            self._report(f"sweeping: {error.message}")

    def _stop_left(self, user: HubUser) -> list[str]:
        if self._inside is not None:
            namespace = self._site.dask_gateway.namespace
            return sweep_dask_clusters(self._inside.kube, namespace, user=user.name, deadline_s=_SWEEP_S)
        if not self._is_logged_in or not self._front.gateway_url or not self._front.gateway_version:
            return []
        with Gateway(self._front.gateway_url, user.token) as gateway:
            return gateway.clear(deadline_s=_SWEEP_S)

    def _compute_in_notebook(self, server: NotebookServer) -> None:
        report = self._reporter("dask")
        if self._inside is None:
            self._notebook = run_in_notebook(server, self._request(), report=report)
            return
        self._fit = workers_fit(self._site, node_rooms(self._inside.kube), labels=self._inside.labels)
        if not self._fit.fit:
            return
        with DaskPods(self._inside.kube, self._site.dask_gateway.namespace) as pods:
            self._notebook = run_in_notebook(server, self._request(), report=report)
            self._pods = pods.seen(self._notebook.dask_cluster)

    def _stop(self, server: NotebookServer, check: Checking) -> None:
        try:
            server.stop(deadline_s=_STOP_S)
        except MagnumhubError as error:
            finding = finding_of("notebook", error)
            check.findings.append(finding.model_copy(update={"level": "Degraded", "category": Category.LEFTOVER}))

    def _compute_on_runner(self, gateway_url: str, token: str) -> None:
        if not self._fit.fit or (self._notebook and tells_all(self._notebook)):
            self._report("runner: its own computation is skipped: it would fail in the same way")
            return
        if not self._is_logged_in:
            self._report(f"runner: {_NOT_WITHOUT_A_LOGIN.summary}")
            self._why_not_on_runner.append(_NOT_WITHOUT_A_LOGIN)
            return
        seen = self._notebook.versions if self._notebook else SeenVersions()
        reason = too_far(dask_program.installed_versions(), seen.scheduler or seen.client)
        if not reason:
            request, report = self._request(on_runner=True), self._reporter("runner")
            proxy = gateway_proxy(gateway_url, self._front.gateway_ports)
            outcome = run_on_runner(request, address=gateway_url, proxy_address=proxy, token=token, report=report)
            # Where there was no notebook to ask, the site's versions are known only now.
            reason = too_far(outcome.versions.client, outcome.versions.scheduler) if outcome.failed else ""
            self._runner = None if reason else outcome
        if reason:
            self._report(f"runner: its own computation is skipped: {reason}")
            self._why_not_on_runner.append(skipped_on_runner(reason))

    def _judge(self, outcome: DaskOutcome | None) -> list[Checked]:
        """The checks about Dask: the users' computation decides, else the runner's."""
        capacity = judge_capacity(self._fit)
        if outcome is None:
            computed = skipped("versions", _NOTHING), skipped("benchmark", _NOTHING)
            return [checked("dask_cluster", capacity, duration_s=0, summary=_NOTHING), *computed]
        image = self._site.image.reference
        note = other_origin(outcome, self._runner if outcome is self._notebook else None)
        findings = [noted(finding, note) for finding in judge_dask_cluster(outcome, image=image, pods=self._pods)]
        findings += capacity
        summary = f"scheduler and {outcome.workers} workers came, and are gone"
        checks = [checked("dask_cluster", findings, duration_s=outcome.cluster_s, summary=summary)]
        if not outcome.dask_cluster_came:
            why = "there was no Dask cluster to compute on"
            return [*checks, skipped("versions", why), skipped("benchmark", why)]
        table = _versions(self._front, self._notebook, self._runner)
        findings = judge_mismatches(table, image=image, workers=outcome.versions.workers, before=self._before)
        summary = "notebook, scheduler and workers agree where it matters"
        duration_s = outcome.phases.get("versions", 0.0)
        checks.append(checked("versions", findings, duration_s=duration_s, summary=summary))
        findings = [noted(finding, note) for finding in judge_benchmark(outcome, image=image, pods=self._pods)]
        findings += [*judge_origins(self._notebook, self._runner), *self._why_not_on_runner]
        return [*checks, checked("benchmark", findings, duration_s=outcome.compute_s, summary=told(outcome))]

    def _request(self, *, on_runner: bool = False) -> DaskRequest:
        health, limits, workers = self._site.health, self._site.limits_s, self._fit.fit
        array_size = min(health.array_size, _RUNNER_ARRAY) if on_runner else health.array_size
        return DaskRequest(
            workers=min(workers, _RUNNER_WORKERS) if on_runner else workers,
            required=1,
            array_size=array_size,
            chunk=min(health.chunk, array_size),
            scheduler_s=limits.scheduler,
            workers_s=limits.workers,
            benchmark_s=limits.benchmark,
        )

    def _reporter(self, what: str) -> Report:
        return lambda line: self._report(f"{what}: {line}")


def _versions(front: Front, notebook: DaskOutcome | None, runner: DaskOutcome | None) -> dict[str, dict[str, str]]:
    verdict = notebook or runner
    seen = verdict.versions if verdict else SeenVersions()
    return matrix(
        hub=front.hub_version,
        gateway=front.gateway_version or seen.gateway,
        notebook=notebook.versions.client if notebook else {},
        scheduler=seen.scheduler,
        workers=seen.workers.values(),
        runner=dask_program.installed_versions(),
        hub_chart=front.charts.get(HUB_RELEASE),
        gateway_chart=front.charts.get(GATEWAY_RELEASE),
    )
