"""What another version of the hub does to its database: decided from versions alone (pure)."""

from __future__ import annotations

from magnumhub.domain.versions import Version, version_of

SQLITE_ON_VOLUME = "sqlite-pvc"
"""The chart's default of hub.db.type."""


def needs_copy(old_app_version: str, new_app_version: str, db_type: str) -> bool:
    """Whether the hub's database has to be copied first: its schema changes with the hub's major version.

    Of other databases nobody but their owner can make a copy.
    Source: alembic/versions of jupyterhub: 0eee8c825d24 is the newest in 4.0 to 4.1, 4621fec11365 in 5.0 to 5.5; the
    chart's page on upgrading: "Major releases of Z2JH may include a major release of JupyterHub that requires an
    upgrade of the database schema".
    """
    return db_type == SQLITE_ON_VOLUME and _major(old_app_version) != _major(new_app_version)


def name_of_copy(new_app_version: str) -> str:
    """What the copy is called that is made before the hub becomes that version."""
    return f"jupyterhub.sqlite.before-{new_app_version}"


def refused_downgrade(old_app_version: str, new_app_version: str) -> str:
    """Why a hub of an older major version would not start on the database that is there; empty: it would.

    It knows no revision newer than its own: --upgrade-db fails with "Can't locate revision", and without it the hub
    ends with "Found database schema version X != Y".
    Source: check_db_revision in jupyterhub/orm.py and upgrade_if_needed in jupyterhub/dbutil.py.
    """
    if not _major(new_app_version) or _major(new_app_version) >= _major(old_app_version):
        return ""
    return (
        f"hub {new_app_version} does not start on the database of hub {old_app_version}, whose schema is newer; only a"
        f" copy from before that upgrade would do (such as {name_of_copy(old_app_version)} on the hub's volume). If a"
        " redeploy to the newer one was stopped, run that redeploy again"
    )


def _major(version: str) -> Version:
    return version_of(version)[:1]
