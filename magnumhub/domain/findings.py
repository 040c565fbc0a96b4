"""Findings: what a check saw, how bad it is, and what to do about it.

A finding is never an exception: a version mismatch or a slow benchmark is a fact about the site, told with its remedy.
`Category` is a stable contract that dashboards and automations may filter on.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, Protocol, TypeVar

from pydantic import Field

from magnumhub.domain.results import Result

Level = Literal["Healthy", "Degraded", "Unhealthy", "Unknown", "Skipped"]

_BADNESS: dict[Level, int] = {"Skipped": 0, "Healthy": 1, "Unknown": 2, "Degraded": 3, "Unhealthy": 4}


class Category(StrEnum):
    """What a finding is about, whatever check saw it."""

    CREDENTIALS = "credentials"
    """A credential is wrong, expires, or may not do what is needed."""
    CATALOG = "catalog"
    """A service that is needed is not in the cloud's catalog or does not answer."""
    QUOTA = "quota"
    """The project's quota does not hold what will be created, or is nearly used up."""
    NOT_FOUND = "not_found"
    """Something the site names (template, keypair, network, flavor, image) does not exist."""
    CAPACITY = "capacity"
    """Nodes have too little room for the hub, its users or the benchmark."""
    ADDRESS = "address"
    """A floating IP is not the one asked for, serves something else, or cannot be reached."""
    COMPATIBILITY = "compatibility"
    """Versions of chart, hub, Kubernetes or Dask that do not go together, or are not known to."""
    VERSIONS = "versions"
    """Packages differ between notebook, scheduler, workers and gateway."""
    STORAGE = "storage"
    """Volumes: no usable StorageClass, or nothing is kept."""
    SERVICE = "service"
    """A service of ours does not answer or answers wrongly."""
    IMAGE = "image"
    """The site's image cannot be pulled or lacks a package that is needed."""
    WORKLOAD = "workload"
    """Pods that do not run, restart, or stay pending."""
    RELEASE = "release"
    """A Helm release is not deployed, or is another one than asked for."""
    RESULT = "result"
    """The benchmark's numbers are wrong."""
    SPEED = "speed"
    """The benchmark is right but slow."""
    EXPIRY = "expiry"
    """A certificate or credential ends soon."""
    LEFTOVER = "leftover"
    """Something of ours is left behind and costs."""
    OWNERSHIP = "ownership"
    """Something of that name exists and is not ours."""
    CONFIGURATION = "configuration"
    """The site file asks for something that works but is unwise."""


class Finding(Result):
    """One thing that is not as it should be.

    check: the check's name, such as `preflight` or `versions`.
    summary: what was seen, in one sentence with the values.
    remedy: what to do, in one sentence; empty where nothing needs to be done.
    about: the release that it concerns, where it concerns one: tells a cause from its consequences, and is not shown.
    """

    check: str
    level: Level
    category: Category
    summary: str
    remedy: str = ""
    about: Literal["", "jupyterhub", "dask_gateway"] = Field(default="", exclude=True)


class Judged(Protocol):
    """Whatever has a level."""

    @property
    def level(self) -> Level: ...


J = TypeVar("J", bound=Judged)


def worst(levels: Iterable[Level]) -> Level:
    """The level of the whole: the worst one; Skipped when there is none."""
    return max(levels, key=_BADNESS.__getitem__, default="Skipped")


def worst_first(judged: Iterable[J]) -> list[J]:
    """Findings, or sites, as a person wants to read them: the worst first, else in the order they were seen."""
    return sorted(judged, key=lambda one: -_BADNESS[one.level])
