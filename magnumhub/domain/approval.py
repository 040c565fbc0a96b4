"""What a person reads who is asked to have a firewall opened, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from magnumhub.domain.errors import RefusedError, WaitingError


def question(site: str, waiting: WaitingError) -> str:
    """The page of the form and of the artifact, as Markdown: what to do, the request to send, what each answer does."""
    return (
        f"# The firewall of {site} has to be opened\n\n"
        f"{_quoted('Why now', waiting.message)}\n\n"
        f"{_table(waiting.addresses, waiting.ports)}\n\n"
        f"1. Send this request:\n\n```text\n{waiting.request.rstrip()}\n```\n\n"
        "2. When it is answered, resume this run with the answer.\n\n"
        "**granted**: the run goes on. Whether addresses are open is found out by trying: it asks again for one that is"
        " still closed.\n\n"
        "**not granted**: the run ends as failed. The addresses stay reserved, and the cluster stays as it is.\n"
    )


def answered(site: str, addresses: Mapping[str, str], *, granted: bool, remark: str, at: datetime) -> str:
    """The page that replaces the question once it is answered: nothing is asked of anybody any more.

    Args:
        addresses: role to floating IP, those that the question was about.
        remark: what was written beside the answer.
        at: when the run went on with it.
    """
    told = "granted" if granted else "refused"
    goes_on = (
        "The run went on. An address that is still closed when it is used is asked for again."
        if granted
        else "The run ended. The addresses stay reserved; whoever starts the flow again is asked again."
    )
    rows = "\n".join(f"| {role} | {address} |" for role, address in addresses.items())
    return (
        f"# The firewall of {site}: {told}\n\n"
        f"Answered {at:%Y-%m-%d %H:%M %Z}. {_quoted('Remark', remark) if remark else 'There was no remark.'}\n\n"
        f"{goes_on} The request is in the version of this artifact before this one.\n\n"
        f"| for | address |\n|---|---|\n{rows}\n"
    )


def not_accepted(problems: Iterable[Mapping[str, object]]) -> str:
    """Why an answer asks again.

    Args:
        problems: as Pydantic tells them (`loc`, `msg`).
    """
    told = [f"{_field(problem['loc'])}: {problem['msg']}" for problem in problems]
    return f"the last answer was not accepted ({'; '.join(told)}); please answer again"


def refusal(site: str, addresses: Mapping[str, str], remark: str) -> RefusedError:
    """How a run ends whose firewall is not opened: what was kept, and both ways on.

    Args:
        addresses: role to floating IP, all that are reserved.
        remark: what was written beside the answer.
    """
    kept = ", ".join(f"{role} {address}" for role, address in addresses.items())
    return RefusedError(
        f"the firewall of site {site} is not opened, by the answer that was given{f' ({remark})' if remark else ''}. "
        f"Kept as they are: the reserved addresses ({kept or 'no new ones'}), "
        f"the magnum_cluster {site} and what runs on it",
        "to ask anew, start the flow again; to give up a site that nobody uses:"
        f" magnumhub teardown {site} --confirm {site} --homes keep",
    )


def _table(addresses: Mapping[str, str], ports: Mapping[str, Sequence[int]]) -> str:
    rows = [
        f"| {role} | {address} | {', '.join(str(port) for port in ports[role])} |"
        for role, address in addresses.items()
    ]
    return "\n".join(["| for | address | TCP ports |", "|---|---|---|", *rows])


def _quoted(label: str, text: str) -> str:
    # Messages quote services; as a line of code none of it is taken for Markdown.
    return f"{label}: `{' '.join(text.replace('`', chr(39)).split())}`"


def _field(loc: object) -> str:
    return ".".join(str(part) for part in loc) if isinstance(loc, (tuple, list)) else str(loc)
