"""What is around the flows on a Prefect server: deployments, schedules, automations, and the processes themselves."""

from __future__ import annotations

from pathlib import Path

from magnumhub.domain.errors import RefusedError

DEPLOYMENTS = Path("prefect.yaml")
WORK_POOL = "magnumhub"
"""Of every deployment in it."""


def refuse_other_folder() -> None:
    """Stop where there is no prefect.yaml: deployed runs work in the folder that they were deployed from.

    Raises:
        RefusedError: it is not there.
    """
    if not DEPLOYMENTS.is_file():
        raise RefusedError(f"there is no {DEPLOYMENTS} in {Path.cwd()}", "start it in magnumhub's own folder")
