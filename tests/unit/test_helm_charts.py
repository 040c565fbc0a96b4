from __future__ import annotations

import io
import tarfile

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.charts import read_archive
from magnumhub.remote.jobs import job_name, with_inputs


def packed(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def test_everything_is_read_from_the_archive_itself() -> None:
    chart = read_archive(
        packed(
            {
                "hub/Chart.yaml": "name: hub\nversion: 4.4.0\nappVersion: 5.5.0\nkubeVersion: '>=1.28.0-0'\n",
                "hub/values.yaml": "proxy: {service: {type: LoadBalancer}}\n",
                "hub/values.schema.json": '{"type": "object"}',
                "hub/crds/b.yaml": "kind: B\n",
                "hub/crds/a.yaml": "kind: A1\n---\n---\nkind: A2\n",
                "hub/charts/inner/Chart.yaml": "name: inner\nversion: 0.1.0\n",
            }
        )
    )
    assert (chart.name, chart.version, chart.app_version, chart.kube_version) == ("hub", "4.4.0", "5.5.0", ">=1.28.0-0")
    assert chart.schema() == {"type": "object"}
    assert [document["kind"] for document in chart.crds()] == ["A1", "A2", "B"]


def test_a_chart_may_have_little() -> None:
    chart = read_archive(packed({"hub/Chart.yaml": "name: hub\nversion: 0.9.0\n"}))
    assert (chart.app_version, chart.schema(), chart.crds()) == (None, None, [])


@pytest.mark.parametrize("content", [b"<html>not found</html>", packed({"readme": "no chart"})])
def test_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError, match="no packed Helm chart"):
        read_archive(content)


def test_inputs_are_opened_then_removed_before_the_command() -> None:
    line = with_inputs("helm -f '{values}'", {"values": "in/a b"})
    assert line == "exec 4<'in/a b' && rm -f 'in/a b' && helm -f '/dev/fd/4'"


def test_a_job_has_a_name_that_is_a_folder() -> None:
    assert job_name("helm", "jhub", "../x y") == "helm.jhub.---x-y"
