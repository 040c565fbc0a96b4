"""What runs with what, told from the table, else from the chart itself, else unknown."""

from __future__ import annotations

from typing import Any

import pytest

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.compat import (
    ChartName,
    ChartVersion,
    app_version_of,
    choose_chart,
    judge,
    judge_hub_singleuser,
    known_pair,
    kubernetes_range,
    refuse_without_roles,
)
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.versions import satisfies, version_of

HUBS = [
    ChartVersion(version="4.5.0-0.dev.git.1", app_version="5.6.0", kube_version=">=1.28.0-0"),
    ChartVersion(version="4.4.0", app_version="5.5.0", kube_version=">=1.28.0-0"),
    ChartVersion(version="3.3.8", app_version="4.1.6", kube_version=">=1.23.0-0"),
    ChartVersion(version="0.9.0", app_version="1.1.0", kube_version=">=1.11.0-0"),
    ChartVersion(version="5.0.0", app_version="6.0.0", kube_version=">=1.32.0-0"),
]


@pytest.mark.parametrize(
    ("chart", "version", "app", "kubernetes"),
    [
        ("jupyterhub", "0.7.0", "0.9.2", "1.8 to 1.24"),
        ("jupyterhub", "0.9.0", "1.1.0", "1.11 to 1.24"),
        ("jupyterhub", "1.2.0", "1.5.0", "1.17 to 1.24"),
        ("jupyterhub", "2.0.0", "3.0.0", "1.20 to 1.26"),
        ("jupyterhub", "3.3.8", "4.1.6", "1.23 or newer"),
        ("jupyterhub", "4.1.0", "5.2.1", "1.28 or newer"),
        ("jupyterhub", "4.4.0", "5.5.0", "1.28 or newer"),
        ("dask-gateway", "0.9.0", "0.9.0", "1.8 to 1.21"),
        ("dask-gateway", "2023.1.1", "2023.1.1", "1.20 or newer"),
        ("dask-gateway", "2024.1.0", "2024.1.0", "1.25 or newer"),
        ("dask-gateway", "2026.3.0", "2026.3.0", "1.30 or newer"),
    ],
)
def test_the_table(chart: ChartName, version: str, app: str, kubernetes: str) -> None:
    assert app_version_of(chart, version) == app
    assert str(kubernetes_range(chart, version)) == kubernetes


@pytest.mark.parametrize(
    ("kubernetes", "pair"),
    [
        ("1.31.1", ("4.4.0", "2026.3.0")),
        ("v1.29.0", ("4.4.0", "2024.1.0")),
        ("1.24.17", ("3.3.8", "2023.9.0")),
        ("1.22.0", ("2.0.0", "2023.1.1")),
        ("1.19.0", None),
        ("1.15.12", None),
    ],
)
def test_the_newest_pair_that_runs(kubernetes: str, pair: tuple[str, str] | None) -> None:
    assert known_pair(kubernetes) == pair


@pytest.mark.parametrize("kubernetes", ["1.28.0", "v1.31.1", "1.35.0-rc.1"])
def test_what_runs_has_no_finding(kubernetes: str) -> None:
    assert judge("jupyterhub", "4.4.0", kubernetes_version=kubernetes) == []


def told(*args: Any, **options: Any) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.summary, finding.remedy) for finding in judge(*args, **options)]


def test_kubernetes_too_old() -> None:
    assert told("jupyterhub", "4.4.0", kubernetes_version="1.26.4") == [
        (
            "Unhealthy",
            "jupyterhub chart 4.4.0 (hub 5.5.0) runs on Kubernetes 1.28 or newer, not on 1.26.4",
            "Move to chart 3.3.8 (hub 4.1.6), or newest-compatible.",
        )
    ]


def test_kubernetes_too_new_says_what_is_missing_there() -> None:
    ((level, summary, remedy),) = told("jupyterhub", "2.0.0", kubernetes_version="1.31.1")

    assert level == "Unhealthy"
    assert summary.startswith("jupyterhub chart 2.0.0 (hub 3.0.0) runs on Kubernetes 1.20 to 1.26, not on 1.31.1: ")
    assert "storage.k8s.io/v1beta1" in summary
    assert remedy == "Move to chart 4.4.0 (hub 5.5.0), or newest-compatible."


