"""The System V calls that neither /proc nor sysv_ipc offers: *_STAT_ANY, the semctl(2) family, MSG_COPY.

Structures are those of the 64-bit Linux ABI. glibc passes every command used here through unchanged.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import struct
import sys
from typing import TYPE_CHECKING

from ipcctl.errors import InterfaceMissing
from ipcctl.model.detail import Message, Semaphore
from ipcctl.model.kinds import MSG, SEM, SHM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

IPC_RMID = 0
IPC_STAT = 2
IPC_NOWAIT = 0o4000
MSG_NOERROR = 0o10000
MSG_COPY = 0o40000
GETPID, GETVAL, GETNCNT, GETZCNT = 11, 12, 14, 15
SHM_STAT_ANY, SEM_STAT_ANY, MSG_STAT_ANY = 15, 20, 13
_MSG_STAT, _MSG_INFO = 11, 12
_SHM_STAT, _SHM_INFO = 13, 14
_SEM_STAT, _SEM_INFO = 18, 19

_INDEX_MASKS = (0x7FFF, 0xFFFFFF)  # default ipcmni, ipcmni_extend: an id is sequence and index

# What *_STAT_ANY tells of each kind, by the field names of its row.
STAT_FIELDS = {
    SHM: ("key", "uid", "cuid", "atime", "dtime", "ctime", "cpid", "lpid", "nattch"),
    SEM: ("key", "uid", "cuid", "otime", "ctime"),
    MSG: ("key", "uid", "cuid", "stime", "rtime", "ctime", "cbytes", "qnum", "lspid", "lrpid"),
}
# ipc64_perm (48 bytes): key uid gid cuid cgid mode ...; then the kind's own part.
_PERM = "=II4xI32x"
_STAT = {
    SHM: struct.Struct(_PERM + "8xqqqiiQ"),  # segsz, atime dtime ctime, cpid lpid, nattch
    # otime, on x86-64 a spare word, ctime
    SEM: struct.Struct(_PERM + ("q8xq" if os.uname().machine == "x86_64" else "qq")),
    MSG: struct.Struct(_PERM + "qqqQQ8xii"),  # stime rtime ctime, cbytes qnum, qbytes, lspid lrpid
}
_QBYTES = 48 + 40
_STATE_BYTES = 120  # the largest of the three structures

_ABI_KNOWN = sys.maxsize > 2**32


class _Libc:
    """The C library's functions. Calls hold the GIL: they take under a microsecond."""

    def __init__(self) -> None:
        if not _ABI_KNOWN:
            message = "System V control structures are known for 64-bit Linux only"
            raise InterfaceMissing(message)
        keep = ctypes.PyDLL(None, use_errno=True)
        self.shmctl = keep.shmctl
        self.semctl = keep.semctl
        self.msgctl = keep.msgctl
        self.shmget = keep.shmget
        self.semget = keep.semget
        self.msgget = keep.msgget
        self.msgrcv = keep.msgrcv
        self.msgrcv.restype = ctypes.c_ssize_t


_loaded: list[_Libc] = []


def _libc() -> _Libc:
    if not _loaded:
        _loaded.append(_Libc())
    return _loaded[0]


def _fail(ref: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), ref)


