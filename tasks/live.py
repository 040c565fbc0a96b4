"""How far a deployment's run is, as a progress artifact: what a person looks at in Prefect's UI while it goes on.

It is written by a thread of its own: a stage never waits for Prefect's server, which may be slow, or gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from blocks.prefect_server import NO_SERVER
from magnumhub.domain.report.live import doing, percent, spent
from tasks.progress import StageEvent, listening

UPDATE_EVERY_S = 30.0
"""While no stage ends. Each update costs a request of some 12 ms."""

_NOT_SOONER_S = 1.0
"""Stages that end in a row are told together."""

_LAST_UPDATE_S = 5.0
"""The run does not end later than this for the artifact's sake."""


@contextmanager
def live_progress(stages: Collection[str]) -> Iterator[None]:
    """Keep the run's progress artifact up to date while the block runs; a command's run has a terminal instead.

    Safe to repeat: a run that goes on after a suspension or a retry goes on with its artifact. A server that does not
    answer is asked again at the next update; the run goes on without it.

    Args:
        stages: those that every run of the flow goes through, of which the percentage is.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        yield
        return
    told = _Told(context.flow_run.id, stages)
    # The context holds which server is asked, and for which run.
    writer = threading.Thread(target=copy_context().run, args=(told.keep_up,), name="live progress", daemon=True)
    with listening(told.on_event):
        writer.start()
        try:
            yield
            told.completed()
        except Exception as error:
            told.stopped(str(error))
            raise
        finally:
            told.is_over.set()
            told.news.set()
            writer.join(_LAST_UPDATE_S)


class _Told:
    """What the stages have said so far, and the artifact that tells it."""

    def __init__(self, flow_run_id: UUID, stages: Collection[str]) -> None:
        self.news = threading.Event()
        self.is_over = threading.Event()
        self._flow_run_id = flow_run_id
        self._stages = stages
        self._started_s = time.monotonic()
        self._lock = threading.Lock()
        self._ended: set[str] = set()
        self._running: dict[str, tuple[float, str]] = {}
        self._last_word = ""
        self._artifact_id: UUID | None = None

    def on_event(self, event: StageEvent) -> None:
        with self._lock:
            if event.kind in ("started", "progress", "remark"):
                started_s, _ = self._running.get(event.stage, (time.monotonic(), ""))
                self._running[event.stage] = (started_s, event.text)
                return
            self._running.pop(event.stage, None)
            if event.kind == "ended":
                self._ended.add(event.stage)
            else:
                self._last_word = (
                    f"{event.stage} {'waits for a person' if event.kind == 'waiting' else 'failed'}: {event.text}"
                )
        self.news.set()

    def completed(self) -> None:
        with self._lock:
            self._ended.update(self._stages)
            self._last_word = f"ended after {spent(time.monotonic() - self._started_s)}"

    def stopped(self, why: str) -> None:
        with self._lock:
            self._last_word = self._last_word or f"stopped: {why.splitlines()[0] if why else 'without a word'}"

    def keep_up(self) -> None:
        """Update until it is over, and once more then."""
        while not self.is_over.is_set():
            self.news.wait(UPDATE_EVERY_S)
            self.is_over.wait(_NOT_SOONER_S)
            self.news.clear()
            with suppress(*NO_SERVER, ObjectNotFound):
                self._update()

    def _update(self) -> None:
        progress, description = self._now()
        if self._artifact_id is None:
            self._artifact_id = _artifact_of(self._flow_run_id)
        if self._artifact_id is None:
            made = create_progress_artifact(progress, description=description)
            assert isinstance(made, UUID)  # where nothing is async it is no coroutine
            self._artifact_id = made
        else:
            update_progress_artifact(self._artifact_id, progress, description=description)

    def _now(self) -> tuple[int, str]:
        now_s = time.monotonic()
        with self._lock:
            running = {stage: (now_s - since_s, text) for stage, (since_s, text) in self._running.items()}
            done = percent(self._ended, self._stages)
            # The list of a run's artifacts shows the description alone.
            return done, f"{done} %: {doing(running) or self._last_word or 'between two stages'}"


def _artifact_of(flow_run_id: UUID) -> UUID | None:
    """The one that the run made before it was suspended or retried."""
    of_this_run = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]), type=ArtifactFilterType(any_=["progress"])
    )
    with get_client(sync_client=True) as client:
        return next((artifact.id for artifact in client.read_artifacts(artifact_filter=of_this_run)), None)
