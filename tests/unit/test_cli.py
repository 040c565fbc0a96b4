"""The command line answers at once: nothing slow is imported before a command needs it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from flows.cli import parser, was_stopped

SLOW = {"prefect", "openstack", "kubernetes", "fabric", "distributed", "numpy", "pydantic", "httpx", "rich"}


def test_help_imports_nothing_slow() -> None:
    program = (
        "import contextlib, io, json, sys\n"
        "import flows.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    flows.cli.main(['provision', '--help'])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not SLOW & set(json.loads(loaded))


def test_help_answers_within_a_second() -> None:
    started_s = time.monotonic()
    subprocess.run([sys.executable, "-m", "flows.cli", "--help"], check=True, capture_output=True)
    assert time.monotonic() - started_s < 1.0  # 0.1 s on a quiet machine


def test_a_signal_that_prefect_made_an_error_of_is_still_a_signal() -> None:
    class TerminationSignal(BaseException):
        """As Prefect's."""

    for signal in (TerminationSignal(), KeyboardInterrupt()):
        lost = ValueError("Task run is not set")
        lost.__context__ = signal
        assert was_stopped(signal)
        assert was_stopped(lost)
    assert not was_stopped(ValueError("Task run is not set"))


@pytest.mark.parametrize("option", ["--max-age-h", "--deadline-min"])
@pytest.mark.parametrize("number", ["0", "-1", "nan", "soon"])
def test_hours_and_minutes_are_numbers_above_0(option: str, number: str) -> None:
    with pytest.raises(SystemExit) as refused:
        parser().parse_args(["fleet", f"{option}={number}"])
    assert refused.value.code == 2
    assert parser().parse_args(["fleet", f"{option}=0.5"])
