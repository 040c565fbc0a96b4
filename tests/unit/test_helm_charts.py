from __future__ import annotations

import io
import json
import tarfile
from typing import Any

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
    assert chart.refused({"any": "thing"}) == []
    assert [document["kind"] for document in chart.crds()] == ["A1", "A2", "B"]


def test_a_chart_may_have_little() -> None:
    chart = read_archive(packed({"hub/Chart.yaml": "name: hub\nversion: 0.9.0\n"}))
    assert (chart.app_version, chart.refused({"a": 1}), chart.crds()) == (None, [], [])


def test_a_version_without_quotation_marks_is_text_too() -> None:
    chart = read_archive(packed({"hub/Chart.yaml": "name: hub\nversion: 4.4.0\nappVersion: 5.5\nkubeVersion: 1.28\n"}))

    assert (chart.app_version, chart.kube_version) == ("5.5", "1.28")


SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["hub"],
    "additionalProperties": False,
    "properties": {
        "hub": {
            "type": "object",
            "required": ["tag"],
            "additionalProperties": False,
            "properties": {
                "tag": {"type": "string"},
                "token": {"type": "string", "pattern": "^[0-9a-f]+$"},
                "size": {"type": "integer"},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, []),
        ({"hub": {"size": 3}}, []),
        ({"hub": {"size": "s3cr3t"}}, ['hub.size: expected type "integer"']),
        ({"hub": {"token": "s3cr3t"}}, ['hub.token: expected pattern "^[0-9a-f]+$"']),
        ({"hub": {"tagg": "x"}}, ["hub: Additional properties are not allowed ('tagg' was unexpected)"]),
        ({"hub": {"tag": None}}, ["hub: 'tag' is a required property"]),
    ],
)
def test_a_schema_refuses_by_key_and_tells_no_value(values: dict[str, Any], told: list[str]) -> None:
    files = {
        "hub/Chart.yaml": "name: hub\nversion: 4.4.0\n",
        "hub/values.yaml": "hub: {tag: '1'}\n",
        "hub/values.schema.json": json.dumps(SCHEMA),
    }
    assert read_archive(packed(files)).refused(values) == told


WHOLE = packed({"hub/Chart.yaml": "name: hub\nversion: 4.4.0\n", "hub/values.yaml": "hub: {tag: '1'}\n" * 9})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<html>not found</html>", "Not a gzipped file"),
        (packed({"readme": "no chart"}), "it has no Chart.yaml"),
        (packed({"hub/Chart.yaml": "version: 4.4.0\n"}), "'name'"),
        (b"", "it has no Chart.yaml|empty file"),
        *((WHOLE[:length], "ended before the end-of-stream marker") for length in (12, 60, len(WHOLE) - 1)),
        (WHOLE[:-8] + bytes([WHOLE[-8] ^ 1]) + WHOLE[-7:], "CRC check failed"),
    ],
    ids=["a page", "no chart", "no name", "nothing", "a head", "a part", "all but a byte", "a wrong sum"],
)
def test_something_else_or_less_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(RefusedError, match=f"no packed Helm chart: .*(?:{why})"):
        read_archive(content)


def test_inputs_are_opened_then_removed_before_the_command() -> None:
    line = with_inputs("helm -f '{values}'", {"values": "in/a b"})
    assert line == "exec 4<'in/a b' && rm -f 'in/a b' && helm -f '/dev/fd/4'"


def test_a_job_has_a_name_that_is_a_folder() -> None:
    assert job_name("helm", "jhub", "../x y") == "helm.jhub.---x-y"
