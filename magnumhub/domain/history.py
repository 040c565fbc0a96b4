"""What earlier checks of a site tell about this one: slower than usual, unsteady, new since last time, alarm or none.

A run leaves a `Record`; later runs find it wherever they run. All judgements here are pure, over records that are
newest first.
"""

from __future__ import annotations

from pydantic import Field

from magnumhub.domain.health import Health
from magnumhub.domain.results import Result


class Memory(Result):
    """What a check leaves for later ones beside its document.

    restarts: how often each container was restarted so far, by `namespace/pod/container`.
    unsteady: checks that failed at first and worked when they were tried once more.
    phases: seconds by phase of the benchmark.
    endpoints: where users went, by role: asked even when the cloud cannot be asked for them.
    alarm: whether the site was last said to be unhealthy, and not yet to have recovered.
    """

    restarts: dict[str, int] = Field(default_factory=dict)
    unsteady: tuple[str, ...] = ()
    phases: dict[str, float] = Field(default_factory=dict)
    endpoints: dict[str, str | None] = Field(default_factory=dict)
    alarm: bool = False


class Record(Result):
    """One check of a site as later ones find it. Dump it `by_alias`."""

    health: Health
    memory: Memory = Memory()
