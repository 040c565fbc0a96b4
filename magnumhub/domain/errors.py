"""The errors of the product: each says what happened, where, what the service said, and what to do.

One base class carries the remedy; `transient` tells the retry policy whether trying again can help. Adapters raise
these `from` the client library's own error, so that nobody above them needs to know which library that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class MagnumhubError(Exception):
    """Something that stops a stage.

    Args:
        message: what happened, where, and what the service itself said.
        hint: what the reader should do now; empty when the message says it all.
    """

    transient: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions between processes; subclasses with other constructors keep their fields this way.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[MagnumhubError], state: dict[str, object]) -> MagnumhubError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["message"],)
    return error


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where, what was given, what would be right."""

    field: str
    given: str
    expected: str


class InputError(MagnumhubError):
    """The input is wrong, told from the file and the arguments alone; no call was made (exit code 2)."""

    def __init__(self, message: str, problems: Sequence[Problem], hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"  {p.field}: {p.given}; expected {p.expected}" for p in self.problems]
        return "\n".join([super().__str__(), *lines])


class RefusedError(MagnumhubError):
    """The service or our own rules said no; asking again changes nothing until somebody acts on the hint."""


class PreflightError(RefusedError):
    """The cloud is not ready for this site: every problem at once (what it is about, what was seen, what to do)."""

    def __init__(self, summary: str, problems: Sequence[Problem]) -> None:
        seen = "; ".join(p.given for p in problems)
        super().__init__(f"{summary}: {seen}", " ".join(p.expected for p in problems))
        self.summary = summary
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"  {p.field}: {p.given}\n    -> {p.expected}" for p in self.problems]
        return "\n".join([self.summary, *lines])


class NotOursError(RefusedError):
    """A thing of that name exists and does not carry the site's mark; it is never touched."""


class StalePlanError(RefusedError):
    """Between plan and act somebody else changed what the plan was made on.

    Args:
        resource: the row's.
        planned, now: the action that was planned, and the one that would be needed now.
    """

    def __init__(self, resource: str, *, planned: str, now: str) -> None:
        what = f"to {planned} it" if planned != now else f"to {now} it as it was then"
        super().__init__(
            f"{resource} has changed since the plan was made, which was {what}; now the run would have to {now} it",
            "run again: a new plan is made from what is there now",
        )


class AuthenticationError(RefusedError):
    """The credentials were not accepted, or may not do what is asked."""


class ServiceError(MagnumhubError):
    """A service answered with an error of its own that trying again does not mend."""


class TransientError(MagnumhubError):
    """A service did not answer, or answered that it is busy; the same request may succeed later."""

    transient: ClassVar[bool] = True


class DeadlineError(MagnumhubError):
    """What was waited for did not come within its limit; the message has the last thing that was seen."""


class BusyError(DeadlineError):
    """Another run works on the site and did not end while it was waited for; the message says which."""


class FailedError(MagnumhubError):
    """What was asked for was tried by the service and failed (CREATE_FAILED, a failed release); the reason is the
    service's."""


class WaitingError(MagnumhubError):
    """A person must act before the run can go on (exit code 4).

    Args:
        addresses: role to address.
        ports: role to the TCP ports that must be reachable.
        request: the ready-written text for the cloud's support.
    """

    def __init__(self, message: str, *, addresses: dict[str, str], ports: dict[str, list[int]], request: str) -> None:
        super().__init__(message, "send the request, then run the same command again")
        self.addresses = addresses
        self.ports = ports
        self.request = request
