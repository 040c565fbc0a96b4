"""The form that a suspended run waits with: complete, safe against what services say, clear on what answers do."""

from __future__ import annotations

from datetime import UTC, datetime

from magnumhub.domain.approval import answered, not_accepted, question, refusal
from magnumhub.domain.errors import WaitingError

WAITING = WaitingError(
    "ssh to 192.0.2.1 timed out:\nlast word `no route`",
    addresses={"master": "192.0.2.1", "jupyterhub": "192.0.2.2"},
    ports={"master": [22], "jupyterhub": [80, 443]},
    request="To: support@example.org\n\nPlease open\n",
)


def test_the_form_says_why_which_addresses_what_to_send_and_what_answers_do() -> None:
    form = question("iris-cam", WAITING)

    assert form.startswith("# The firewall of iris-cam has to be opened\n")
    assert "| master | 192.0.2.1 | 22 |\n| jupyterhub | 192.0.2.2 | 80, 443 |\n" in form
    assert "```text\nTo: support@example.org\n\nPlease open\n```\n" in form
    assert "**granted**: the run goes on." in form
    assert "**not granted**: the run ends as failed." in form


def test_what_a_service_said_stays_one_line_of_code() -> None:
    assert "\nWhy now: `ssh to 192.0.2.1 timed out: last word 'no route'`\n" in question("iris-cam", WAITING)


def test_an_answer_that_was_none_is_said_field_by_field() -> None:
    problems = [{"loc": ("granted",), "msg": "Field required"}, {"loc": ("remark",), "msg": "Input should be a string"}]

    assert not_accepted(problems) == (
        "the last answer was not accepted (granted: Field required; remark: Input should be a string); "
        "please answer again"
    )


def test_a_refusal_says_what_was_kept_and_both_ways_on() -> None:
    error = refusal("iris-cam", WAITING.addresses, remark="ticket 4711")

    assert "the firewall of site iris-cam is not opened, by the answer that was given (ticket 4711). " in error.message
    assert "the reserved addresses (master 192.0.2.1, jupyterhub 192.0.2.2), the magnum_cluster" in error.message
    assert "start the flow again" in error.hint
    assert error.hint.endswith("magnumhub teardown iris-cam --confirm iris-cam --homes keep")
    assert "given. Kept" in refusal("iris-cam", WAITING.addresses, remark="").message


def test_an_answered_question_asks_nothing_any_more() -> None:
    at = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
    page = answered("iris-cam", WAITING.addresses, granted=True, remark="ticket `4711`\n# now", at=at)
    assert page.startswith("# The firewall of iris-cam: granted\n\nAnswered 2026-11-25 09:30 UTC. ")
    assert "Remark: `ticket '4711' # now`\n" in page
    assert "| jupyterhub | 192.0.2.2 |\n" in page
    assert "resume" not in page


def test_a_refused_question_says_what_stays() -> None:
    page = answered("iris-cam", {}, granted=False, remark="", at=datetime(2026, 11, 25, 9, 30, tzinfo=UTC))
    assert page.startswith("# The firewall of iris-cam: refused\n")
    assert "There was no remark." in page
    assert "The addresses stay reserved; whoever starts the flow again is asked again." in page