class SysvControl:
    """A buffer and the calls that fill it. Raises InterfaceMissing where the ABI is not known."""

    def __init__(self) -> None:
        """Load the C library once."""
        self._libc = _libc()
        self._buffer = ctypes.create_string_buffer(256)
        self._view = memoryview(self._buffer).cast("B")

    def _stat_any(self, kind: str, identifier: int) -> bool:
        """Fill the buffer for this id, whatever its mode; False if no such object (any more)."""
        libc, buffer = self._libc, self._buffer
        for mask in _INDEX_MASKS:
            index = identifier & mask
            if kind == SEM:
                found = libc.semctl(index, 0, SEM_STAT_ANY, buffer)
            elif kind == SHM:
                found = libc.shmctl(index, SHM_STAT_ANY, buffer)
            else:
                found = libc.msgctl(index, MSG_STAT_ANY, buffer)
            if found == identifier:
                return True
            if found < 0 and ctypes.get_errno() not in (errno.EINVAL, errno.EIDRM):
                raise _fail(f"{kind}:{identifier}")
        return False

    def stat(self, kind: str, identifier: int) -> tuple[int, ...] | None:
        """The STAT_FIELDS of the object with this id now; None if it is gone.

        Needs Linux 4.17 and no right over the object. Raises OSError.
        """
        return _STAT[kind].unpack_from(self._view) if self._stat_any(kind, identifier) else None

    def state(self, kind: str, identifier: int) -> bytes | None:
        """All that the kernel keeps about an object, to be compared with a later answer; None if it is gone.

        Equal = nobody attached, detached, sent, received or changed it since, within the same pair of processes and
        the same second excepted. Raises OSError.
        """
        return bytes(self._view[:_STATE_BYTES]) if self._stat_any(kind, identifier) else None

    def readable(self, kind: str, identifier: int) -> bool:
        """Whether IPC_STAT is granted: read permission. Raises OSError (EINVAL, EIDRM) when the object is gone."""
        libc, buffer = self._libc, self._buffer
        if kind == SEM:
            failed = libc.semctl(identifier, 0, IPC_STAT, buffer)
        elif kind == SHM:
            failed = libc.shmctl(identifier, IPC_STAT, buffer)
        else:
            failed = libc.msgctl(identifier, IPC_STAT, buffer)
        if failed and ctypes.get_errno() != errno.EACCES:
            raise _fail(f"{kind}:{identifier}")
        return not failed

    def readable_ids(self, kind: str) -> Iterator[int]:
        """The ids of all objects with read permission, in the kernel's order. Each is asked for when its turn comes.

        Where nothing but the id matters this takes a third of the time of /proc/sysvipc.
        """
        libc, buffer = self._libc, self._buffer
        found: Iterable[int]
        if kind == SEM:
            found = (
                libc.semctl(index, 0, _SEM_STAT, buffer) for index in range(libc.semctl(0, 0, _SEM_INFO, buffer) + 1)
            )
        elif kind == SHM:
            found = (libc.shmctl(index, _SHM_STAT, buffer) for index in range(libc.shmctl(0, _SHM_INFO, buffer) + 1))
        else:
            found = (libc.msgctl(index, _MSG_STAT, buffer) for index in range(libc.msgctl(0, _MSG_INFO, buffer) + 1))
        return (identifier for identifier in found if identifier >= 0)

    def find(self, kind: str, key: int) -> int:
        """The id behind a key (32 bits, unsigned, not 0). Raises OSError: ENOENT if no object has it."""
        number = ctypes.c_int(key)
        if kind == SEM:
            found = self._libc.semget(number, 0, 0)
        elif kind == SHM:
            found = self._libc.shmget(number, ctypes.c_size_t(0), 0)
        else:
            found = self._libc.msgget(number, 0)
        if found < 0:
            raise _fail(f"{kind}:0x{key:08x}")
        return int(found)

    def queue_limits(self, identifiers: Iterable[int]) -> list[int | None]:
        """Qbytes of each queue in order; None for one that is gone."""
        msgctl, buffer = self._libc.msgctl, self._buffer
        qbytes = ctypes.c_uint64.from_buffer(buffer, _QBYTES)
        mask = _INDEX_MASKS[0]
        limits: list[int | None] = []
        add = limits.append
        for identifier in identifiers:
            if msgctl(identifier & mask, MSG_STAT_ANY, buffer) == identifier or self._stat_any(MSG, identifier):
                add(qbytes.value)
            else:
                add(None)
        return limits

    def semaphores(self, semid: int, nsems: int) -> list[Semaphore]:
        """Every semaphore of a set. Raises OSError: EACCES without read permission, EIDRM or EINVAL when gone."""
        return [
            Semaphore(num, *(self._semctl(semid, num, command) for command in (GETVAL, GETNCNT, GETZCNT, GETPID)))
            for num in range(nsems)
        ]

    def waiters(self, semid: int, nsems: int) -> int:
        """How many threads sleep in semop(2) on the set. Raises OSError as :meth:`semaphores`."""
        growing, zero = self.waits(semid, nsems)
        return growing + zero

    def uses(self, semid: int, nsems: int) -> tuple[int, tuple[int, ...]]:
        """How many threads sleep on the set, and :meth:`last_pids`. Raises OSError as :meth:`semaphores`."""
        if nsems != 1:
            return self.waiters(semid, nsems), tuple(self.last_pids(semid, nsems))
        semctl = self._libc.semctl  # most sets have one semaphore, and there may be ten thousands
        growing, zero, pid = semctl(semid, 0, GETNCNT, 0), semctl(semid, 0, GETZCNT, 0), semctl(semid, 0, GETPID, 0)
        if growing < 0 or zero < 0 or pid < 0:
            raise _fail(f"sem:{semid}")
        return growing + zero, (pid,)

    def waits(self, semid: int, nsems: int) -> tuple[int, int]:
        """How many threads wait for a value to grow (ncount) and to become 0 (zcount). Raises as :meth:`semaphores`."""
        semctl = self._libc.semctl
        growing = zero = 0
        for num in range(nsems):
            ncount, zcount = semctl(semid, num, GETNCNT, 0), semctl(semid, num, GETZCNT, 0)
            if ncount < 0 or zcount < 0:
                raise _fail(f"sem:{semid}")
            growing += ncount
            zero += zcount
        return growing, zero

    def last_pids(self, semid: int, nsems: int) -> list[int]:
        """The process of each semaphore's last operation; 0 = none, or not visible. Raises as :meth:`semaphores`."""
        return [self._semctl(semid, num, GETPID) for num in range(nsems)]

    def _semctl(self, semid: int, num: int, command: int) -> int:
        value: int = self._libc.semctl(semid, num, command, 0)
        if value < 0:
            raise _fail(f"sem:{semid}")
        return value

    def remove(self, kind: str, identifier: int) -> None:
        """IPC_RMID. Raises OSError: EPERM, or EINVAL and EIDRM when it is gone already."""
        if kind == SEM:
            done = self._libc.semctl(identifier, 0, IPC_RMID, 0)
        elif kind == SHM:
            done = self._libc.shmctl(identifier, IPC_RMID, None)
        else:
            done = self._libc.msgctl(identifier, IPC_RMID, None)
        if done:
            raise _fail(f"{kind}:{identifier}")

    def taking(self, kind: str) -> Callable[[int, tuple[int, ...], int, Sequence[int]], bool]:
        """A quick removal of many sets or queues: a function of id, STAT_FIELDS as they were listed, nsems, pids.

        Of a set, *pids* are the last users of its semaphores as they were judged; empty = they are not compared.
        True = it was as listed, nobody waited on the set, and IPC_RMID took it. False = for whatever reason nothing was
        done: look closer. A queue does not tell who waits on it.
        """
        buffer, view, unpack, mask = self._buffer, self._view, _STAT[kind].unpack_from, _INDEX_MASKS[0]
        semctl, msgctl = self._libc.semctl, self._libc.msgctl

        def take_set(semid: int, listed: tuple[int, ...], nsems: int, pids: Sequence[int]) -> bool:
            if semctl(semid & mask, 0, SEM_STAT_ANY, buffer) != semid or unpack(view) != listed:
                return False
            for num in range(nsems):
                if semctl(semid, num, GETNCNT, 0) or semctl(semid, num, GETZCNT, 0):
                    return False
                if pids and semctl(semid, num, GETPID, 0) != pids[num]:
                    return False
            return not semctl(semid, 0, IPC_RMID, 0)

        def take_queue(msqid: int, listed: tuple[int, ...], _: int, __: Sequence[int]) -> bool:
            if msgctl(msqid & mask, MSG_STAT_ANY, buffer) != msqid or unpack(view) != listed:
                return False
            return not msgctl(msqid, IPC_RMID, None)

        return {SEM: take_set, MSG: take_queue}[kind]

    def peek(self, msqid: int, count: int, msgmax: int) -> Sequence[Message]:
        """The first *count* messages of a queue, left where they are. Raises as :meth:`copies`."""
        return list(itertools.islice(self.copies(msqid, msgmax), count))

    def copies(self, msqid: int, msgmax: int) -> Iterator[Message]:
        """Every message of a queue in order, left where it is (MSG_COPY); *msgmax*: bytes of the largest there can be.

        Raises OSError: EACCES without read permission, ENOSYS on a kernel without CONFIG_CHECKPOINT_RESTORE.
        """
        buffer = ctypes.create_string_buffer(8 + msgmax)
        for position in itertools.count():
            length = self._libc.msgrcv(
                msqid, buffer, ctypes.c_size_t(msgmax), ctypes.c_long(position), MSG_COPY | IPC_NOWAIT
            )
            if length < 0:
                if ctypes.get_errno() == errno.ENOMSG:
                    return
                raise _fail(f"msg:{msqid}")
            head = bytes(memoryview(buffer)[: 8 + length])
            yield Message(int.from_bytes(head[:8], sys.byteorder), head[8:])
