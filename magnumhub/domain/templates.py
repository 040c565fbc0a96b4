"""Which cluster template: decided first, as its Kubernetes decides which charts can run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from magnumhub.domain.compat import known_pair
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.results import Result
from magnumhub.domain.spec_forms import NEWEST
from magnumhub.domain.versions import version_of

Driver = Literal["heat", "capi"]

_VERSION_LABELS = ("kube_tag", "kube_version", "kubernetes_version")
_IN_NAME = re.compile(r"(?<![\d.])v?(1\.\d{1,2}(?:\.\d+)?)(?![\d])")


class Template(Result):
    """A Magnum cluster template, as far as choosing and judging need it; None: the cloud does not say.

    created_at: ISO 8601. kubernetes_version: without v. docker_volume_size_gib: the template's default.
    """

    uuid: str
    name: str
    created_at: str = ""
    kubernetes_version: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    driver: Driver | None = None
    floating_ip_enabled: bool | None = None
    master_lb_enabled: bool | None = None
    flavor: str | None = None
    master_flavor: str | None = None
    external_network: str | None = None
    docker_volume_size_gib: int | None = None
    hidden: bool = False


class TemplateChoice(Result):
    """The template to create the cluster from, and why that one."""

    name: str
    uuid: str
    kubernetes_version: str | None
    reason: str


def kubernetes_version_of(name: str, labels: Mapping[str, str]) -> str | None:
    """The Kubernetes version that a template says: its labels, else its name; None where neither does."""
    for label in _VERSION_LABELS:
        if numbers := version_of(labels.get(label, "")):
            return ".".join(str(number) for number in numbers)
    match = _IN_NAME.search(name)
    return match.group(1) if match else None


def choose_template(
    templates: Sequence[Template],
    *,
    wanted: str = "latest",
    jupyterhub_chart: str = NEWEST,
    dask_gateway_chart: str = NEWEST,
) -> TemplateChoice:
    """The template to create a cluster from.

    Args:
        wanted: `latest` is the newest on which a known pair of charts runs: the highest Kubernetes version, and of
            equal ones the last created. Else a name or uuid.
        jupyterhub_chart, dask_gateway_chart: versions that the site pins, or newest-compatible.

    Raises:
        RefusedError: there is none; says which there are.
    """
    if wanted != "latest":
        return _named(templates, wanted)
    visible = [template for template in templates if not template.hidden]
    if not visible:
        raise RefusedError("the project has no cluster template", "ask the cloud's support for one, or for access")
    for template in sorted(visible, key=_age, reverse=True):
        if template.kubernetes_version is None:
            continue
        pair = known_pair(template.kubernetes_version, jupyterhub_chart, dask_gateway_chart)
        if pair is not None:
            reason = (
                f"the newest of {len(visible)} (Kubernetes {template.kubernetes_version}) on which known charts run: "
                f"jupyterhub {pair[0]}, dask-gateway {pair[1]}"
            )
            return _choice(template, reason)
    unknown = [template for template in visible if template.kubernetes_version is None]
    if unknown:
        newest = max(unknown, key=lambda template: template.created_at)
        return _choice(newest, "the last created; which Kubernetes it holds is unknown until the cluster answers")
    seen = ", ".join(f"{template.name} ({template.kubernetes_version})" for template in visible)
    pinned = [
        f"{chart} {version}"
        for chart, version in (("jupyterhub", jupyterhub_chart), ("dask-gateway", dask_gateway_chart))
        if version != NEWEST
    ]
    what = " and ".join(pinned) if pinned else "any known pair of charts"
    remedy = f"pin other chart versions or use {NEWEST}" if pinned else "ask the cloud's support for a newer template"
    raise RefusedError(f"no cluster template runs {what}: {seen}", remedy)


def _named(templates: Sequence[Template], wanted: str) -> TemplateChoice:
    found = [template for template in templates if wanted in (template.uuid, template.name)]
    if not found:
        names = sorted({template.name for template in templates})
        close = difflib.get_close_matches(wanted, names, n=1)
        remedy = f"{close[0]}, perhaps" if close else f"one of: {', '.join(names) or 'there is none in this project'}"
        raise RefusedError(f"there is no cluster template {wanted}", remedy)
    if len(found) > 1:
        uuids = ", ".join(template.uuid for template in found)
        raise RefusedError(f"{len(found)} cluster templates are called {wanted}", f"name one by its uuid: {uuids}")
    return _choice(found[0], "the template that is asked for")


def _age(template: Template) -> tuple[tuple[int, ...], str]:
    return version_of(template.kubernetes_version or ""), template.created_at


def _choice(template: Template, reason: str) -> TemplateChoice:
    return TemplateChoice(
        name=template.name, uuid=template.uuid, kubernetes_version=template.kubernetes_version, reason=reason
    )
