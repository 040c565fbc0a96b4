"""A first site file: written after a look at the cloud, filled in by a person, planned."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from magnumhub.domain.errors import InputError
from magnumhub.domain.spec_file import load_site
from tests.support.sandbox import Sandbox


@pytest.mark.parametrize(("cloud", "ready_made"), [("sandbox", "heat"), ("sandbox-capi", "capi")])
def test_init_then_fill_in_then_plan(sandbox: Sandbox, tmp_path: Path, cloud: str, ready_made: str) -> None:
    before = sandbox.mutations()
    ran = sandbox.magnumhub("init", "my-lab", "--cloud", cloud, "--directory", tmp_path)
    assert ran.exit_code == 0, ran.stderr
    file = tmp_path / "my-lab.yaml"
    assert str(file) in ran.stdout
    with pytest.raises(InputError) as refused:
        load_site(file)
    assert {problem.field for problem in refused.value.problems} == {"helm.sha256", "image.tag"}

    draft, ready = yaml.safe_load(file.read_text()), yaml.safe_load(sandbox.site(ready_made).read_text())
    draft["image"]["tag"] = ready["image"]["tag"]
    draft |= {part: ready[part] for part in ("helm", "access", "jupyterhub", "dask_gateway", "health")}
    file.write_text(yaml.safe_dump(draft))
    planned = sandbox.magnumhub("plan", file, "--json", "--exit-code")
    assert planned.exit_code == 5, planned.stdout + planned.stderr
    actions = {change["resource"]: change["action"] for change in planned.document["changes"]}
    assert set(actions.values()) == {"create"}
    assert sandbox.mutations() == before


def test_init_refuses_what_it_is_told_before_any_call(sandbox: Sandbox, tmp_path: Path) -> None:
    ran = sandbox.magnumhub("init", "My_Lab", "--cloud", "nowhere", "--directory", tmp_path)
    assert ran.exit_code == 2
    assert "lowercase letters, digits and dashes" in ran.stderr
    file = tmp_path / "my-lab.yaml"
    file.write_text("name: my-lab\n")
    ran = sandbox.magnumhub("init", "my-lab", "--cloud", "nowhere", "--directory", tmp_path)
    assert ran.exit_code == 2
    assert file.read_text() == "name: my-lab\n", "never written over"