@pytest.mark.parametrize("kubernetes", [None, "1.24.0", "1.31.1"])
def test_the_runbooks_own_chart_says_where_it_runs_and_what_to_move_to(kubernetes: str | None) -> None:
    ((level, summary, remedy),) = told("jupyterhub", "0.9.0", kubernetes_version=kubernetes)

    assert level == "Unhealthy"
    assert "jupyterhub chart 0.9.0 (hub 1.1.0) runs on Kubernetes 1.11 to 1.24" in summary
    assert remedy.startswith("Move to chart 3.3.8" if kubernetes == "1.24.0" else "Move to chart 4.4.0")


@pytest.mark.parametrize("version", ["0.4.1", "0.9.0"])
def test_an_old_gateway_is_refused_with_its_own_reason(version: str) -> None:
    ((level, summary, remedy),) = told("dask-gateway", version, kubernetes_version="1.31.1")

    assert level == "Unhealthy"
    assert summary.endswith(
        "magnumhub sets up 2022.4.0 and newer: older ones use APIs that are gone since Kubernetes 1.22"
    )
    assert remedy == "Move to chart 2026.3.0 (gateway 2026.3.0), or newest-compatible."


def test_unknown_kubernetes_is_unknown_and_says_what_is_needed() -> None:
    assert told("dask-gateway", "2026.3.0", kubernetes_version=None) == [
        (
            "Unknown",
            "dask-gateway chart 2026.3.0 (gateway 2026.3.0) runs on Kubernetes 1.30 or newer; "
            "the cluster's is unknown yet",
            "",
        )
    ]


def test_a_chart_that_the_table_lacks_is_judged_by_itself() -> None:
    assert (
        told("jupyterhub", "5.0.0", app_version="6.0.0", kube_version=">=1.32.0-0", kubernetes_version="1.33.1") == []
    )
    ((level, summary, _),) = told(
        "jupyterhub", "5.0.0", app_version="6.0.0", kube_version=">=1.32.0-0", kubernetes_version="1.31.1"
    )
    assert level == "Unhealthy"
    assert summary == "jupyterhub chart 5.0.0 (hub 6.0.0) runs on Kubernetes >=1.32.0-0, not on 1.31.1"


DEVELOPED: list[tuple[ChartName, str, str, str, list[str]]] = [
    ("jupyterhub", "2.0.1-0.dev.git.6035", "1.26.4", ">=1.20.0-0", []),
    (
        "jupyterhub",
        "2.0.1-0.dev.git.6035",
        "1.27.0",
        ">=1.20.0-0",
        [
            "jupyterhub chart 2.0.1-0.dev.git.6035 runs on Kubernetes >=1.20.0-0 and below 1.27, not on 1.27.0: "
            "the chart's user scheduler 1.23 watches storage.k8s.io/v1beta1, which is gone since Kubernetes 1.27"
        ],
    ),
    (
        "jupyterhub",
        "2.0.0-beta.1",
        "1.25.0",
        ">=1.20.0-0",
        [
            "jupyterhub chart 2.0.0-beta.1 runs on Kubernetes >=1.20.0-0 and below 1.25, not on 1.25.0: "
            "the chart's user scheduler 1.19 watches policy/v1beta1, which is gone since Kubernetes 1.25"
        ],
    ),
    ("jupyterhub", "1.2.1-0.dev.git.5000.habc", "1.22.0", ">=1.17.0-0", []),
    (
        "jupyterhub",
        "1.1.5-0.dev.git.1.habc",
        "1.22.0",
        ">=1.17.0-0",
        [
            "jupyterhub chart 1.1.5-0.dev.git.1.habc runs on Kubernetes >=1.17.0-0 and below 1.25; "
            "magnumhub sets up 2.0.0 and newer: older ones know no roles"
        ],
    ),
    ("jupyterhub", "4.4.1-0.dev.git.1.habc", "1.36.3", ">=1.28.0-0", []),
    (
        "dask-gateway",
        "0.9.1-0.dev.git.1.habc",
        "1.21.0",
        ">=1.20.0-0",
        [
            "dask-gateway chart 0.9.1-0.dev.git.1.habc runs on Kubernetes >=1.20.0-0 and below 1.22; "
            "magnumhub sets up 2022.4.0 and newer: older ones use APIs that are gone since Kubernetes 1.22"
        ],
    ),
]


@pytest.mark.parametrize(("chart", "version", "kubernetes", "constraint", "summaries"), DEVELOPED)
def test_a_development_version_has_what_the_release_before_it_had(
    chart: ChartName, version: str, kubernetes: str, constraint: str, summaries: list[str]
) -> None:
    findings = judge(chart, version, kube_version=constraint, kubernetes_version=kubernetes)

    assert [finding.summary for finding in findings] == summaries


