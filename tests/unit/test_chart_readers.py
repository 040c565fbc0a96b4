"""Which image reads the code of a chart that nobody here chose."""

from __future__ import annotations

import pytest

from tests.charts.configured import Reader, reader_of, readers_of

HUBS = [Reader("hub:4.4.0", "5.5.0"), Reader("hub:4.1.0", "5.2.1")]


@pytest.mark.parametrize(
    ("app_version", "image"),
    [
        ("3.0.0", "hub:4.1.0"),
        ("5.2.1", "hub:4.1.0"),
        ("5.2.9", "hub:4.1.0"),
        ("5.3.0", "hub:4.4.0"),
        ("5.5.2", "hub:4.4.0"),
        (None, "hub:4.4.0"),
        ("5.6.0", None),
        ("6.0.0", None),
    ],
)
def test_the_nearest_that_is_not_older(app_version: str | None, image: str | None) -> None:
    found = reader_of(app_version, HUBS)

    assert (found.image if found else None) == image


def test_the_sandbox_has_readers_of_both() -> None:
    assert Reader("quay.io/jupyterhub/k8s-hub:4.4.0", "5.5.0") in readers_of("jupyterhub")
    assert Reader("ghcr.io/dask/dask-gateway-server:2026.3.0", "2026.3.0") in readers_of("dask-gateway")
