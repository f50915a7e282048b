"""Removing: look again, compare, remove. Losing a race is success.

A System V object is asked for its identity and its use right before IPC_RMID. A file goes under a lease: leased,
renamed aside, asked again whether somebody knocked, then unlinked or put back; so nobody can open it between the
check and the removal. The mqueue file system knows no rename: leased, asked, unlinked.
"""

from __future__ import annotations

import errno
import os
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from ipcctl.act.aside import KNOCKED, TOO_LATE, Aside
from ipcctl.act.judge import Judge
from ipcctl.kernel import devshm, lease
from ipcctl.kernel.sysv import STAT_FIELDS
from ipcctl.model.evidence import BUSY, FREE
from ipcctl.model.kinds import KINDS, MSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, WOULD_REMOVE, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ipcctl.kernel.host import Host

_GONE = frozenset({errno.EINVAL, errno.EIDRM, errno.ENOENT})
_CHANGED = "changed since it was listed"
_NOT_OWNER = "only its owner, its creator or root may remove it"
_IDENTITY = ("key", "uid", "cuid", "ctime")  # beside the id
_LISTED = {kind: attrgetter(*fields) for kind, fields in STAT_FIELDS.items()}
_RENAMED = frozenset({PSHM, PSEM})  # files of a file system that knows rename(2)
_TOGETHER = 64  # files put aside at once: descriptors held open, names missing if the process is killed then


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
        """Do what *plan* says, in order, files several at once; what it keeps passes through unchanged."""
        files: list[Outcome] = []
        for step in plan:
            together = step.result == WOULD_REMOVE and step.object.kind in _RENAMED and not self._force
            if together:
                files.append(step)
            if files and (not together or len(files) == _TOGETHER):
                yield from self._remove_files(files)
                files = []
            if not together:
                yield self._remove(step) if step.result == WOULD_REMOVE else step
        yield from self._remove_files(files)

    def _remove_files(self, steps: Sequence[Outcome]) -> list[Outcome]:
        """Put the files aside, wait once for all, unlink those nobody knocked at."""
        if not steps:
            return []
        directory = self.judge.directory(steps[0].object.kind)
        if directory is None:
            return [self._remove(step) for step in steps]
        with Aside(directory) as aside:
            refused = {}
            for step in steps:
                item: Any = step.object
                try:
                    file = devshm.file_name(item.kind, item.name)
                    reason = _changed(directory, file, item) or aside.put(item, file)
                except OSError as error:
                    refused[item] = _failure(error)
                else:
                    if reason:
                        refused[item] = KEPT, reason
            aside.settle()
            ends = refused | {item: aside.end(item) for item in aside.items}
        return [Outcome(step.object, ends[step.object][0], ends[step.object][1] or step.why) for step in steps]

    def _remove(self, step: Outcome) -> Outcome:
        item = step.object
        try:
            result, why = self._posix(item) if KINDS[item.kind].posix else self._system_v(item)
        except OSError as error:
            result, why = _failure(error)
            return Outcome(item, result, why)
        return Outcome(item, result, why or step.why)

    def _system_v(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any System V object
        control, kind = self.judge.control(), item.kind
        now = control.stat(kind, item.id)
        if now is None:
            return ALREADY_GONE, "somebody else removed it first"
        if now != _LISTED[kind](item) and (reason := self._reason_to_keep(kind, item, now)):
            return KEPT, reason
        if kind in _WAITERS and not self._force and (waiting := _WAITERS[kind](self, item)):
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

    def _waiters_counted(self, item: Any) -> int:  # noqa: ANN401  a semaphore set
        """The kernel's count; 0 too where there is no right to ask: the plan said so."""
        try:
            return self.judge.control().waiters(item.semid, item.nsems)
        except PermissionError:
            return 0

    def _waiters_seen(self, item: Any) -> int:  # noqa: ANN401  a message queue
        return len(self.judge.waiting_now(item))

    def _posix(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any POSIX object
        directory = self.judge.directory(item.kind)
        if directory is None:
            raise FileNotFoundError(errno.ENOENT, "its directory is gone", item.ref)
        file = devshm.file_name(item.kind, item.name)
        if changed := _changed(directory, file, item):
            return KEPT, changed
        if self._force:
            os.unlink(file, dir_fd=directory)
            return REMOVED, ""
        with lease.leased(directory, file, (item.device, item.inode)) as (answer, descriptor):
            if answer == BUSY:
                return KEPT, "in-use: somebody has it open or mapped since it was listed"
            if answer == FREE:
                if lease.knocked(descriptor):
                    return KEPT, KNOCKED
                # mq_open(3) waits for the lease with the directory locked, and unlink(2) waits for that lock
                lease.give_back(descriptor)
            os.unlink(file, dir_fd=directory)
            late = answer == FREE and lease.take(descriptor) == BUSY
            return REMOVED, TOO_LATE if late else ""


_WAITERS = {SEM: Remover._waiters_counted, MSG: Remover._waiters_seen}  # noqa: SLF001  its own


def _changed(directory: int, file: bytes, item: Any) -> str:  # noqa: ANN401  an object that is a file
    """Why a name is not to be removed; empty = it still leads to the file that was listed. Raises OSError."""
    status = os.stat(file, dir_fd=directory, follow_symlinks=False)
    return "" if (status.st_dev, status.st_ino) == (item.device, item.inode) else _CHANGED


def _failure(error: OSError) -> tuple[str, str]:
    if error.errno in _GONE:
        return ALREADY_GONE, "somebody else removed it first"
    denied = error.errno in (errno.EPERM, errno.EACCES)
    return FAILED, _NOT_OWNER if denied else str(error.strerror)
