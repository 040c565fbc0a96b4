"""Plain values that stages hand to one another and that a run reports: JSON-able, without secrets, without clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Report = Callable[[str], None]
"""Takes one line of progress of a long wait: what is waited for, how long already, the service's last word."""

Role = Literal["master", "jupyterhub", "dask_gateway", "spare"]
Part = Literal["jupyterhub", "dask_gateway"]
"""What is installed and has a public address: a release and its role at once."""
Action = Literal["created", "kept", "changed", "skipped"]


class Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class FloatingIP(Result):
    """An address of ours and what its mark says."""

    id: str
    address: str
    role: Role
    origin: Literal["allocated", "given"]
    firewall: Literal["", "asked", "open"] = ""
    port_id: str | None = None
    action: Action = "kept"


class Addresses(Result):
    """The floating IPs of a site by role; None where the spec says `none` or the cloud gives one itself."""

    master: FloatingIP | None = None
    jupyterhub: FloatingIP
    dask_gateway: FloatingIP | None = None


class MagnumCluster(Result):
    """A Magnum cluster of ours, as last seen.

    driver: `heat` has servers called *-master-N with ssh; `capi` has an API address and nothing else.
    kubernetes_version: what the template says until the API was asked; None = unknown yet.
    """

    uuid: str
    name: str
    template: str
    driver: Literal["heat", "capi"]
    status: str
    kubernetes_version: str | None = None
    api_address: str | None = None
    master_addresses: tuple[str, ...] = ()
    node_count: int = 1
    labels: dict[str, str] = Field(default_factory=dict)
    action: Action = "kept"


class Master(Result):
    """The first master's server, reached through its floating IP (or a jump host)."""

    server_id: str
    name: str
    fixed_address: str
    floating_address: str | None = None
    port_id: str | None = None


class Release(Result):
    """A Helm release as Helm reports it."""

    name: str
    namespace: str
    chart: str
    version: str
    app_version: str
    revision: int
    status: str
    action: Action = "kept"


class StageRecord(Result):
    name: str
    action: Action
    duration_s: float
