"""The parts of the computation's program that need no Dask."""

from __future__ import annotations

import threading

import pytest

from magnumhub.services.dask_program import described, within


def test_a_failure_is_told_with_its_causes() -> None:
    error = RuntimeError("Error during  deserialization")
    error.__cause__ = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    assert described("compute", error) == {
        "phase": "compute",
        "kind": "RuntimeError",
        "text": "Error during deserialization; because: No module named 'numpy'",
        "missing": "numpy",
    }


def test_a_part_that_is_missing_is_another_version_and_no_missing_package() -> None:
    error = ModuleNotFoundError("No module named 'numpy._core.numeric'", name="numpy._core.numeric")
    assert described("compute", error)["missing"] == ""


def test_a_call_that_never_returns_is_left_alone() -> None:
    with pytest.raises(TimeoutError, match="status: no answer within 0 s"):
        within(0.05, "status", threading.Event().wait)


def test_a_calls_own_error_comes_through() -> None:
    with pytest.raises(KeyError, match="gone"):
        within(5, "status", {}.__getitem__, "gone")
