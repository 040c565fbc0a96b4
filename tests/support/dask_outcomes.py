"""Computations on Dask as they end, for tests that judge them."""

from __future__ import annotations

from typing import Any

from magnumhub.domain.dask_outcome import DaskOutcome, Failure
from magnumhub.domain.findings import Finding

IMAGE = "pangeo/pangeo-notebook:2026.10.02"
PHASES = (
    "gateway",
    "sweep",
    "submit",
    "scheduler",
    "connect",
    "workers",
    "versions",
    "compute",
    "known sum",
    "shutdown",
)


def outcome(**different: Any) -> DaskOutcome:
    """A good run on 5 workers, 1 second a phase, with what is different."""
    good = {
        "origin": "notebook",
        "asked": 5,
        "required": 1,
        "workers": 5,
        "array_size": 10000,
        "chunk": 500,
        "phases": dict.fromkeys(PHASES, 1.0),
        "cleared": True,
        "mean": 3e-5,
        "sum": 12499997500000,
        "expected_sum": 12499997500000,
    }
    return DaskOutcome.model_validate(good | different)


def failed(phase: str, kind: str = "TimeoutError", text: str = "late", missing: str = "") -> Failure:
    """How a computation ended in one phase."""
    return Failure(phase=phase, kind=kind, text=text, missing=missing)


def seen(findings: list[Finding]) -> list[tuple[str, str, str]]:
    """Check, level and category of each."""
    return [(finding.check, finding.level, finding.category.value) for finding in findings]
