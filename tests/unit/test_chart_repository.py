"""Charts from a repository of this test's own: over HTTP, with whatever index it has."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.charts import fetch, versions
from tests.unit.test_helm_charts import packed

CHART = packed({"hub/Chart.yaml": "name: hub\nversion: 4.4.0\n"})
ENTRY = {"version": "4.4.0", "digest": hashlib.sha256(CHART).hexdigest(), "urls": ["hub.tgz"]}


class Repository:
    """index: what it offers. chart: every archive of it. asked: the paths that were asked for, in order."""

    def __init__(self) -> None:
        self.index: Any = {"entries": {"hub": [ENTRY]}}
        self.chart = CHART
        self.asked: list[str] = []
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                body = repository.chart if self.path.endswith(".tgz") else json.dumps(repository.index).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def repository() -> Iterator[Repository]:
    started = Repository()
    thread = threading.Thread(target=started.server.serve_forever, args=(0.05,))
    thread.start()
    yield started
    started.server.shutdown()
    thread.join()
    started.server.server_close()


def test_the_index_and_each_chart_are_asked_for_once(repository: Repository, tmp_path: Path) -> None:
    assert [offered.version for offered in versions(repository.url, "hub", timeout_s=5)] == ["4.4.0"]
    for _ in range(2):
        assert fetch(repository.url, "hub", "4.4.0", timeout_s=5, cache=tmp_path).content == CHART
    assert repository.asked == ["/index.yaml", "/hub.tgz"]
    assert [path.name for path in tmp_path.iterdir()] == [f"{ENTRY['digest']}.tgz"]


def test_a_chart_without_a_digest_is_not_taken(repository: Repository, tmp_path: Path) -> None:
    repository.index = {"entries": {"hub": [{**ENTRY, "digest": None}]}}
    with pytest.raises(RefusedError, match=r"no digest for hub 4\.4\.0"):
        fetch(repository.url, "hub", "4.4.0", timeout_s=5, cache=tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        ["nothing"],
        {},
        {"entries": {"hub": [{"version": "4.4.0", "urls": []}]}},
        {"entries": {"hub": [{"urls": ["a"]}]}},
    ],
)
def test_what_is_no_index_is_refused(repository: Repository, index: Any) -> None:
    repository.index = index
    with pytest.raises(RefusedError, match="no index of a Helm repository"):
        versions(repository.url, "hub", timeout_s=5)
