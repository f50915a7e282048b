"""Removing, one object at a time: look again, compare, remove. Losing a race is success."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Self

from ipcctl.errors import Refused
from ipcctl.kernel import devshm, mqueue
from ipcctl.kernel.sysv import SysvControl
from ipcctl.model.kinds import KINDS, PMSG, SEM, SHM
from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, WOULD_REMOVE, Outcome
from ipcctl.policy.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipcctl.kernel.host import Host
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.verdict import Verdict

_GONE = frozenset({errno.EINVAL, errno.EIDRM, errno.ENOENT})
_CHANGED = "changed since it was listed"
_NOT_OWNER = "only its owner, its creator or root may remove it"


class Remover:
    """Judges and removes the objects of one host. A context manager: it holds directories open."""

    def __init__(self, host: Host, *, force: bool = False) -> None:
        """Removal of what is in use only with *force*."""
        self._host = host
        self._force = force
        self._sysv: SysvControl | None = None
        self._directories: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        for directory in self._directories.values():
            os.close(directory)

    def verdict_on(self, item: IpcObject) -> Verdict:
        """Whether *item* is in use now."""
        return judge(item, self._waiters(item) if item.kind == SEM else None)

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

    def _control(self) -> SysvControl:
        if self._sysv is None:
            if not self._host.live:
                message = "System V objects can be removed on the running host only, not in a relocated --proc"
                raise Refused(message)
            self._sysv = SysvControl()
        return self._sysv

    def _waiters(self, item: Any) -> int | None:  # noqa: ANN401  a semaphore set
        try:
            return self._control().waiters(item.semid, item.nsems)
        except OSError as error:
            return 0 if error.errno in _GONE else None

    def _system_v(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any System V object
        control, kind = self._control(), item.kind
        now = control.stat(kind, item.id)
        if now is None:
            return ALREADY_GONE, "somebody else removed it first"
        if (now.key, now.uid, now.cuid, now.ctime) != (item.key, item.uid, item.cuid, item.ctime):
            return KEPT, _CHANGED
        if kind == SHM and now.nattch and not self._force:
            return KEPT, f"in-use: {now.nattch} attachment(s) since it was listed"
        if kind == SEM and not self._force and (waiting := self._waiters(item)):
            return KEPT, f"in-use: {waiting} waiting thread(s) since it was listed"
        control.remove(kind, item.id)
        return (MARKED, "goes with its last attachment") if now.nattch else (REMOVED, "")

    def _posix(self, item: Any) -> tuple[str, str]:  # noqa: ANN401  any POSIX object
        directory = self._directory(item.kind)
        file = devshm.file_name(item.kind, item.name)
        status = os.stat(file, dir_fd=directory, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != (item.device, item.inode):
            return KEPT, _CHANGED
        os.unlink(file, dir_fd=directory)
        return REMOVED, ""

    def _directory(self, kind: str) -> int:
        roots = self._host.roots
        if kind not in self._directories:
            self._directories[kind] = (
                mqueue.open_directory(roots.mqueue, roots.proc) if kind == PMSG else devshm.open_directory(roots.shm)
            )
        return self._directories[kind]
