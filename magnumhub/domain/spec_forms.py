"""Forms of text in a site file: a pattern, and the words a person is told when the text has another form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

BLOCK_PREFIX = "block:"
"""What a site says before the name of a Prefect block, where a block may stand for something of the runner's own."""

NEWEST = "newest-compatible"
"""A chart version that is resolved at the first install and kept."""


@dataclass(frozen=True)
class Matching:
    """Text of one form; `expected` is what a person is told when it has another."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise expected(self.expected)
        return value


@dataclass(frozen=True)
class OneOf:
    """Several types under one sentence, where a message per type would only confuse."""

    expected: str

    def __call__(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise expected(self.expected) from error


def expected(words: str) -> PydanticCustomError:
    """The error whose message is what would be right, as spec_file.py tells it."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise expected("a time zone such as Europe/London or UTC") from error
    return value


_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(_CRON_RANGES):
        raise expected("five fields, minute hour day month weekday, such as 0 4 * * *")
    for field, (low, high) in zip(fields, _CRON_RANGES, strict=True):
        for part in field.split(","):
            match = _CRON_PART.fullmatch(part)
            numbers = [int(number) for number in match.groups()[:2] if number] if match else [-1]
            if any(not low <= number <= high for number in numbers) or numbers != sorted(numbers):
                raise expected(
                    f"numbers from {low} to {high}, *, ranges or steps instead of {part!r}, such as 0 4 * * *"
                )
    return value


_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"

Text = Annotated[StrictStr, Matching(r"\S(?:[\s\S]*\S)?", "text that is not empty")]
SiteName = Annotated[
    StrictStr,
    Matching(
        r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?",
        "lowercase letters, digits and dashes, a letter first, at most 40 characters",
    ),
]
Namespace = Annotated[StrictStr, Matching(_DNS_LABEL, "lowercase letters, digits and dashes, at most 63 characters")]
Hostname = Annotated[
    StrictStr,
    Matching(
        rf"(?=.*[a-z]){_DNS_LABEL}(?:\.{_DNS_LABEL})+", "a full host name such as hub.example.org, without https://"
    ),
]
Url = Annotated[StrictStr, Matching(r"https?://[^\s/]+\S*", "an address that begins with https:// or http://")]
OptionalAddress = Annotated[
    StrictStr, Matching(rf"auto|none|{_ADDRESS}", "auto, none, or an IPv4 address like 192.0.2.10")
]
ChartVersion = Annotated[
    StrictStr,
    Matching(
        rf"{NEWEST}|v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?", f"{NEWEST}, or a version of the chart such as 4.4.0"
    ),
]
Sha256 = Annotated[StrictStr, Matching(r"[0-9a-f]{64}", "64 hexadecimal digits, in lower case")]
JumpHost = Annotated[
    StrictStr, Matching(r"(?:[^\s@:]+@)?[^\s@:]+(?::\d{1,5})?", "[user@]host[:port], such as me@gate.example.org:22")
]
Cron = Annotated[StrictStr, AfterValidator(_cron)]
TimeZone = Annotated[StrictStr, AfterValidator(_time_zone)]
Allow = Annotated[Literal["all"] | tuple[Text, ...], WrapValidator(OneOf("all, or a list of user names"))]
LabelValue = Annotated[
    StrictStr | StrictBool | StrictInt,
    WrapValidator(OneOf('text, a whole number, true or false; a version such as 1.10 in quotes: "1.10"')),
]
Limit = Annotated[StrictInt, Field(ge=1, le=86400)]


def block_name(said: str | None) -> str | None:
    """NAME where block:NAME is said; None where it is anything else."""
    return said.removeprefix(BLOCK_PREFIX) if said is not None and said.startswith(BLOCK_PREFIX) else None
