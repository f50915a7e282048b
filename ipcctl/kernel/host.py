"""One IPC namespace seen through relocatable roots."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.errors import InterfaceMissing, IpcctlError, ParseError
from ipcctl.kernel import devshm, mqueue
from ipcctl.kernel.accounts import Accounts
from ipcctl.kernel.sysvipc import read_table
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.objects import IpcObject, MessageQueue
from ipcctl.model.snapshot import Gap, Snapshot
from ipcctl.parse.sysvipc import parse_msg, parse_sem, parse_shm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ipcctl.kernel.sysv import SysvControl
    from ipcctl.model.limits import FileSystemUse, MqueueLimits, SysvLimits


class Roots(NamedTuple):
    """Where the kernel's files are. Relocated, they are a recorded tree or another view."""

    proc: str = "/proc"
    mqueue: str | None = None  # None = find the mount, or look through a detached one
    shm: str = "/dev/shm"
    system: str = ""  # goes before /etc, /run, /usr and /var


class Host:
    """Reads everything of one IPC namespace. Nothing but account names is cached: each call looks again."""

    def __init__(self, roots: Roots = Roots()) -> None:  # noqa: B008  an immutable value
        """Bind to *roots*; the namespace is that of the calling thread."""
        self.roots = roots
        self.accounts = Accounts()

    @property
    def live(self) -> bool:
        """Whether /proc is the running kernel's: only then do System V calls speak of the same objects."""
        return self.roots.proc == "/proc"

    def snapshot(self, kinds: Iterable[str] = tuple(KINDS), *, queue_limits: bool = True) -> Snapshot:
        """The objects of *kinds*, in that order. Without *queue_limits*, qbytes of System V queues stays None."""
        gaps: list[Gap] = []
        objects = {kind: self._seen(kind, gaps) for kind in kinds}
        if queue_limits and objects.get(MSG):
            objects[MSG] = self._with_limits(objects[MSG], gaps)
        return Snapshot(objects, tuple(gaps))

    def read(self, kind: str, gaps: list[Gap]) -> list[IpcObject]:
        """The objects of one kind; what is missing in some of them is added to *gaps*. Raises IpcctlError, OSError."""
        return _READERS[kind](self.roots, gaps)

    def control(self) -> SysvControl:
        """The System V calls on this namespace. Raises InterfaceMissing where /proc is not the running kernel's."""
        from ipcctl.kernel.sysv import SysvControl  # start-up: loads ctypes

        if not self.live:
            message = "System V calls speak of the running host, not of a relocated --proc"
            raise InterfaceMissing(message)
        return SysvControl()

    def sysv_limits(self) -> SysvLimits:
        """The System V limits. Raises InterfaceMissing, ParseError."""
        from ipcctl.kernel import limits

        return limits.read_sysv_limits(self.roots.proc)

    def mqueue_limits(self) -> MqueueLimits:
        """The POSIX queue limits. Raises InterfaceMissing, ParseError."""
        from ipcctl.kernel import limits

        return limits.read_mqueue_limits(self.roots.proc)

    def shm_use(self) -> FileSystemUse:
        """How full the file system of POSIX shared memory is. Raises OSError."""
        from ipcctl.kernel import limits

        return limits.read_file_system_use(self.roots.shm)

    def _seen(self, kind: str, gaps: list[Gap]) -> list[IpcObject]:
        try:
            return self.read(kind, gaps)
        except ParseError as error:
            gaps.append(Gap(kind, f"{error} ({error.hint})", broken=True))
        except IpcctlError as error:
            gaps.append(Gap(kind, f"{error}; {error.hint}" if error.hint else str(error)))
        except OSError as error:
            gaps.append(Gap(kind, f"{error.filename or kind}: {error.strerror}"))
        return []

    def _with_limits(self, queues: list[IpcObject], gaps: list[Gap]) -> list[IpcObject]:
        try:
            qbytes = self.control().queue_limits([queue.msqid for queue in queues if isinstance(queue, MessageQueue)])
        except (InterfaceMissing, OSError) as error:
            gaps.append(Gap(MSG, f"qbytes is not known: {error}"))
            return queues
        return [MessageQueue._make((*queue[:-1], limit)) for queue, limit in zip(queues, qbytes, strict=True)]


def _segments(roots: Roots, _: list[Gap]) -> list[IpcObject]:
    return [*parse_shm(*read_table(roots.proc, SHM))]


def _semaphore_sets(roots: Roots, _: list[Gap]) -> list[IpcObject]:
    return [*parse_sem(*read_table(roots.proc, SEM))]


def _message_queues(roots: Roots, _: list[Gap]) -> list[IpcObject]:
    return [*parse_msg(*read_table(roots.proc, MSG))]


def _posix_segments(roots: Roots, _: list[Gap]) -> list[IpcObject]:
    return _in_directory(devshm.open_directory(roots.shm), devshm.list_segments)


def _posix_semaphores(roots: Roots, gaps: list[Gap]) -> list[IpcObject]:
    directory = devshm.open_directory(roots.shm)
    return _in_directory(directory, lambda opened: devshm.list_semaphores(opened, gaps))


def _posix_queues(roots: Roots, gaps: list[Gap]) -> list[IpcObject]:
    directory = mqueue.open_directory(roots.mqueue, roots.proc)
    return _in_directory(directory, lambda opened: mqueue.list_queues(opened, gaps))


def _in_directory(directory: int, read: Callable[[int], Sequence[IpcObject]]) -> list[IpcObject]:
    try:
        return [*read(directory)]
    finally:
        os.close(directory)


_READERS: dict[str, Callable[[Roots, list[Gap]], list[IpcObject]]] = {
    SHM: _segments,
    SEM: _semaphore_sets,
    MSG: _message_queues,
    PSHM: _posix_segments,
    PSEM: _posix_semaphores,
    PMSG: _posix_queues,
}
