"""Label selectors in the query's notation: `app=hub,tier in (a,b),!old`, and what is wrong with one that is not."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.kube.errors import bad_request
from sandbox.kube.names import label_value_problems, qualified_name_problems

Labels = dict[str, str]
Term = Callable[[Labels], bool]
_TOKENS = re.compile(r"\s*(==|!=|[=!,()<>]|[^\s=!,()<>]+|$)")
_SIGNS = {"==", "!=", "=", "!", ",", "(", ")", "<", ">", ""}
_OPERATORS = {"in": "in", "notin": "notin", "=": "=", "==": "=", "!=": "!=", ">": "gt", "<": "lt"}


class _UnreadableError(Exception):
    """A requirement that cannot be understood."""


class _Parser:
    """Reads one selector from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKENS.findall(text.strip())
        self._place = 0

    def terms(self) -> list[Term]:
        """All requirements; StatusError 400 where one cannot be understood."""
        found: list[Term] = []
        while self._next:
            if self._next in _SIGNS - {"!"}:
                raise bad_request(f"found '{self._next}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except _UnreadableError as error:
                raise bad_request(f"unable to parse requirement: {error}") from error
            after = self._take()
            if after not in ("", ","):
                raise bad_request(f"found '{after}', expected: ',' or 'end of string'")
            if after == "," and self._next in _SIGNS - {"!"}:
                raise bad_request(f"found '{self._next}', expected: identifier after ','")
        return found

    @property
    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next
        self._place += 1
        return token

    def _requirement(self) -> Term:
        key = self._take()
        absent = key == "!"
        if absent:
            key = self._take()
        if key in _SIGNS:
            raise _UnreadableError(f"found '{key}', expected: identifier")
        _check("<nil>", key, qualified_name_problems(key))
        if absent:
            return lambda labels: key not in labels
        if self._next in ("", ","):
            return lambda labels: key in labels
        operator = self._take()
        if operator not in _OPERATORS:
            raise _UnreadableError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._values() if operator in ("in", "notin") else {self._value()}
        return _term(key, _OPERATORS[operator], values)

    def _value(self) -> str:
        if self._next in ("", ","):
            return ""
        token = self._take()
        if token in _SIGNS:
            raise _UnreadableError(f"found '{token}', expected: identifier")
        return token

    def _values(self) -> set[str]:
        if (sign := self._take()) != "(":
            raise _UnreadableError(f"found '{sign}' expected: '('")
        values = {self._listed()}
        while (sign := self._take()) == ",":
            values.add(self._listed())
        if sign != ")":
            raise _UnreadableError(f"found '{sign}', expected: ',' or ')'")
        return values

    def _listed(self) -> str:
        return "" if self._next in (",", ")") else self._take()


def _term(key: str, operator: str, values: set[str]) -> Term:
    if operator in ("gt", "lt"):
        return _compared(key, operator, values.pop())
    for value in sorted(values):
        _check(f"values[0][{key}]", value, label_value_problems(value))
    if operator in ("in", "="):
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def _compared(key: str, operator: str, value: str) -> Term:
    if not value.lstrip("-").isdigit():
        why = "for 'Gt', 'Lt' operators, the value must be an integer"
        raise _UnreadableError(f'values[0]: Invalid value: "{value}": {why}')
    limit = int(value)

    def compare(labels: Labels) -> bool:
        have = labels.get(key, "")
        if not have.lstrip("-").isdigit():
            return False
        return int(have) > limit if operator == "gt" else int(have) < limit

    return compare


def _check(field: str, value: str, problems: list[str]) -> None:
    if problems:
        raise _UnreadableError(f'{field}: Invalid value: "{value}": {"; ".join(problems)}')


def parse(text: str) -> list[Term]:
    """The requirements of a selector."""
    return _Parser(text).terms()
