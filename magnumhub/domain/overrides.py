"""What redeploys asked for lies over the site file, until the file itself says something new there.

A redeploy is asked for in a form or on a command line, and nobody edits a file. So what it was given is remembered
beside what the file said of the same field then: as long as the file still says that, the later word counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from magnumhub.domain.errors import InputError, Problem
from magnumhub.domain.redaction import secret_reference
from magnumhub.domain.results import Part, Result
from magnumhub.domain.spec import NEWEST, Site
from magnumhub.domain.spec_file import parse_site


class Override(Result):
    """One field's later word.

    path: of the field in the site file. value: what was asked for. over: what the file said then; None: nothing.
    """

    path: tuple[str, ...]
    value: Any
    over: Any = None


def overrides_asked(
    site: Site,
    *,
    chart_versions: Mapping[Part, str | None],
    values: Mapping[Part, Mapping[str, Any]],
    image: str | None,
) -> tuple[Override, ...]:
    """What a redeploy is asked for, beside what the site file says of the same fields.

    Args:
        chart_versions, values: by part; None and nothing leave a field as it is.
        image: NAME:TAG.

    Raises:
        InputError: the image has no tag, or a chart's version is none.
    """
    asked: dict[tuple[str, ...], Any] = {}
    for part, version in chart_versions.items():
        if version == NEWEST:
            raise InputError("no version is asked for", [Problem(f"{part} chart version", NEWEST, "such as 4.4.0")])
        if version is not None:
            asked[(part, "chart", "version")] = version
    if image is not None:
        asked |= _image(image)
    for part, given in values.items():
        asked |= dict(_leaves(given, (part, "values")))
    data = _plain(site)
    return tuple(Override(path=path, value=value, over=_at(data, path)) for path, value in asked.items())


def replaced(earlier: Iterable[Override], later: Sequence[Override]) -> tuple[Override, ...]:
    """All that was asked for, the later word for each field."""
    return tuple({override.path: override for override in (*earlier, *later)}.values())


def still_counting(site: Site, overrides: Iterable[Override]) -> tuple[Override, ...]:
    """Those whose fields the file has not said anew since; the others are over for good."""
    data = _plain(site)
    return tuple(override for override in overrides if _at(data, override.path) == override.over)


def laid_over(site: Site, overrides: Iterable[Override]) -> Site:
    """The site with what redeploys asked for; what the file has said anew since then counts again.

    Raises:
        InputError: together they are no site that can be; says every field.
    """
    data, still = _plain(site), still_counting(site, overrides)
    for override in still:
        data = _with(data, override.path, override.value)
    return parse_site(data) if still else site


def written(overrides: Iterable[Override]) -> str:
    """As it is kept; `read` is the way back."""
    return json.dumps([override.model_dump(mode="json") for override in overrides], sort_keys=True)


def read(text: str) -> tuple[Override, ...]:
    """What was kept."""
    return tuple(Override.model_validate(override) for override in json.loads(text))


def _image(image: str) -> dict[tuple[str, ...], str]:
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:
        raise InputError("the image cannot be used", [Problem("image", repr(image), "NAME:TAG")])
    return {("image", "name"): name, ("image", "tag"): tag}


def _plain(site: Site) -> dict[str, Any]:
    return site.model_dump(mode="json", by_alias=True)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value under its path: mappings are laid over one another key by key, everything else as a whole."""
    if not isinstance(value, Mapping) or secret_reference(value):
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(item, (*path, str(key)))


def _at(data: Any, path: Sequence[str]) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _with(data: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    below = data if isinstance(data, Mapping) else {}
    return {**below, path[0]: _with(below.get(path[0]), path[1:], value)}
