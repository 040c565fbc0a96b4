"""The folder of chart archives that a run is about: nobody here chose them, so each is asked what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from magnumhub.domain.compat import ChartName, Range, is_too_old, kubernetes_range
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.versions import version_of
from magnumhub.remote.charts import ChartArchive, read_archive

CHARTS: tuple[ChartName, ...] = ("jupyterhub", "dask-gateway")


@dataclass(frozen=True)
class Given:
    """One archive of the folder."""

    path: Path
    chart: ChartName
    archive: ChartArchive

    @property
    def version(self) -> str:
        return self.archive.version

    @property
    def label(self) -> str:
        """What a test's id says."""
        return f"{self.chart} {self.version}"

    @property
    def is_set_up(self) -> bool:
        """Whether magnumhub composes values for charts of this age at all, on whichever Kubernetes."""
        has_roles = self.chart != "jupyterhub" or self.archive.keys().knows("hub.loadRoles")
        return has_roles and not is_too_old(self.chart, self.version)

    @property
    def runs_on(self) -> Range | None:
        return kubernetes_range(self.chart, self.version, self.archive.kube_version)

    def fits(self, kubernetes: str) -> bool:
        """Whether it is to be installed on this Kubernetes: nothing says that it does not run there."""
        return self.is_set_up and (self.runs_on is None or self.runs_on.holds(kubernetes) is not False)

    @cached_property
    def own_kubernetes(self) -> str:
        """A Kubernetes that it runs on: the oldest that its kubeVersion names, else one as old as itself."""
        found = re.search(r"\d+\.\d+(?:\.\d+)?", self.archive.kube_version or "")
        numbers = version_of(found.group()) if found else (1, 30) if self.is_set_up else (1, 14)
        return ".".join(map(str, (*numbers, 0, 0)[:3]))


def read_folder(folder: Path) -> list[Given]:
    """Every archive of the two charts in a folder and those in it, by chart and then by version as Helm orders them.

    Raises:
        RefusedError: a file is no packed chart.
    """
    given = []
    for path in sorted(folder.rglob("*.tgz")):
        try:
            archive = read_archive(path.read_bytes())
        except RefusedError as error:
            raise RefusedError(f"{path}: {error.message}") from error
        given += [Given(path, chart, archive) for chart in CHARTS if chart == archive.name]
    return sorted(given, key=lambda each: (each.chart, _precedence(each.version)))


def of_chart(given: Sequence[Given], chart: ChartName) -> list[Given]:
    return [each for each in given if each.chart == chart]


def other_chart(chart: ChartName) -> ChartName:
    return next(name for name in CHARTS if name != chart)


def _precedence(version: str) -> tuple[tuple[int, ...], bool, list[tuple[bool, int, str]]]:
    """A key in the order of semver: a pre-release comes before its release, numbers in it count as numbers."""
    _, _, pre = version.partition("+")[0].partition("-")
    parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in pre.split(".") if pre]
    return version_of(version), not pre, parts
