"""What a run says whose change was undone."""

from __future__ import annotations

import pytest

from magnumhub.domain.deployment import Deployment, brought_back, stopped
from magnumhub.domain.errors import DeadlineError, MagnumhubError, WaitingError
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.health import Health
from magnumhub.domain.results import MagnumCluster, Release

CLUSTER = MagnumCluster(uuid="c-1", name="iris", template="t-1", driver="heat", status="CREATE_COMPLETE")
FINDING = Finding(check="notebook", level="Unhealthy", category=Category.IMAGE, summary="no image", remedy="Push it.")
WAITING = WaitingError("closed", addresses={"jupyterhub": "192.0.2.9"}, ports={"jupyterhub": [80]}, request="Please")


def health(level: str, *findings: Finding) -> Health:
    return Health.model_validate(
        {"site": "iris", "level": level, "started_at": "", "duration_s": 1, "checks": (), "findings": findings}
    )


def deployment(version: str, address: str, said: Health | None) -> Deployment:
    release = Release(
        name="jupyterhub",
        namespace="jhub",
        chart="jupyterhub",
        version=version,
        app_version="5",
        revision=3,
        status="ok",
    )
    return Deployment(
        site="iris",
        magnum_cluster=CLUSTER,
        addresses={"jupyterhub": address, "dask_gateway": None},
        endpoints={"jupyterhub": f"http://{address}:8080", "dask_gateway": None},
        releases={"jupyterhub": release},
        health=said,
    )


FAILED = deployment("4.4.0", "192.0.2.9", health("Unhealthy", FINDING))
NOW = deployment("4.1.0", "192.0.2.2", health("Healthy"))


def test_the_document_is_of_what_serves_and_says_what_was_wrong() -> None:
    back = brought_back(FAILED, now=NOW, addresses={"jupyterhub": "192.0.2.2"})
    assert (back.releases, back.addresses, back.undone) == (NOW.releases, NOW.addresses, True)
    assert back.health is not None
    first, last = back.health.findings
    assert (back.health.level, first) == ("Unhealthy", FINDING)
    assert last.summary == "everything was rolled back to jupyterhub chart 4.1.0, which is Healthy"


def test_releases_that_stay_are_told_at_the_addresses_that_serve() -> None:
    back = brought_back(FAILED, now=None, addresses={"jupyterhub": "192.0.2.2"}, why_not="Helm failed")
    assert back.addresses["jupyterhub"] == "192.0.2.2"
    assert back.endpoints["jupyterhub"] == "http://192.0.2.2:8080"
    assert back.releases == FAILED.releases
    assert back.health is not None
    assert back.health.findings[-1].summary == "the releases could not be rolled back: Helm failed"


def test_an_error_says_what_serves_now() -> None:
    told = stopped(DeadlineError("the hub is not ready", "look at its log"), now=NOW)
    assert told.message == (
        "the hub is not ready; everything was rolled back to jupyterhub chart 4.1.0, which is Healthy"
    )
    assert told.hint == "look at its log"


@pytest.mark.parametrize(("why_not", "told"), [("", "closed"), ("Helm failed", "closed; the releases could not be")])
def test_who_is_asked_for_a_firewall_is_told_of_a_way_back_that_failed(why_not: str, told: str) -> None:
    error: MagnumhubError = stopped(WAITING, now=None if why_not else NOW, why_not=why_not)
    assert isinstance(error, WaitingError)
    assert error.message.startswith(told)
    assert error.request == "Please"
