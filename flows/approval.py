"""Where a person has to open the firewall: a run of a deployment is suspended until it is answered, a command ends.

Prefect begins a resumed flow from its top, so there is no loop to be seen here: each answer is heeded by the next
process, at the same line, and whatever then waits for a person again is the next question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from magnumhub.domain.approval import not_accepted, refusal
from magnumhub.domain.errors import WaitingError
from magnumhub.domain.results import Addresses, FloatingIP, Report
from magnumhub.domain.spec import Site
from tasks.approval import can_suspend, last_answer, no_longer_waits, suspend, tell_answer, tell_waiting
from tasks.network import by_role, forget_asked, mark_asked, request_ingress
from tasks.progress import stage


@contextmanager
def asking(site: Site) -> Iterator[None]:
    """Around what may find out that a person has to act: put the question once nothing is held or in flight any more.

    Safe to repeat: addresses that were asked for are marked so before the run waits, so that another run of the site
    does not ask again: it tries them.

    Raises:
        WaitingError: this run is no deployment's, so that it ends with the request's text (exit code 4).
    """
    no_longer_waits()  # a run that was resumed begins here
    try:
        yield
    except WaitingError as waiting:
        if not can_suspend():
            mark_asked(site, waiting.addresses)
            raise
        tell_waiting(site, waiting)
        mark_asked(site, waiting.addresses)
        suspend(site, waiting)


def await_ingress(site: Site, addresses: Addresses | Mapping[str, FloatingIP]) -> None:
    """Have the firewall opened for addresses that were never asked for, and heed what was answered.

    Safe to repeat: an answered question is not put again. An answer does not open a firewall: that is proven when the
    address is used (`tasks.network.proving_open`).

    Args:
        addresses: those that have to be reachable from outside.

    Raises:
        RefusedError: the answer was no; says what was kept.
        WaitingError: they have to be asked for, which `asking` does.
    """
    if site.network.ingress.approval == "open":
        return
    with stage("ingress") as report:
        again = _heed_answer(site, addresses, report.remark) if can_suspend() else ""
        if waiting := request_ingress(site, addresses, again=again):
            raise waiting


def _heed_answer(site: Site, addresses: Addresses | Mapping[str, FloatingIP], report: Report) -> str:
    """Go on from the last answer, where there is one; returns why it has to be given again."""
    try:
        answer = last_answer()
    except ValidationError as error:
        return not_accepted(error.errors())
    if answer is None:
        return ""
    reserved = {role: ip.address for role, ip in by_role(addresses).items()}
    tell_answer(site, reserved, answer)
    if not answer.granted:
        forget_asked(site)  # whoever starts the flow again is asked again
        raise refusal(site.name, reserved, answer.remark)
    report(f"the firewall is said to be open{f' ({answer.remark})' if answer.remark else ''}")
    return ""
