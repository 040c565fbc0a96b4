"""Do what a user does and say whether it worked: log in, start a notebook server, compute on Dask from its kernel.

Nothing here raises for a broken site: every check ends in the health document, one failing does not hide the others,
and what was started is stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from magnumhub.domain.compat import judge_hub_singleuser
from magnumhub.domain.dask_outcome import DaskOutcome, SeenVersions, judge_benchmark, judge_dask_cluster
from magnumhub.domain.errors import AuthenticationError, MagnumhubError, RefusedError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import (
    Check,
    Health,
    benchmark_of,
    check_of,
    finding_of,
    health_of,
    judge_origins,
    judge_release,
    noted,
    other_origin,
    skipped_on_runner,
    tells_all,
    told,
)
from magnumhub.domain.results import Release, Report
from magnumhub.domain.spec import DummyAuth, OidcAuth, Site
from magnumhub.domain.version_matrix import judge_mismatches, matrix, too_far
from magnumhub.domain.wiring_gateway import gateway_proxy
from magnumhub.services import dask_program
from magnumhub.services.benchmark import DaskRequest, run_in_notebook, run_on_runner
from magnumhub.services.gateway import Gateway
from magnumhub.services.hub import AUTH_HINT, Hub, HubUser, check_provider
from magnumhub.services.notebook_server import NotebookServer

_ANSWER_S = 30.0
_STOP_S = 60.0
_TOKEN_SLACK_S = 300
_GITHUB_AUTHORIZE_URL = "https://github.com/login/oauth/authorize"
# From outside the question is only whether Dask works: a small array on few workers answers it.
_RUNNER_ARRAY = 2000
_RUNNER_WORKERS = 2
_FULL_CHECKS = ("notebook", "dask_cluster", "versions", "benchmark")


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


def verify(
    site: Site,
    *,
    hub_url: str,
    gateway_url: str | None,
    gateway_ports: Mapping[str, int],
    access: HubAccess,
    releases: Mapping[str, Release],
    full: bool,
    report: Report,
) -> Health:
    """Check hub and gateway and, when `full`, everything a user needs.

    Safe to repeat: leftovers of an earlier, killed run are stopped first; all of the check's user are ours.

    Args:
        hub_url, gateway_url: scheme, address and port of the public Services; None = the gateway is not public.
        gateway_ports: of the gateway's Service by name, as Kubernetes says them.
        releases: by name, what the cluster says is installed; versions that answer are held against it.
        full: log in, start a notebook server, compute on Dask; else only ask for health and versions.
    """
    started_at, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    run = _Verification(site, report, gateway_ports, full=full)
    with Hub(hub_url, timeout_s=run.timeout_s) as hub:
        run.check_hub(hub, releases.get("jupyterhub"))
        run.check_gateway(gateway_url, releases.get("dask-gateway"))
        if full and run.hub_version:
            run.check_user(hub, gateway_url, access)
        elif full:
            run.skip(_FULL_CHECKS, "the hub does not answer")
    return health_of(
        site.name,
        started_at=started_at,
        duration_s=time.monotonic() - start,
        checks=run.checks,
        findings=run.findings,
        versions=run.versions(),
        benchmark=benchmark_of(run.verdict) if run.verdict else None,
    )


@dataclass
class _Open:
    """A check under way; `beside_s` is time that belongs to other checks."""

    findings: list[Finding] = field(default_factory=list)
    summary: str = ""
    beside_s: float = 0.0


class _Verification:
    """The checks of one run, in order, and what they found out for one another."""

    def __init__(self, site: Site, report: Report, gateway_ports: Mapping[str, int], *, full: bool) -> None:
        self.site = site
        self.report = report
        self.gateway_ports = gateway_ports
        self.timeout_s = min(float(site.limits_s.api), _ANSWER_S)
        # What was installed just now may need a moment until its load balancer leads there.
        self.patience_s = float(site.limits_s.load_balancer) if full else self.timeout_s
        self.checks: list[Check] = []
        self.findings: list[Finding] = []
        self.hub_version: str | None = None
        self.gateway_version: str | None = None
        self.notebook: DaskOutcome | None = None
        self.runner: DaskOutcome | None = None

    @property
    def verdict(self) -> DaskOutcome | None:
        """The users' computation, else the runner's."""
        return self.notebook or self.runner

    @contextmanager
    def _check(self, name: str) -> Iterator[_Open]:
        check, start = _Open(), time.monotonic()
        try:
            yield check
        except MagnumhubError as error:
            check.findings.append(finding_of(name, error))
        self._close(name, check.findings, time.monotonic() - start - check.beside_s, check.summary)

    def _close(self, name: str, findings: list[Finding], duration_s: float, summary: str) -> None:
        self.findings += findings
        self.checks.append(check_of(name, findings, duration_s=duration_s, summary=summary))
        self.report(f"{name}: {self.checks[-1].level}: {self.checks[-1].summary}")

    def skip(self, names: Iterable[str], why: str) -> None:
        """Note checks that could not be made because another one failed."""
        self.checks += [Check(name=name, level="Skipped", duration_s=0, summary=why) for name in names]

    def check_hub(self, hub: Hub, release: Release | None) -> None:
        """Health, version, and a login page that leads where the site says."""
        with self._check("hub") as check:
            hub.wait_healthy(deadline_s=self.patience_s, report=self.report)
            self.hub_version = hub.version()
            check.summary = f"JupyterHub {self.hub_version} at {hub.base_url}"
            check.findings += judge_release("hub", self.hub_version, release)
            self._check_login_page(hub)

    def _check_login_page(self, hub: Hub) -> None:
        auth, page = self.site.jupyterhub.auth, hub.login_page()
        if isinstance(auth, DummyAuth):
            if page.kind != "form":
                raise RefusedError(f"login page: leads to {page.authorize_url}, not to the hub's own form", AUTH_HINT)
            return
        authorize_url = auth.authorize_url if isinstance(auth, OidcAuth) else _GITHUB_AUTHORIZE_URL
        settings = self.site.jupyterhub
        public = hub.base_url if settings.https.kind == "off" else f"https://{settings.hostname}"
        check_provider(page, authorize_url=authorize_url, callback_url=f"{public}/hub/oauth_callback")

    def check_gateway(self, gateway_url: str | None, release: Release | None) -> None:
        """Health and version through the public address, where there is one."""
        if gateway_url is None:
            self.skip(["gateway"], "the gateway has no public address; notebooks reach it inside the cluster")
            return
        with self._check("gateway") as check, Gateway(gateway_url, timeout_s=self.timeout_s) as gateway:
            gateway.wait_healthy(deadline_s=self.patience_s, report=self.report)
            self.gateway_version = gateway.version()
            check.summary = f"Dask Gateway {self.gateway_version} at {gateway_url}"
            check.findings += judge_release("gateway", self.gateway_version, release)

    def check_user(self, hub: Hub, gateway_url: str | None, access: HubAccess) -> None:
        """Login, notebook server, kernel, and the computation from there; then the same from the runner."""
        with ExitStack() as stack:
            user = None
            with self._check("notebook") as check:
                user = stack.enter_context(self._log_in(hub, access))
                self._use_notebook(user.server, check)
            if user and gateway_url and self.gateway_version:
                self._compute_on_runner(gateway_url, user.token)
        self._judge_computation()

    def _log_in(self, hub: Hub, access: HubAccess) -> HubUser:
        if isinstance(self.site.jupyterhub.auth, DummyAuth):
            limits = self.site.limits_s
            token_s = limits.notebook + 2 * int(self._request().deadline_s) + _TOKEN_SLACK_S
            return hub.login(access.user, access.password, token_s=token_s)
        return hub.as_service(access.user, access.service_token)

    def _use_notebook(self, server: NotebookServer, check: _Open) -> None:
        try:
            server.start(deadline_s=self.site.limits_s.notebook, report=self._reporter("notebook"))
            singleuser = server.version()
            check.summary = f"logged in, server with jupyterhub {singleuser} started, kernel computed"
            check.findings += judge_hub_singleuser(self.hub_version or "", singleuser, check="notebook")
            self.notebook = run_in_notebook(server, self._request(), report=self._reporter("dask"))
            check.beside_s = self.notebook.total_s
        except AuthenticationError:
            # A singleuser that is too old for its hub refuses kernels; then the finding about its version says it all.
            if all(finding.level != "Unhealthy" for finding in check.findings):
                raise
        finally:
            self._stop(server, check)

    def _stop(self, server: NotebookServer, check: _Open) -> None:
        try:
            server.stop(deadline_s=_STOP_S)
        except MagnumhubError as error:
            finding = finding_of("notebook", error)
            check.findings.append(finding.model_copy(update={"level": "Degraded", "category": Category.LEFTOVER}))

    def _compute_on_runner(self, gateway_url: str, token: str) -> None:
        if self.notebook and tells_all(self.notebook):
            self.report("runner: its own computation is skipped: it would fail in the same way")
            return
        seen = self.notebook.versions if self.notebook else SeenVersions()
        reason = too_far(dask_program.installed_versions(), seen.scheduler or seen.client)
        if not reason:
            request, report = self._request(on_runner=True), self._reporter("runner")
            proxy = gateway_proxy(gateway_url, self.gateway_ports)
            outcome = run_on_runner(request, address=gateway_url, proxy_address=proxy, token=token, report=report)
            # Where there was no notebook to ask, the site's versions are known only now.
            reason = too_far(outcome.versions.client, outcome.versions.scheduler) if outcome.failed else ""
            self.runner = None if reason else outcome
        if reason:
            self.report(f"runner: its own computation is skipped: {reason}")
            self.findings.append(skipped_on_runner(reason))

    def _judge_computation(self) -> None:
        outcome, image = self.verdict, self.site.image.reference
        if outcome is None:
            self.skip(["dask_cluster", "versions", "benchmark"], "nothing could be computed")
            return
        note = other_origin(outcome, self.runner if outcome is self.notebook else None)
        findings = [noted(finding, note) for finding in judge_dask_cluster(outcome, image=image)]
        summary = f"scheduler and {outcome.workers} workers came, and are gone"
        self._close("dask_cluster", findings, outcome.cluster_s, summary)
        if not outcome.dask_cluster_came:
            self.skip(["versions", "benchmark"], "there was no Dask cluster to compute on")
            return
        findings = judge_mismatches(self.versions(), image=image)
        summary = "notebook, scheduler and workers agree where it matters"
        self._close("versions", findings, outcome.phases.get("versions", 0.0), summary)
        findings = [noted(finding, note) for finding in judge_benchmark(outcome, image=image)]
        findings += judge_origins(self.notebook, self.runner)
        self._close("benchmark", findings, outcome.compute_s, told(outcome))

    def versions(self) -> dict[str, dict[str, str]]:
        """The version matrix of what was seen."""
        seen = self.verdict.versions if self.verdict else SeenVersions()
        return matrix(
            hub=self.hub_version,
            gateway=self.gateway_version or seen.gateway,
            notebook=self.notebook.versions.client if self.notebook else {},
            scheduler=seen.scheduler,
            workers=seen.workers.values(),
            runner=dask_program.installed_versions(),
        )

    def _request(self, *, on_runner: bool = False) -> DaskRequest:
        health, limits = self.site.health, self.site.limits_s
        array_size = min(health.array_size, _RUNNER_ARRAY) if on_runner else health.array_size
        return DaskRequest(
            workers=min(health.workers, _RUNNER_WORKERS) if on_runner else health.workers,
            required=1,
            array_size=array_size,
            chunk=min(health.chunk, array_size),
            scheduler_s=limits.scheduler,
            workers_s=limits.workers,
            benchmark_s=limits.benchmark,
        )

    def _reporter(self, what: str) -> Report:
        return lambda line: self.report(f"{what}: {line}")
