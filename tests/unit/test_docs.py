"""What the documents tell people to type is there: commands, options, files, links."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from flows.cli import parser as magnumhub_parser
from magnumhub.domain.checks.causes import CAUSAL_ORDER
from magnumhub.domain.findings import Category
from sandbox.__main__ import parser as sandbox_parser
from sandbox.control import apply
from sandbox.faults import Faults
from sandbox.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
# Prefect's own commands are run, as README has them, by tests/e2e/test_provision.py.
NOT_OURS = {"export", "prefect", "kubectl", "helm", "git", "cd", "ssh"}


def _commands() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", document.read_text(), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    yield document.name, line.strip()


def _in_backticks() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        prose = re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.M | re.S)
        for quoted in sorted(set(re.findall(r"`([^`\n]+)`", prose))):
            yield document.name, quoted


def _knows(words: list[str]) -> None:
    program, arguments = Path(words[0]).name, words[1:]
    if program == "make":
        assert set(arguments) - {word for word in arguments if "=" in word} <= TARGETS
    elif program == "magnumhub" and arguments[0] == "sandbox":
        sandbox_parser().parse_args(arguments[1:])
    elif program == "magnumhub":
        magnumhub_parser().parse_args(arguments)
    elif program == "curl":
        (path,) = (word.rpartition("/")[2] for word in arguments if word.startswith("$CONTROL/"))
        assert path in {"state", "faults", "reset"}
        if path == "faults":
            apply(Faults(), json.loads(arguments[arguments.index("-d") + 1]))
    elif program == "python" and arguments[0] == "-m":
        assert find_spec(arguments[1])
    else:
        assert program in NOT_OURS


@pytest.mark.parametrize(("document", "command"), list(_commands()))
def test_command_is_known(document: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    try:
        _knows(words)
    except SystemExit:
        pytest.fail(f"{document}: the parser refuses {command!r}")


@pytest.mark.parametrize(("document", "quoted"), list(_in_backticks()))
def test_named_commands_and_files_are_there(document: str, quoted: str) -> None:
    if match := re.match(r"make ([a-z0-9-]+)", quoted):
        assert match[1] in TARGETS, document
    if (
        re.fullmatch(r"[\w.-]+(/[\w.*-]+)+/?|[A-Z]+\.md|prefect\.yaml|pyproject\.toml", quoted)
        and "iris-cam" not in quoted
        and not quoted.startswith("../")  # what may be beside a checkout
    ):
        folders = (ROOT, ROOT / "magnumhub")
        assert any(list(folder.glob(quoted.rstrip("/"))) for folder in folders), f"{document}: {quoted} is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert target.startswith("http") or (document.parent / target).exists(), target


def test_every_scenario_is_described() -> None:
    told = (ROOT / "docs/sandbox.md").read_text().partition("| Scenario |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)`", told, re.M) == list(SCENARIOS)


def test_every_check_and_category_is_described() -> None:
    told = (ROOT / "docs/health.md").read_text()
    checks, categories = (told.partition(f"| {head} |")[2].partition("\n\n")[0] for head in ("Check", "Category"))
    assert re.findall(r"^\| `([a-z_]+)`", checks, re.M) == list(CAUSAL_ORDER)
    assert re.findall(r"^\| `([a-z_]+)`", categories, re.M) == [category.value for category in Category]
