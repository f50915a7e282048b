"""One run at a time: a lock that dies with its process (flock(2))."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from ipcctl.errors import Refused
from ipcctl.kernel.files import read_text
from ipcctl.kernel.namespaces import ipc_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DIRECTORY = 0o700
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def only_run(name: str, *, wait: bool, waiting: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the lock *name* of this user in this IPC namespace. Raises Refused where another has it and not *wait*.

    *waiting* is told whom it waits for.

    The file is in a directory that nobody else can write, so that nobody else can keep it locked: /run/ipcctl for
    root, /tmp/ipcctl-UID otherwise, by the uid outside user namespaces. It is gone when the block ends.
    """
    path = f"{_directory()}/{name}-{_namespace()}.lock"
    descriptor = _locked(path, waiting if wait else None)
    try:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: str, waiting: Callable[[str], None] | None) -> int:
    while True:
        descriptor = os.open(path, _OPEN, 0o600)
        try:
            _lock(descriptor, waiting)
            if _is(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it while we waited: there is a new one, or none


def _lock(descriptor: int, waiting: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        what = f"another run is under way{f' (process {pid})' if pid.isdigit() else ''}"
        if waiting is None:
            raise Refused(f"{what}; nothing was done", hint="--wait waits for its end") from None
        waiting(what)
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _namespace() -> str:
    return ipc_namespace("/proc").strip("ipc:[]")


def _directory() -> str:
    if os.geteuid() == 0:
        with contextlib.suppress(OSError, Refused):
            return _own("/run/ipcctl")
    return _own(f"/tmp/ipcctl-{_uid_outside()}")


def _uid_outside() -> int:
    """This user as those outside a user namespace know him: /tmp is theirs too (user_namespaces(7))."""
    with contextlib.suppress(OSError):
        for line in read_text("/proc/self/uid_map").splitlines():
            inside, outside, length = map(int, line.split())
            if 0 <= os.geteuid() - inside < length:
                return outside + os.geteuid() - inside
    return os.geteuid()


def _own(path: str) -> str:
    """*path*, a directory of this user's that nobody else can write; made if need be. Raises Refused, OSError."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, _DIRECTORY)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        message = f"{path} is no directory that only uid {os.geteuid()} can write: the lock cannot be kept there"
        raise Refused(message, hint="somebody else may have made it; remove it")
    if not os.access(path, os.W_OK):
        message = f"{path} cannot be written"
        raise Refused(message)
    return path
