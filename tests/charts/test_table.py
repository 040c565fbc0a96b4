"""The compatibility table against the charts' own words, and the judgement of those that it lacks."""

from __future__ import annotations

import pytest

from magnumhub.domain.compat import (
    ChartVersion,
    app_version_of,
    choose_chart,
    is_too_old,
    judge,
    kubernetes_range,
    refuse_without_roles,
)
from magnumhub.domain.compat_data import WHY_NONE_OLDER
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.versions import minor_of, version_of
from tests.charts.archives import Given
from tests.charts.conftest import Partner
from tests.charts.deployment import keys_of
from tests.charts.rendering import render
from tests.charts.site import composed, site, values_of


def offered(given: Given) -> ChartVersion:
    """As a repository's index would name it."""
    archive = given.archive
    return ChartVersion(version=archive.version, app_version=archive.app_version, kube_version=archive.kube_version)


def test_the_table_says_what_the_chart_says(chart: Given) -> None:
    told, app = kubernetes_range(chart.chart, chart.version), app_version_of(chart.chart, chart.version)
    if told is None or chart.archive.kube_version is None:
        # Judged by its own words alone, or it has none: then all that the table has is from its templates.
        assert app in (None, chart.archive.app_version)
        return
    assert app == chart.archive.app_version
    assert minor_of(told.minimum) == minor_of(chart.own_kubernetes)
    assert told.holds(chart.own_kubernetes) is True


def test_what_fits_is_chosen(fitting: Given, kubernetes: str) -> None:
    choice = choose_chart(fitting.chart, [offered(fitting)], kubernetes_version=kubernetes, wanted=fitting.version)

    assert (choice.version, choice.app_version) == (fitting.version, fitting.archive.app_version)


def test_what_does_not_fit_is_refused_before_anything_is_made(refused: Given, kubernetes: str) -> None:
    with pytest.raises(RefusedError) as error:
        choose_chart(refused.chart, [offered(refused)], kubernetes_version=kubernetes, wanted=refused.version)
        refuse_without_roles(refused.chart, refused.archive.keys())

    findings = judge(
        refused.chart,
        refused.version,
        app_version=refused.archive.app_version,
        kube_version=refused.archive.kube_version,
        kubernetes_version=kubernetes,
    )
    if not findings:  # its number and its Kubernetes say nothing against it: its keys do
        assert f"{refused.chart} chart {refused.version} has no hub.loadRoles" in error.value.message
        return
    (finding,) = findings
    assert (finding.check, finding.level, finding.category.value) == ("preflight", "Unhealthy", "compatibility")
    assert (error.value.message, error.value.hint) == (finding.summary, finding.remedy)
    assert f"{refused.chart} chart {refused.version}" in finding.summary
    assert "Move to chart" in finding.remedy
    if not is_too_old(refused.chart, refused.version):
        assert f"not on {kubernetes.removeprefix('v')}" in finding.summary
    else:
        assert f"and newer: {WHY_NONE_OLDER[refused.chart]}" in finding.summary


def test_what_does_not_fit_renders_for_its_own_kubernetes(refused: Given, partner: Partner) -> None:
    if refused.is_set_up:
        values = values_of(refused.chart, composed(site(), keys_of(refused, partner(refused))))
        assert refused.archive.refused(values) == []
    elif refused.archive.kube_version is None:
        pytest.skip("it says of no Kubernetes that it runs there")
    else:
        values = {"proxy": {"secretToken": "0" * 64}}
    rendered = render(refused.path, "release", "ns", values, kubernetes=refused.own_kubernetes)

    assert rendered.of("Deployment")
    assert version_of(refused.own_kubernetes) >= version_of("1.8")
