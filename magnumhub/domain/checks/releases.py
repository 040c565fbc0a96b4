"""Whether both Helm releases are there, as the site asks for them and not left in the middle of something."""

from __future__ import annotations

from collections.abc import Iterable

from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.results import Part, Release
from magnumhub.domain.spec import NEWEST, Site
from magnumhub.domain.wiring import RELEASES


def releases_of(site: Site, installed: Iterable[Release]) -> dict[Part, Release]:
    """The site's releases among those of the cluster."""
    there = {(release.namespace, release.name): release for release in installed}
    wanted = {part: (getattr(site, part).namespace, name) for part, name in RELEASES.items()}
    return {part: there[where] for part, where in wanted.items() if where in there}


def judge_releases(site: Site, releases: dict[Part, Release]) -> list[Finding]:
    """Unhealthy for a release that is not there; Degraded for one that is another than asked for or half changed."""
    findings = []
    for part, name in RELEASES.items():
        release = releases.get(part)
        namespace, wanted = getattr(site, part).namespace, getattr(site, part).chart.version
        if release is None:
            summary = f"there is no release {name} in namespace {namespace}"
            remedy = f"magnumhub provision {site.name} installs it; volumes of a deleted namespace are gone."
            findings.append(_finding(part, "Unhealthy", summary, remedy))
        elif release.status != "deployed":
            summary = f"release {name} is {release.status} in revision {release.revision}, and was not finished"
            remedy = f"magnumhub provision {site.name} recovers it; until then no change can be installed."
            findings.append(_finding(part, "Degraded", summary, remedy))
        elif wanted not in (NEWEST, release.version):
            summary = f"release {name} is chart {release.version}, the site asks for {wanted}"
            remedy = f"magnumhub provision {site.name} installs {wanted}, or write {release.version} into the site."
            findings.append(_finding(part, "Degraded", summary, remedy))
    return findings


def _finding(part: Part, level: Level, summary: str, remedy: str) -> Finding:
    return Finding(check="releases", level=level, category=Category.RELEASE, summary=summary, remedy=remedy, about=part)
