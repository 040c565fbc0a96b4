"""Which cluster template is chosen, and why."""

from __future__ import annotations

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.templates import Template, choose_template, kubernetes_version_of


def template(name: str, version: str | None, created: str = "2026-01-01T00:00:00", hidden: bool = False) -> Template:
    return Template(uuid=f"uuid-{name}", name=name, created_at=created, kubernetes_version=version, hidden=hidden)


CLOUD = [
    template("k8s-1.15", "1.15.12", created="2026-06-01T00:00:00"),
    template("k8s-1.31", "1.31.1", created="2026-03-01T00:00:00"),
    template("k8s-1.31-fip", "1.31.1", created="2026-02-01T00:00:00"),
    template("k8s-1.30", "1.30.4", created="2026-05-01T00:00:00"),
    template("k8s-1.33-internal", "1.33.0", hidden=True),
]


def test_latest_is_the_highest_version_and_then_the_last_created() -> None:
    choice = choose_template(CLOUD)

    assert (choice.name, choice.uuid, choice.kubernetes_version) == ("k8s-1.31", "uuid-k8s-1.31", "1.31.1")
    assert choice.reason == (
        "the newest of 4 (Kubernetes 1.31.1) on which known charts run: jupyterhub 4.4.0, dask-gateway 2026.3.0"
    )


def test_latest_is_one_that_the_pinned_charts_run_on() -> None:
    templates = [*CLOUD, template("k8s-1.26", "1.26.0")]

    assert choose_template(templates, jupyterhub_chart="2.0.0", dask_gateway_chart="2024.1.0").name == "k8s-1.26"


def test_a_version_that_is_unknown_is_taken_only_when_no_other_runs() -> None:
    unknown = template("current", None)

    assert choose_template([unknown, CLOUD[1]]).name == "k8s-1.31"
    choice = choose_template([unknown, CLOUD[0]])
    assert (choice.name, choice.kubernetes_version) == ("current", None)
    assert "unknown until the cluster answers" in choice.reason


@pytest.mark.parametrize("wanted", ["k8s-1.15", "uuid-k8s-1.15"])
def test_a_template_that_is_named_is_taken(wanted: str) -> None:
    assert choose_template(CLOUD, wanted=wanted).name == "k8s-1.15"


@pytest.mark.parametrize(
    ("templates", "options", "said", "hint"),
    [
        ([], {}, "no cluster template", "ask the cloud's support"),
        (CLOUD, {"wanted": "k8s-1.32"}, "no cluster template k8s-1.32", "k8s-1.31, perhaps"),
        (CLOUD, {"wanted": "zzz"}, "no cluster template zzz", "one of: k8s-1.15"),
        ([CLOUD[0], CLOUD[0]], {"wanted": "k8s-1.15"}, "2 cluster templates", "by its uuid"),
        ([CLOUD[0]], {}, "k8s-1.15 (1.15.12)", "a newer template"),
        ([CLOUD[1]], {"jupyterhub_chart": "2.0.0"}, "runs jupyterhub 2.0.0", "newest-compatible"),
    ],
    ids=["none", "misspelt", "strange", "ambiguous", "too old", "too new for the pinned chart"],
)
def test_no_template(templates: list[Template], options: dict[str, str], said: str, hint: str) -> None:
    with pytest.raises(RefusedError) as refused:
        choose_template(templates, **options)

    assert said in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("name", "labels", "version"),
    [
        ("any", {"kube_tag": "v1.31.1"}, "1.31.1"),
        ("kubernetes-v1.30.4", {}, "1.30.4"),
        ("k8s-1.29-calico", {}, "1.29"),
        ("kubernetes-v1.30.4", {"kube_tag": "v1.30.5-rancher1"}, "1.30.5"),
        ("current", {}, None),
        ("fedora-41.1.2", {}, None),
    ],
)
def test_the_version_that_a_template_says(name: str, labels: dict[str, str], version: str | None) -> None:
    assert kubernetes_version_of(name, labels) == version
