"""What a run is called in lists of runs: what is done, and to which site."""

from __future__ import annotations

from pathlib import Path

from prefect.context import FlowRunContext


def run_name() -> str:
    """`provision iris`, `redeploy iris (dry run)`: of a site that was given as a path, its file's name."""
    context = FlowRunContext.get()
    assert context is not None and context.flow is not None, "Prefect asks for the name of a run that begins"
    parameters = context.parameters or {}
    return f"{context.flow.name} {Path(parameters['site']).stem}{' (dry run)' if parameters.get('dry_run') else ''}"
