"""What another version of the hub does to its database, and the Job that copies it, with literal values."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.domain.hub_upgrade import name_of_copy, needs_copy, refused_downgrade
from magnumhub.kube.hub_database import PROGRAM, job_of


@pytest.mark.parametrize(
    ("old", "new", "db_type", "needed"),
    [
        ("4.1.6", "5.2.1", "sqlite-pvc", True),
        ("5.5.0", "4.1.6", "sqlite-pvc", True),
        ("5.2.1", "5.5.0", "sqlite-pvc", False),
        ("4.1.6", "5.2.1", "postgres", False),
        ("4.1.6", "5.2.1", "sqlite-memory", False),
    ],
)
def test_a_step_of_the_major_version_needs_a_copy(old: str, new: str, db_type: str, needed: bool) -> None:
    assert needs_copy(old, new, db_type) is needed


def test_an_older_hub_refuses_a_newer_database() -> None:
    assert refused_downgrade("4.1.6", "5.2.1") == refused_downgrade("5.5.0", "5.2.1") == ""
    assert refused_downgrade("5.5.0", "4.1.6").startswith("hub 4.1.6 does not start on the database of hub 5.5.0")
    assert name_of_copy("5.2.1") == "jupyterhub.sqlite.before-5.2.1"


HUB: dict[str, Any] = {
    "spec": {
        "template": {
            "spec": {
                "securityContext": {"fsGroup": 1000},
                "serviceAccountName": "hub",
                "volumes": [
                    {"name": "config", "configMap": {"name": "hub"}},
                    {"name": "pvc", "persistentVolumeClaim": {"claimName": "hub-db-dir"}},
                ],
                "containers": [
                    {"name": "extra", "image": "example.org/other"},
                    {
                        "name": "hub",
                        "image": "quay.io/jupyterhub/k8s-hub:4.4.0",
                        "securityContext": {"runAsUser": 1000},
                        "env": [{"name": "CONFIGPROXY_AUTH_TOKEN", "value": "x"}],
                        "volumeMounts": [
                            {"name": "config", "mountPath": "/usr/local/etc/jupyterhub/config/"},
                            {"name": "pvc", "mountPath": "/srv/jupyterhub", "subPath": "db"},
                        ],
                    },
                ],
            }
        }
    }
}


def test_the_job_is_the_hub_s_image_user_and_volume_on_its_node() -> None:
    pods = [{"spec": {}}, {"spec": {"nodeName": "node-1"}}]
    pod = job_of(HUB, pods, "copy", "jupyterhub.sqlite.before-6.0.0")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "quay.io/jupyterhub/k8s-hub:4.4.0"
    assert (pod["securityContext"], container["securityContext"]) == ({"fsGroup": 1000}, {"runAsUser": 1000})
    assert container["volumeMounts"] == [{"name": "pvc", "mountPath": "/srv/jupyterhub", "subPath": "db"}]
    assert container["command"][-3:] == [
        "copy",
        "/srv/jupyterhub/jupyterhub.sqlite",
        "/srv/jupyterhub/jupyterhub.sqlite.before-6.0.0",
    ]
    assert "env" not in container
    assert not pod["automountServiceAccountToken"]
    assert "node-1" in str(pod["affinity"])
    assert "affinity" not in job_of(HUB, [], "copy", "c")["spec"]["template"]["spec"]


def test_without_a_volume_there_is_nothing_to_copy() -> None:
    hub = {"spec": {"template": {"spec": HUB["spec"]["template"]["spec"] | {"volumes": [{"name": "pvc"}]}}}}
    with pytest.raises(RefusedError, match="no database on a volume"):
        job_of(hub, [], "copy", "c")


def run(what: str, database: Path, copy: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, what, str(database), str(copy)]
    return subprocess.run(command, capture_output=True, text=True)


def database(path: Path, schema: str, *users: str) -> Path:
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("create table users (name text)")
        made.executemany("insert into users values (?)", [(user,) for user in users])
        made.execute("create table alembic_version (version_num text)")
        made.execute("insert into alembic_version values (?)", (schema,))
    return path


def users(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as there:
        return [name for (name,) in there.execute("select name from users")]


def test_a_copy_is_put_back_over_a_migrated_database(tmp_path: Path) -> None:
    path, copy = database(tmp_path / "hub.sqlite", "old", "ada"), tmp_path / "copy"
    assert run("copy", path, copy).stdout == '{"users": 1, "schema": "old"}\n'
    path.unlink()
    database(path, "old", "ada", "bob")
    assert run("copy", path, copy).stdout == '{"users": 2, "schema": "old"}\n'  # of a step that was undone
    path.unlink()
    database(path, "new", "ada", "bob", "cyd")
    assert run("copy", path, copy).stdout == '{"users": 2, "schema": "old"}\n'  # there is no other one of this schema
    for _ in range(2):
        assert run("restore", path, copy).returncode == 0
        assert users(path) == ["ada", "bob"]
        assert users(tmp_path / "hub.sqlite.migrated") == ["ada", "bob", "cyd"]


def test_a_damaged_database_is_no_copy(tmp_path: Path) -> None:
    path, copy = database(tmp_path / "hub.sqlite", "old", *map(str, range(9999))), tmp_path / "copy"
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xff" * 32768
    path.write_bytes(content)
    assert run("copy", path, copy).returncode != 0
    assert not copy.exists()


def test_what_is_not_there_is_not_put_back(tmp_path: Path) -> None:
    path = database(tmp_path / "hub.sqlite", "new", "ada")
    ended = run("restore", path, tmp_path / "copy")
    assert ended.returncode != 0
    assert ended.stderr == f"there is no {tmp_path / 'copy'}\n"
    assert run("restore", path, path).returncode == 0