def test_a_hubs_chart_without_roles_is_refused_by_its_keys() -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_without_roles("jupyterhub", ChartKeys("2.0.0-0.dev", own={"hub": {"config": {}}}))

    assert refused.value.message == (
        "jupyterhub chart 2.0.0-0.dev has no hub.loadRoles; magnumhub sets up 2.0.0 and newer: older ones know no roles"
    )
    refuse_without_roles("jupyterhub", ChartKeys("1.2.1-0.dev", own={"hub": {"loadRoles": {}}}))
    refuse_without_roles("dask-gateway", ChartKeys("2026.3.0", own={}))


@pytest.mark.parametrize("constraint", [None, "what it likes"])
def test_a_chart_that_says_nothing_is_unknown(constraint: str | None) -> None:
    ((level, _, _),) = told("jupyterhub", "5.0.0", kube_version=constraint, kubernetes_version="1.31.1")

    assert level == "Unknown"


@pytest.mark.parametrize(
    ("kubernetes", "version"), [("1.33.0", "5.0.0"), ("1.31.1", "4.4.0"), ("1.25.0", "3.3.8"), (None, "5.0.0")]
)
def test_the_newest_chart_that_runs_is_chosen(kubernetes: str | None, version: str) -> None:
    assert choose_chart("jupyterhub", HUBS, kubernetes_version=kubernetes).version == version


def test_a_choice_says_why() -> None:
    choice = choose_chart("jupyterhub", HUBS, kubernetes_version="1.31.1")

    assert (choice.app_version, choice.reason) == ("5.5.0", "the newest that runs on Kubernetes 1.31.1")


def test_a_pinned_chart_is_taken() -> None:
    assert choose_chart("jupyterhub", HUBS, kubernetes_version="1.31.1", wanted="3.3.8").version == "3.3.8"


@pytest.mark.parametrize(
    ("available", "kubernetes", "wanted", "said", "hint"),
    [
        (HUBS, "1.31.1", "4.9.9", "has no jupyterhub chart 4.9.9", "5.0.0, 4.4.0, 3.3.8"),
        (HUBS, "1.26.0", "4.4.0", "runs on Kubernetes 1.28 or newer", "Move to chart 3.3.8"),
        (HUBS, "1.19.0", "newest-compatible", "no jupyterhub chart of the repository runs", "newer cluster template"),
        ([], "1.31.1", "newest-compatible", "no jupyterhub chart of the repository runs", "its index is empty"),
    ],
    ids=["not there", "does not run", "none runs", "empty repository"],
)
def test_no_choice(available: list[ChartVersion], kubernetes: str, wanted: str, said: str, hint: str) -> None:
    with pytest.raises(RefusedError) as refused:
        choose_chart("jupyterhub", available, kubernetes_version=kubernetes, wanted=wanted)

    assert said in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("hub", "singleuser", "levels"),
    [
        ("5.5.0", "5.2.1", []),
        ("5.5.0", "4.1.6", ["Degraded"]),
        ("5.5.0", "1.1.0", ["Unhealthy"]),
        ("4.1.6", "4.1.0", []),
        ("4.1.6", "4.0.2", ["Healthy"]),
        ("4.1.6", "3.1.1", ["Degraded"]),
    ],
)
def test_hub_and_single_user_server(hub: str, singleuser: str, levels: list[str]) -> None:
    assert [finding.level for finding in judge_hub_singleuser(hub, singleuser)] == levels


@pytest.mark.parametrize(
    ("version", "constraint", "verdict"),
    [
        ("1.31.1", ">=1.28.0-0", True),
        ("1.27.9", ">=1.28.0-0", False),
        ("v1.24.0", ">= 1.20, < 1.25", True),
        ("1.25.0", ">=1.20 <1.25", False),
        ("1.22.4", "1.22.x || >1.30", True),
        ("1.22.4", "^1.20", True),
        ("1.22.4", "~1.21.0", False),
        ("1.22.4", "!=1.22.4", False),
        ("1.22.4", "<=1.22.4", True),
        ("1.22.4", "*", True),
        ("1.22.4", "newer", None),
        ("1.22.4", "newer || >=1.20", True),
    ],
)
def test_constraints_of_charts(version: str, constraint: str, verdict: bool | None) -> None:
    assert satisfies(version, constraint) is verdict


@pytest.mark.parametrize(("text", "numbers"), [("v1.31.1", (1, 31, 1)), ("1.31.1+k3s1", (1, 31, 1)), ("main", ())])
def test_versions_are_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_of(text) == numbers
