"""Files over sftp: what is written is whole and for its owner, and what goes wrong has the same words."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from magnumhub.domain.errors import RefusedError
from magnumhub.remote.ssh import SSHShell
from tests.contract.ssh.told import Told
from tests.support.ssh import SSHServer

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def sftp(client: paramiko.SSHClient) -> Iterator[paramiko.SFTPClient]:
    with client.open_sftp() as opened:
        yield opened


@pytest.fixture
def names(names: dict[str, str], folder: str, home: str) -> dict[str, str]:
    return names | {f"{home}/{folder}": "<folder>", home: "<home>", folder: "<name>"}


def write(sftp: paramiko.SFTPClient, path: str, content: bytes, mode: int = 0o600) -> None:
    with sftp.open(path, "wx") as file:
        file.chmod(mode)
        file.write(content)


def read(sftp: paramiko.SFTPClient, path: str) -> bytes:
    with sftp.open(path) as file:
        return file.read()


def about(attributes: paramiko.SFTPAttributes) -> dict[str, Any]:
    return {"mode": oct(attributes.st_mode), "size": attributes.st_size}


def test_where_paths_begin(sftp: paramiko.SFTPClient, told: Told, folder: str, home: str) -> None:
    for path in (".", folder, f"{folder}/../{folder}", f"{home}/{folder}"):
        told.add("realpath", returned=sftp.normalize(path))
    write(sftp, f"{folder}/file", b"x")
    assert read(sftp, f"{home}/{folder}/file") == b"x"


def test_written_and_read(sftp: paramiko.SFTPClient, client: paramiko.SSHClient, told: Told, folder: str) -> None:
    write(sftp, f"{folder}/file", CONTENT)
    told.add("stat", **about(sftp.stat(f"{folder}/file")))
    assert read(sftp, f"{folder}/file") == CONTENT
    assert Told.run(client, f"cat {folder}/file")[1] == CONTENT
    with sftp.open(f"{folder}/file", "ab") as file:
        file.write(b"more")
    with sftp.open(f"{folder}/file", "r+b") as file:
        file.seek(2)
        file.write(b"!")
    told.add("stat", **about(sftp.stat(f"{folder}/file")))
    assert read(sftp, f"{folder}/file") == CONTENT[:2] + b"!" + CONTENT[3:] + b"more"
    sftp.truncate(f"{folder}/file", 3)
    told.add("stat", **about(sftp.stat(f"{folder}/file")))


def test_modes_and_times(sftp: paramiko.SFTPClient, told: Told, folder: str) -> None:
    write(sftp, f"{folder}/file", b"x", 0o600)
    for mode in (0o600, 0o644, 0o700, 0o400):
        sftp.chmod(f"{folder}/file", mode)
        told.add("stat", **about(sftp.stat(f"{folder}/file")))
        assert sftp.stat(f"{folder}/file").st_mode & 0o777 == mode
    sftp.utime(f"{folder}/file", (1_700_000_000, 1_700_000_001))
    seen = sftp.stat(f"{folder}/file")
    told.add("stat", atime=seen.st_atime, mtime=seen.st_mtime)
    assert (seen.st_atime, seen.st_mtime) == (1_700_000_000, 1_700_000_001)


def test_folders(sftp: paramiko.SFTPClient, told: Told, folder: str) -> None:
    sftp.mkdir(f"{folder}/a", 0o700)
    write(sftp, f"{folder}/a/file", b"content", 0o640)
    sftp.symlink("file", f"{folder}/a/link")
    listed = sorted(sftp.listdir_attr(f"{folder}/a"), key=lambda entry: entry.filename)
    told.add("listdir", entries=[entry.filename for entry in listed])
    told.add("file", **about(next(entry for entry in listed if entry.filename == "file")))
    told.add("stat", mode=oct(sftp.stat(f"{folder}/a").st_mode))
    told.add("lstat", mode=oct(sftp.lstat(f"{folder}/a/link").st_mode), link=sftp.readlink(f"{folder}/a/link"))
    assert read(sftp, f"{folder}/a/link") == b"content"
    for path in ("a/link", "a/file"):
        sftp.remove(f"{folder}/{path}")
    sftp.rmdir(f"{folder}/a")
    assert sftp.listdir(folder) == []


def test_renames(sftp: paramiko.SFTPClient, told: Told, folder: str) -> None:
    write(sftp, f"{folder}/old", b"old")
    write(sftp, f"{folder}/new", b"new")
    assert told.attempt("rename over another", lambda: sftp.rename(f"{folder}/new", f"{folder}/old")) is not None
    assert read(sftp, f"{folder}/old") == b"old"
    sftp.posix_rename(f"{folder}/new", f"{folder}/old")
    assert read(sftp, f"{folder}/old") == b"new"
    sftp.rename(f"{folder}/old", f"{folder}/moved")
    told.add("listdir", entries=sorted(sftp.listdir(folder)))
    assert sftp.listdir(folder) == ["moved"]


Attempt = Callable[[paramiko.SFTPClient, str], object]
REFUSED: dict[str, tuple[Attempt, int | None]] = {
    "open one that is not there": (lambda sftp, at: sftp.open(f"{at}/none"), errno.ENOENT),
    "open in a folder that is not there": (lambda sftp, at: sftp.open(f"{at}/none/file", "w"), errno.ENOENT),
    "open below a file": (lambda sftp, at: sftp.open(f"{at}/file/below", "w"), errno.ENOENT),
    "open one that is there as new": (lambda sftp, at: sftp.open(f"{at}/file", "wx"), None),
    "open a folder to write": (lambda sftp, at: sftp.open(f"{at}/full", "w"), None),
    "stat of none": (lambda sftp, at: sftp.stat(f"{at}/none"), errno.ENOENT),
    "lstat of none": (lambda sftp, at: sftp.lstat(f"{at}/none"), errno.ENOENT),
    "chmod of none": (lambda sftp, at: sftp.chmod(f"{at}/none", 0o600), errno.ENOENT),
    "listdir of none": (lambda sftp, at: sftp.listdir(f"{at}/none"), errno.ENOENT),
    "listdir of a file": (lambda sftp, at: sftp.listdir(f"{at}/file"), errno.ENOENT),
    "readlink of none": (lambda sftp, at: sftp.readlink(f"{at}/none"), errno.ENOENT),
    "readlink of a file": (lambda sftp, at: sftp.readlink(f"{at}/file"), None),
    "mkdir of one that is there": (lambda sftp, at: sftp.mkdir(f"{at}/full"), None),
    "mkdir in none": (lambda sftp, at: sftp.mkdir(f"{at}/none/folder"), errno.ENOENT),
    "mkdir where nobody may": (lambda sftp, at: sftp.mkdir("/sys/contract"), errno.EACCES),
    "rmdir of a full one": (lambda sftp, at: sftp.rmdir(f"{at}/full"), None),
    "rmdir of a file": (lambda sftp, at: sftp.rmdir(f"{at}/file"), errno.ENOENT),
    "rmdir of none": (lambda sftp, at: sftp.rmdir(f"{at}/none"), errno.ENOENT),
    "remove none": (lambda sftp, at: sftp.remove(f"{at}/none"), errno.ENOENT),
    "remove a folder": (lambda sftp, at: sftp.remove(f"{at}/full"), None),
    "rename none": (lambda sftp, at: sftp.rename(f"{at}/none", f"{at}/other"), errno.ENOENT),
    "posix-rename none": (lambda sftp, at: sftp.posix_rename(f"{at}/none", f"{at}/other"), errno.ENOENT),
    "posix-rename to none": (lambda sftp, at: sftp.posix_rename(f"{at}/file", f"{at}/none/other"), errno.ENOENT),
    "posix-rename over a folder": (lambda sftp, at: sftp.posix_rename(f"{at}/file", f"{at}/full"), None),
    "a name that is too long": (lambda sftp, at: sftp.open(f"{at}/{'n' * 300}", "w"), None),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(sftp: paramiko.SFTPClient, told: Told, folder: str, what: str) -> None:
    write(sftp, f"{folder}/file", b"x")
    sftp.mkdir(f"{folder}/full")
    write(sftp, f"{folder}/full/file", b"x")
    attempt, number = REFUSED[what]
    error = told.attempt(what, lambda: attempt(sftp, folder))
    assert isinstance(error, OSError)
    assert error.errno == number
    assert sorted(sftp.listdir(folder)) == ["file", "full"]


def test_a_file_of_the_product(shell: SSHShell, sftp: paramiko.SFTPClient, told: Told, folder: str) -> None:
    for content in (b"first", CONTENT):
        shell.put(content, f"{folder}/deep/er/file")
        assert read(sftp, f"{folder}/deep/er/file") == content
        told.add("file", **about(sftp.stat(f"{folder}/deep/er/file")))
    told.add("folder", mode=oct(sftp.stat(f"{folder}/deep/er").st_mode), entries=sftp.listdir(f"{folder}/deep/er"))
    shell.put(b"#!/bin/sh\necho runs\n", f"{folder}/run", mode=0o700)
    assert shell.run(f"{folder}/run", timeout_s=20).stdout == "runs\n"


def test_a_file_of_the_product_where_nobody_may(shell: SSHShell, told: Told) -> None:
    """The folder cannot be made either; which is told by the machine's own mkdir."""
    error = told.attempt("put", lambda: shell.put(b"x", "/sys/contract"))
    assert isinstance(error, RefusedError)


def test_openssh_puts_and_gets(server: SSHServer, told: Told, openssh: list[str], folder: str, tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(CONTENT)
    batch = tmp_path / "batch"
    words = ["pwd", f"cd {folder}", f"put {tmp_path}/given file", "chmod 600 file", "rename file moved", "ls -1"]
    batch.write_text("\n".join([*words, f"get moved {tmp_path}/taken", "rm moved", "get none"]))
    done = told.program(["sftp", "-q", "-b", str(batch), *openssh, server.host], shown="sftp")
    assert done.returncode == 1
    assert (tmp_path / "taken").read_bytes() == CONTENT
