"""Removing, one object at a time: look again, compare, remove. Losing a race is success.

A System V object is asked for its identity and its use right before IPC_RMID. A file goes under a lease: leased,
renamed aside, asked again whether somebody knocked, then unlinked or put back; so nobody can open it between the
check and the removal. The mqueue file system knows no rename: leased, asked, unlinked.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from ipcctl.act.judge import Judge
from ipcctl.kernel import devshm, lease
from ipcctl.kernel.sysv import STAT_FIELDS
from ipcctl.model.evidence import BUSY, FREE
from ipcctl.model.kinds import KINDS, PMSG, SEM, SHM
from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, WOULD_REMOVE, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ipcctl.kernel.host import Host

_GONE = frozenset({errno.EINVAL, errno.EIDRM, errno.ENOENT})
_CHANGED = "changed since it was listed"
_NOT_OWNER = "only its owner, its creator or root may remove it"
_IDENTITY = ("key", "uid", "cuid", "ctime")  # beside the id
_LISTED = {kind: attrgetter(*fields) for kind, fields in STAT_FIELDS.items()}
_KNOCKED = "in-use: somebody opened it just now"
_SETTLE = 50e-6  # seconds for an open that had found the name before it was renamed to arrive at the lease


class Remover:
    """Judges and removes the objects of one host. A context manager: it holds directories open."""

    def __init__(self, host: Host, kinds: Collection[str] = tuple(KINDS), *, force: bool = False) -> None:
        """Removal of what is in use only with *force*."""
        self.judge = Judge(host, kinds)
        self._force = force

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close what was opened."""
        self.judge.__exit__(*exception)

    def carry_out(self, plan: Iterable[Outcome]) -> Iterator[Outcome]:
        """Do what *plan* says, one object after the other; what it keeps passes through unchanged."""
        for step in plan:
            yield self._remove(step) if step.result == WOULD_REMOVE else step

    def _remove(self, step: Outcome) -> Outcome:
        item = step.object
        try:
            result, why = self._posix(item) if KINDS[item.kind].posix else self._system_v(item)
        except OSError as error:
            if error.errno in _GONE:
                return Outcome(item, ALREADY_GONE, "somebody else removed it first")
            denied = error.errno in (errno.EPERM, errno.EACCES)
            return Outcome(item, FAILED, _NOT_OWNER if denied else str(error.strerror))
        return Outcome(item, result, why or step.why)

    def _system_v(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any System V object
        control, kind = self.judge.control(), item.kind
        now = control.stat(kind, item.id)
        if now is None:
            return ALREADY_GONE, "somebody else removed it first"
        if now != _LISTED[kind](item) and (reason := self._reason_to_keep(kind, item, now)):
            return KEPT, reason
        if kind == SEM and not self._force and (waiting := self._waiters(item)):
            return KEPT, f"in-use: {waiting} waiting thread(s) since it was listed"
        control.remove(kind, item.id)
        return (MARKED, "goes with its last attachment") if kind == SHM and now[-1] else (REMOVED, "")

    def _reason_to_keep(self, kind: str, item: Any, now: tuple[int, ...]) -> str:  # noqa: ANN401
        """Why an object that is not as it was listed stays; empty = it may go all the same."""
        fields = dict(zip(STAT_FIELDS[kind], now, strict=True))
        if any(fields[name] != getattr(item, name) for name in _IDENTITY):
            return _CHANGED
        if self._force:
            return ""
        attached = fields.get("nattch", 0)
        return f"in-use: {attached} attachment(s) since it was listed" if attached else "used since it was listed"

    def _waiters(self, item: Any) -> int:  # noqa: ANN401  a semaphore set
        """0 too where there is no right to ask: the plan said so."""
        try:
            return self.judge.control().waiters(item.semid, item.nsems)
        except PermissionError:
            return 0

    def _posix(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any POSIX object
        directory = self.judge.directory(item.kind)
        if directory is None:
            raise FileNotFoundError(errno.ENOENT, "its directory is gone", item.ref)
        file = devshm.file_name(item.kind, item.name)
        status = os.stat(file, dir_fd=directory, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != (item.device, item.inode):
            return KEPT, _CHANGED
        if self._force:
            os.unlink(file, dir_fd=directory)
            return REMOVED, ""
        with lease.leased(directory, file, (item.device, item.inode)) as (answer, descriptor):
            if answer == BUSY:
                return KEPT, "in-use: somebody has it open or mapped since it was listed"
            if answer != FREE:  # no lease to be had here: the walk over /proc has decided
                os.unlink(file, dir_fd=directory)
                return REMOVED, ""
            if item.kind == PMSG:
                return _unlink_queue(directory, file, descriptor)
            return _unlink_aside(directory, file, descriptor)


def _unlink_queue(directory: int, file: bytes, descriptor: int) -> tuple[str, str]:
    if lease.knocked(descriptor):
        return KEPT, _KNOCKED
    os.unlink(file, dir_fd=directory)
    return REMOVED, ""


def _unlink_aside(directory: int, file: bytes, descriptor: int) -> tuple[str, str]:
    """Unlink under a private name that nobody can have asked for, or put the file back."""
    aside = b".ipcctl-%d-%s" % (os.getpid(), os.urandom(4).hex().encode())
    os.rename(file, aside, src_dir_fd=directory, dst_dir_fd=directory)
    try:
        time.sleep(_SETTLE)
        if not lease.knocked(descriptor):
            os.unlink(aside, dir_fd=directory)
            return REMOVED, ""
    except BaseException:
        _put_back(directory, aside, file)
        raise
    _put_back(directory, aside, file)
    return KEPT, _KNOCKED


def _put_back(directory: int, aside: bytes, file: bytes) -> None:
    """Give the file its name again. Raises OSError (EEXIST) where somebody made a new object of that name meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    no_replace = 1  # RENAME_NOREPLACE, renameat2(2)
    if libc.renameat2(directory, aside, directory, file, no_replace):
        number = ctypes.get_errno()
        where = f"put aside as {aside.decode()}: a new object took its name while it was being opened"
        raise OSError(number, where if number == errno.EEXIST else os.strerror(number), aside)
