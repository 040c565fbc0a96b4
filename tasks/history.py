"""What checks leave for later ones: the versioned artifact `health-SITE` on the Prefect server.

The server is the one place that every worker and every command line of a team share. A check does not fail because its
history cannot be read or kept: users are not affected, so it is said, and the check is judged without.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from blocks.prefect_server import NO_SERVER
from magnumhub.domain.errors import TransientError
from magnumhub.domain.history import Record
from magnumhub.domain.report.markdown import overview
from magnumhub.domain.report.stored import record_in, with_record
from magnumhub.domain.results import Report
from tasks.progress import stage

LOOKED_BACK = 30
"""How many checks are read: what the picture shows, and twice what any judgement looks at."""


def recall(site_name: str, limit: int = LOOKED_BACK) -> list[Record] | None:
    """The site's last checks, newest first; None, with a remark, when the server does not tell them.

    Safe to repeat: reads only.
    """
    with stage("history") as report:
        try:
            return read_records(site_name, limit, report.remark)
        except TransientError as error:
            report.remark(f"{error}; this check is judged without the earlier ones")
            return None


def read_records(site_name: str, limit: int, report: Report) -> list[Record]:
    """The site's last checks, newest first. A damaged artifact, or another's under this key, is passed over and told.

    Safe to repeat: reads only.

    Raises:
        TransientError: the Prefect server does not answer; the same call may succeed later.
    """
    key = artifact_key(site_name)
    try:
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(
                artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
                sort=ArtifactSort.CREATED_DESC,
                limit=limit,
            )
    except NO_SERVER as error:
        raise TransientError(
            f"the earlier checks of {site_name} cannot be read from Prefect's server: {error}"
        ) from error
    records = []
    for artifact in found:
        try:
            records.append(record_in(artifact.data))
        except ValueError as error:
            report(f"an artifact {key} of {artifact.created:%Y-%m-%d %H:%M} is passed over: {_first_line(error)}")
    return records


def keep(record: Record, history: Sequence[Record]) -> None:
    """Leave the check where later ones find it, and where people read it.

    Safe to repeat: each call adds a version of the artifact; the newest counts.

    Raises:
        httpx.HTTPError, RuntimeError: the Prefect server does not answer.
    """
    create_markdown_artifact(
        with_record(overview(record, history), record),
        key=artifact_key(record.health.site),
        description=f"{record.health.level}: the health of {record.health.site}",
    )


def artifact_key(site_name: str) -> str:
    """The artifact that holds a site's checks, a version each."""
    return f"health-{site_name}"


def _first_line(error: ValueError) -> str:
    return next(iter(str(error).splitlines()), "")
