"""The six kinds of object, one frozen row each.

Times are epoch seconds, 0 = never. Process ids are 0 for "never" or "not visible from this pid namespace", and keep
the number after the process died. A field that is None could not be read. Built by the ten thousand: NamedTuples.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.model.kinds import MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.names import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

SHM_DEST = 0o1000  # marked for destruction, goes with its last attachment
SHM_LOCKED = 0o2000  # may not be swapped
SHM_HUGETLB = 0o4000  # of huge pages


class Segment(NamedTuple):
    """One row of /proc/sysvipc/shm (shmctl(2), proc_sysvipc(5))."""

    key: int  # 32 bits, unsigned; 0 = IPC_PRIVATE, or removed while attached
    shmid: int  # 0 is valid
    mode: int  # permission bits and SHM_DEST, SHM_LOCKED
    size: int  # shm_segsz, bytes
    cpid: int
    lpid: int
    nattch: int  # the kernel's own count of attachments
    uid: int
    gid: int
    cuid: int
    cgid: int
    atime: int
    dtime: int
    ctime: int  # last *change*, not creation
    rss: int | None  # bytes resident; None on kernels that do not say
    swap: int | None  # bytes swapped out; None on kernels that do not say

    @property
    def kind(self) -> str:
        """Always "shm"."""
        return SHM

    @property
    def id(self) -> int:
        """The shmid."""
        return self.shmid

    @property
    def ref(self) -> str:
        """The reference that names this object."""
        return f"shm:{self.shmid}"

    @property
    def status(self) -> tuple[str, ...]:
        """Out of ``dest locked hugetlb``."""
        return segment_status(self.mode)

    @property
    def last_used(self) -> int:
        """The newest of its times."""
        return max(self.atime, self.dtime, self.ctime)


class SemaphoreSet(NamedTuple):
    """One row of /proc/sysvipc/sem (semctl(2), proc_sysvipc(5)). The kernel records no creator pid."""

    key: int  # 32 bits, unsigned; 0 = IPC_PRIVATE
    semid: int  # 0 is valid
    mode: int
    nsems: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    otime: int  # last semop
    ctime: int

    @property
    def kind(self) -> str:
        """Always "sem"."""
        return SEM

    @property
    def id(self) -> int:
        """The semid."""
        return self.semid

    @property
    def ref(self) -> str:
        """The reference that names this object."""
        return f"sem:{self.semid}"

    @property
    def last_used(self) -> int:
        """The newest of its times."""
        return max(self.otime, self.ctime)


class MessageQueue(NamedTuple):
    """One row of /proc/sysvipc/msg (msgctl(2), proc_sysvipc(5)) and its limit."""

    key: int  # 32 bits, unsigned; 0 = IPC_PRIVATE
    msqid: int  # 0 is valid
    mode: int
    cbytes: int  # bytes queued
    qnum: int  # messages queued
    lspid: int
    lrpid: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    stime: int
    rtime: int
    ctime: int
    qbytes: int | None = None  # bytes the queue may hold; not in /proc: MSG_STAT_ANY

    @property
    def kind(self) -> str:
        """Always "msg"."""
        return MSG

    @property
    def id(self) -> int:
        """The msqid."""
        return self.msqid

    @property
    def ref(self) -> str:
        """The reference that names this object."""
        return f"msg:{self.msqid}"

    @property
    def last_used(self) -> int:
        """The newest of its times."""
        return max(self.stime, self.rtime, self.ctime)


class PosixSegment(NamedTuple):
    """A regular file directly in /dev/shm (shm_overview(7))."""

    name: str  # with its leading slash
    mode: int
    uid: int
    gid: int
    size: int  # bytes, st_size
    allocated: int  # bytes really used, st_blocks * 512
    mtime: int
    ctime: int
    device: int  # st_dev and st_ino: its identity
    inode: int

    @property
    def kind(self) -> str:
        """Always "pshm"."""
        return PSHM

    @property
    def ref(self) -> str:
        """The reference that names this object, escaped."""
        return f"pshm:{escape(self.name)}"

    @property
    def last_used(self) -> int:
        """The newest of its times; a write through a mapping leaves no trace in them."""
        return max(self.mtime, self.ctime)


class PosixSemaphore(NamedTuple):
    """A file /dev/shm/sem.NAME of at least 32 bytes (sem_overview(7))."""

    name: str  # with its leading slash, without "sem."
    mode: int
    uid: int
    gid: int
    value: int | None
    mtime: int
    ctime: int
    device: int
    inode: int

    @property
    def kind(self) -> str:
        """Always "psem"."""
        return PSEM

    @property
    def ref(self) -> str:
        """The reference that names this object, escaped."""
        return f"psem:{escape(self.name)}"

    @property
    def last_used(self) -> int:
        """The newest of its times; posting and waiting leave no trace in them."""
        return max(self.mtime, self.ctime)


class PosixQueue(NamedTuple):
    """A file of an mqueue file system (mq_overview(7)). Fields after ctime need read permission, else None."""

    name: str  # with its leading slash
    mode: int
    uid: int
    gid: int
    mtime: int
    ctime: int
    device: int
    inode: int
    qsize: int | None = None  # bytes queued, not messages
    qnum: int | None = None  # messages queued: mq_curmsgs
    maxmsg: int | None = None
    msgsize: int | None = None  # bytes, the largest message it takes
    notify_pid: int | None = None  # who asked for mq_notify(3); 0 = nobody

    @property
    def kind(self) -> str:
        """Always "pmsg"."""
        return PMSG

    @property
    def ref(self) -> str:
        """The reference that names this object, escaped."""
        return f"pmsg:{escape(self.name)}"

    @property
    def last_used(self) -> int:
        """The last send or receive. Reading a queue's status moves its other times, so they tell nothing."""
        return self.mtime


SysvObject = Segment | SemaphoreSet | MessageQueue
PosixObject = PosixSegment | PosixSemaphore | PosixQueue
IpcObject = SysvObject | PosixObject


def segment_status(mode: int) -> tuple[str, ...]:
    """The words for the flags in a segment's mode."""
    if not mode & (SHM_DEST | SHM_LOCKED | SHM_HUGETLB):
        return ()
    flags = (("dest", SHM_DEST), ("locked", SHM_LOCKED), ("hugetlb", SHM_HUGETLB))
    return tuple(word for word, bit in flags if mode & bit)


_TIMES: dict[str, tuple[str, ...]] = {
    SHM: ("atime", "dtime", "ctime"),
    SEM: ("otime", "ctime"),
    MSG: ("stime", "rtime", "ctime"),
    PSHM: ("mtime", "ctime"),
    PSEM: ("mtime", "ctime"),
    PMSG: ("mtime",),
}


def last_used(objects: Sequence[IpcObject]) -> list[int]:
    """``last_used`` of each of *objects* (all of one kind), for lists of ten thousands."""
    if not objects:
        return []
    first, *others = [list(map(attrgetter(name), objects)) for name in _TIMES[objects[0].kind]]
    return list(map(max, first, *others)) if others else first
