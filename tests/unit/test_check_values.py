"""Charts are asked before anything is made: those that the site pins, and no other."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.ground import Ground
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_file import load_site, parse_site
from tasks.charts import check_values
from tests.unit import test_chart_repository
from tests.unit.test_chart_repository import Repository
from tests.unit.test_helm_charts import packed

repository = test_chart_repository.repository

EXAMPLE = load_site("deployments/example-site.yaml")
NOBODY_ANSWERS = "http://127.0.0.1:9/"
CHART = {"jupyterhub/Chart.yaml": "name: jupyterhub\nversion: 4.4.0\n"}
WITH_ROLES = {**CHART, "jupyterhub/values.yaml": "hub: {loadRoles: {}}\n"}
CLOSED = json.dumps({"properties": {"singleuser": {"additionalProperties": False}}})


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of the test's own, and the secret that the site names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("IRIS_OIDC_SECRET", "s3cr3t")


def pinned(repository: Repository, files: dict[str, str]) -> Site:
    """A site with this chart for its hub, whose gateway's is chosen later."""
    repository.chart = packed(files)
    entry = {
        "version": "4.4.0",
        "kubeVersion": ">=1.28.0-0",
        "digest": hashlib.sha256(repository.chart).hexdigest(),
        "urls": ["hub.tgz"],
    }
    repository.index = {"entries": {"jupyterhub": [entry]}}
    site: dict[str, Any] = EXAMPLE.model_dump(mode="json")
    site["jupyterhub"]["chart"] = {"repo": repository.url, "version": "4.4.0"}
    site["dask_gateway"]["chart"] = {"repo": NOBODY_ANSWERS, "version": "newest-compatible"}
    return parse_site(site)


def check(site: Site, kubernetes: str) -> None:
    check_values.fn(site, Ground(template="t", kubernetes_version=kubernetes, master_address=False))


def test_a_chart_that_is_not_pinned_is_not_asked_for(repository: Repository) -> None:
    check(pinned(repository, WITH_ROLES), "1.31.1")

    assert repository.asked == ["/index.yaml", "/hub.tgz"]


@pytest.mark.parametrize(
    ("files", "kubernetes", "said"),
    [
        (WITH_ROLES, "1.27.0", "not on 1.27.0"),
        (
            {**WITH_ROLES, "jupyterhub/values.schema.json": CLOSED},
            "1.31.1",
            "jupyterhub 4.4.0: singleuser: Additional properties are not allowed",
        ),
        (CHART, "1.31.1", "jupyterhub chart 4.4.0 has no hub.loadRoles"),
    ],
)
def test_the_pinned_one_is_refused_for_what_it_says(
    repository: Repository, files: dict[str, str], kubernetes: str, said: str
) -> None:
    with pytest.raises(RefusedError, match=re.escape(said)):
        check(pinned(repository, files), kubernetes)
