"""Reads a site file and tells everything that is wrong with it at once, in words of the site and not of a library.

YAML is read as YAML 1.2: `off`, `no` and dates are text, as whoever writes `kind: off` or `tag: 2026-10-02` means them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import TypeAdapter, ValidationError

from magnumhub.domain.errors import InputError, Problem
from magnumhub.domain.spec import Site
from magnumhub.domain.spec_forms import SiteName
from magnumhub.domain.spec_problems import problem_of, valid_parts
from magnumhub.domain.spec_rules import contradictions

_SITES_DIR = "deployments/sites"


class _Yaml12(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema."""


_Yaml12.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def default_sites_dir() -> Path:
    """The folder of the site files: deployments/sites, or the one that the variable MAGNUMHUB_SITES names."""
    return Path(os.environ.get("MAGNUMHUB_SITES") or _SITES_DIR)


def load_site(name_or_path: str | Path, sites_dir: Path | None = None) -> Site:
    """The site of that name, or of that file.

    Safe to repeat: reads one file, calls nothing.

    Args:
        name_or_path: a name means sites_dir/NAME.yaml; anything with a slash or ending in .yaml or .yml is a path.
        sites_dir: the folder of the site files; else the default one.

    Raises:
        InputError: every problem of the file, each with its field, what was given and what would be right.
    """
    sites_dir = sites_dir or default_sites_dir()
    path = _path_of(name_or_path, sites_dir)
    data, problems = _read(path, sites_dir)
    stem = path.stem if path.resolve().parent == sites_dir.resolve() else None
    return _judged(data, problems, stem=stem, source=str(path))


def parse_site(data: Mapping[str, Any]) -> Site:
    """The site that a mapping describes, under the same rules as a file.

    Raises:
        InputError: every problem, as for a file.
    """
    return _judged(data, [], stem=None, source="the site")


def check_site_name(name: str) -> None:
    """Hold a new site's name against what a site may be called.

    Raises:
        InputError: it has another form.
    """
    try:
        TypeAdapter(SiteName).validate_python(name)
    except ValidationError as error:
        raise InputError(
            "no site can have this name", [Problem("name", repr(name), error.errors()[0]["msg"])]
        ) from error


def site_names(sites_dir: Path | None = None) -> list[str]:
    """The names of all site files, in order."""
    return sorted(path.stem for path in (sites_dir or default_sites_dir()).glob("*.yaml"))


def _judged(data: Mapping[str, Any], problems: list[Problem], *, stem: str | None, source: str) -> Site:
    site: Site | None = None
    broken: set[str] = set()
    try:
        site = Site.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        broken = {str(detail["loc"][0]) for detail in details if detail["loc"]}
        problems = problems + [problem_of(detail, data) for detail in details]
    problems = problems + list(contradictions(valid_parts(data, broken)))
    if stem is not None and "name" not in broken and data["name"] != stem:
        problems.append(Problem("name", repr(data["name"]), f"{stem!r}, the file's name without .yaml"))
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError(f"{source} has {count}", problems)
    return cast(Site, site)


def _path_of(name_or_path: str | Path, sites_dir: Path) -> Path:
    text = str(name_or_path)
    is_path = isinstance(name_or_path, Path) or "/" in text or text.endswith((".yaml", ".yml"))
    return Path(text).expanduser() if is_path else sites_dir / f"{text}.yaml"


def _read(path: Path, sites_dir: Path) -> tuple[Mapping[str, Any], list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(site_names(sites_dir)) or f"none yet in {sites_dir}"
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problem = Problem("site", f"{path} ({reason})", f"the path of a site file, or a name ({known})")
        raise InputError(f"the site file {path} cannot be read", [problem]) from error
    loader = _Yaml12(text)
    try:
        node = loader.get_single_node()
        problems = list(_duplicates(node, ())) if node else []
        data = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML", [_syntax_problem(error)]) from error
    finally:
        loader.dispose()
    if not isinstance(data, Mapping):
        problem = Problem("site", "nothing" if data is None else type(data).__name__, "keys and values: name, cloud, …")
        raise InputError(f"{path} holds no site", [problem])
    return data, problems


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
    said = getattr(error, "problem", None) or str(error)
    return Problem(where, said, "YAML: `key: value` lines, indented with blanks, quotes and brackets closed")


def _duplicates(node: yaml.Node, path: tuple[str, ...], seen: frozenset[int] = frozenset()) -> Iterator[Problem]:
    if id(node) in seen:
        raise yaml.composer.ComposerError(None, None, "an anchor contains itself", node.start_mark)
    seen = seen | {id(node)}
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicates(item, (*path, str(index)), seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, item in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines and name != "<<":
                given = f"twice, in lines {lines[name]} and {line}"
                yield Problem(".".join((*path, name)), given, "each key once; the last one would win in silence")
            lines[name] = line
            yield from _duplicates(item, (*path, name), seen)
