"""A machine's files over sftp, with the status codes and words of OpenSSH's server, which clients make errors of."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.constants import FX_BAD_MESSAGE, FX_FAILURE, FX_NO_SUCH_FILE, FX_PERMISSION_DENIED

_CODES = {
    FX_NO_SUCH_FILE: (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP),
    FX_PERMISSION_DENIED: (errno.EPERM, errno.EACCES, errno.EFAULT),
    FX_BAD_MESSAGE: (errno.ENAMETOOLONG, errno.EINVAL),
}
_WORDS = {
    FX_NO_SUCH_FILE: "No such file",
    FX_PERMISSION_DENIED: "Permission denied",
    FX_BAD_MESSAGE: "Bad message",
    FX_FAILURE: "Failure",
}
_ON_PATHS = ("lstat", "setstat", "lsetstat", "remove", "mkdir", "rmdir", "realpath", "stat", "rename", "readlink")
_ON_PATHS_TOO = ("symlink", "link", "posix_rename", "statvfs")
_ON_FILES = ("open", "read", "write", "fstat", "fsetstat", "fstatvfs", "fsync")


def _told(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def told(*arguments: Any) -> Any:
        try:
            return operation(*arguments)
        except OSError as error:
            raise _status(error) from error
        except asyncssh.SFTPFileAlreadyExists as error:
            raise asyncssh.SFTPError(FX_FAILURE, _WORDS[FX_FAILURE]) from error

    return told


def _status(error: OSError) -> asyncssh.SFTPError:
    code = next((code for code, numbers in _CODES.items() if error.errno in numbers), FX_FAILURE)
    return asyncssh.SFTPError(code, _WORDS[code])


def _as_openssh(server: type[Files]) -> type[Files]:
    for name in (*_ON_PATHS, *_ON_PATHS_TOO, *_ON_FILES):
        setattr(server, name, _told(getattr(server, name)))
    return server


@_as_openssh
class Files(asyncssh.SFTPServer):
    """One machine's files.

    Args:
        home: where relative paths begin.
        root: nothing outside of it can be named, as all machines here share one file system.
    """

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], *, home: Path, root: Path) -> None:
        super().__init__(channel)
        self._home = home
        self._root = root

    def map_path(self, path: bytes) -> bytes:
        mapped = Path(os.path.normpath(self._home / os.fsdecode(path)))
        if not mapped.is_relative_to(self._root):
            raise PermissionError(errno.EACCES, f"{mapped} is outside of this machine")
        return os.fsencode(mapped)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        try:
            async for entry in super().scandir(path):
                yield entry
        except OSError as error:
            raise _status(error) from error
