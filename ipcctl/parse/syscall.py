"""/proc/PID/task/TID/syscall: the call a thread sleeps in (proc_pid_syscall(5), syscalls(2))."""

from __future__ import annotations

from typing import NamedTuple

from ipcctl.model.kinds import MSG, PMSG, SEM

MSGSND, MSGRCV, SEMOP, MQ_SEND, MQ_RECEIVE = "msgsnd", "msgrcv", "semop", "mq_send", "mq_receive"
IPC = "ipc"  # ipc(2): argument 0 is the call, argument 1 the id
CALLS = {MSGSND: MSG, MSGRCV: MSG, SEMOP: SEM, MQ_SEND: PMSG, MQ_RECEIVE: PMSG}
"""The kind of object that each waits on."""

_NUMBERS: dict[str, dict[int, str]] = {
    # semop and semtimedop; mq_timedsend and mq_timedreceive
    "x86_64": {69: MSGSND, 70: MSGRCV, 65: SEMOP, 220: SEMOP, 242: MQ_SEND, 243: MQ_RECEIVE},
    "generic": {189: MSGSND, 188: MSGRCV, 193: SEMOP, 192: SEMOP, 182: MQ_SEND, 183: MQ_RECEIVE},
}
_GENERIC = frozenset({"aarch64", "riscv64", "loongarch64"})
# A 32-bit process has a table of its own; these numbers mean nothing that sleeps in the 64-bit one.
_TIME64 = {418: MQ_SEND, 419: MQ_RECEIVE, 420: SEMOP}
_COMPAT: dict[str, dict[int, str]] = {
    "x86_64": {400: MSGSND, 401: MSGRCV, 117: IPC, **_TIME64},
    "aarch64": {301: MSGSND, 302: MSGRCV, 298: SEMOP, 312: SEMOP, **_TIME64},
}
_X32 = 0x40000000  # set in the numbers of x32 processes
_BY_IPC = {1: SEMOP, 4: SEMOP, 11: MSGSND, 12: MSGRCV}  # of ipc(2)


class Wait(NamedTuple):
    """What a thread sleeps on, and in which call."""

    call: str  # as its manual page is named
    number: int  # msqid, semid or, for mq_send and mq_receive, a descriptor

    @property
    def kind(self) -> str:
        """The kind of the object: msg, sem or pmsg."""
        return CALLS[self.call]


def calls_of(machine: str) -> dict[int, str]:
    """The numbers of the calls that can sleep on an IPC object; empty for a machine ipcctl does not know."""
    own = _NUMBERS.get("generic" if machine in _GENERIC else machine, {})
    return {**_COMPAT.get(machine, {}), **own}


def parse_syscall(text: bytes, calls: dict[int, str]) -> Wait | None:
    """What the thread sleeps on; None if it runs, or sleeps in another call."""
    words = text.split(None, 3)
    try:
        call = calls.get(int(words[0]) & ~_X32)
        if call is None:
            return None
        if call != IPC:
            return Wait(call, _int(words[1]))
        by_ipc = _BY_IPC.get(_int(words[1]) & 0xFFFF)
        return Wait(by_ipc, _int(words[2])) if by_ipc else None
    except (ValueError, IndexError):
        return None


def _int(word: bytes) -> int:
    """An argument that is an int, not negative."""
    return int(word, 16) & 0x7FFFFFFF
