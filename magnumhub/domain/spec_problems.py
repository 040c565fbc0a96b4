"""Words the problems of a site file: pydantic's errors become a field's path, what was given, what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from magnumhub.domain.errors import Problem
from magnumhub.domain.redaction import is_secret_key
from magnumhub.domain.spec import SecretRef, Site

_LONGEST_GIVEN = 80


def valid_parts(data: Mapping[str, Any], broken: set[str]) -> dict[str, Any]:
    """The top-level parts of a site that are right by themselves, so that rules between them can be judged already."""
    parts: dict[str, Any] = {}
    for name, field in Site.model_fields.items():
        if name in broken:
            continue
        if name in data:
            part: Any = Annotated[field.annotation, field]
            parts[name] = TypeAdapter(part).validate_python(data[name])
        else:
            parts[name] = field.get_default(call_default_factory=True, validated_data={})
    return parts


def problem_of(detail: ErrorDetails, data: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors as a person wants to read it; secrets are never shown."""
    path, field, models = _locate(detail["loc"])
    return Problem(".".join(path), _given(detail, path), _expected(detail, path, field, models))


def _locate(loc: Sequence[int | str]) -> tuple[list[str], FieldInfo | None, list[type[BaseModel]]]:
    """The path as the file has it (pydantic puts a union's tag in between), the field there, the models around it."""
    path: list[str] = []
    field: FieldInfo | None = None
    models: list[type[BaseModel]] = [Site]
    around = models
    for key in loc:
        tagged = [model for model in models if key in _tags(model)]
        if tagged and len(models) > 1:
            models = around = tagged
            continue
        path.append(str(key))
        around = models
        field = next((f for model in models for name, f in model.model_fields.items() if key in (name, f.alias)), field)
        if isinstance(key, str) and field is not None:
            models = list(_models_in(field.annotation))
    return path, field, around


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _given(detail: ErrorDetails, path: Sequence[str]) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return "nothing"
    if kind in ("extra_forbidden", "invalid_key"):
        return "an unknown key"
    if any(is_secret_key(key) for key in path) and value is not None:
        return "something that is not shown, as it may be a secret"
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(str(key) for key in value) + "}"
    text = repr(value)
    return text if len(text) <= _LONGEST_GIVEN else text[:_LONGEST_GIVEN] + "…"


def _expected(
    detail: ErrorDetails, path: Sequence[str], field: FieldInfo | None, models: Sequence[type[BaseModel]]
) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    about = f" ({field.description})" if field is not None and field.description else ""
    if kind == "expected":
        return str(context["words"])
    if kind in ("extra_forbidden", "invalid_key"):
        return _known_keys(path[-1], models)
    if kind.startswith("model_") and field is not None and SecretRef in _models_in(field.annotation):
        return f"{{env: NAME}}, {{file: PATH}} or {{block: NAME}}{about}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = [tag for model in _models_in(field.annotation if field else None) for tag in _tags(model)]
        return "kind: one of " + ", ".join(str(tag) for tag in tags)
    words = {
        "missing": "this key",
        "literal_error": f"one of {context.get('expected', '')}",
        "int_type": "a whole number, without quotes and unit",
        "float_type": "a number, without quotes and unit",
        "string_type": "text; put numbers in quotes",
        "greater_than": f"more than {context.get('gt')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "less_than_equal": f"at most {context.get('le')}",
        "dict_type": "keys and values",
        "tuple_type": "a list",
        "model_type": "keys and values",
        "model_attributes_type": "keys and values",
    }.get(kind)
    return (words or detail["msg"][:1].lower() + detail["msg"][1:]) + about


def _known_keys(key: str, models: Sequence[type[BaseModel]]) -> str:
    known = [field.alias or name for model in models for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"{close[0]}, perhaps"
    if known == ["kind"]:
        return f"no other key, as the kind is {_tags(models[0])[0]}"
    return f"one of {', '.join(dict.fromkeys(known))}"
