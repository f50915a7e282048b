"""/proc/PID/task/TID/syscall: the call a thread sleeps in (proc_pid_syscall(5))."""

from __future__ import annotations

from typing import NamedTuple

MSG, SEM, PMSG = "msg", "sem", "pmsg"  # what argument 0 is: a msqid, a semid, a descriptor of a queue
IPC = "ipc"  # ipc(2): argument 0 is the call, argument 1 the id

_CALLS: dict[str, dict[int, str]] = {
    # msgsnd msgrcv, semop semtimedop, mq_timedsend mq_timedreceive
    "x86_64": {69: MSG, 70: MSG, 65: SEM, 220: SEM, 242: PMSG, 243: PMSG},
    "generic": {189: MSG, 188: MSG, 193: SEM, 192: SEM, 182: PMSG, 183: PMSG},
}
_GENERIC = frozenset({"aarch64", "riscv64", "loongarch64"})
# A 32-bit process has a table of its own; these numbers mean nothing that sleeps in the 64-bit one.
_COMPAT: dict[str, dict[int, str]] = {
    "x86_64": {400: MSG, 401: MSG, 420: SEM, 117: IPC},
    "aarch64": {301: MSG, 302: MSG, 298: SEM, 312: SEM, 420: SEM},
}
_X32 = 0x40000000  # set in the numbers of x32 processes
_BY_CALL = {1: SEM, 4: SEM, 11: MSG, 12: MSG}  # of ipc(2)


class Wait(NamedTuple):
    """What a thread sleeps on."""

    kind: str  # msg, sem or pmsg
    number: int  # msqid, semid or, for pmsg, a descriptor


def calls_of(machine: str) -> dict[int, str]:
    """The numbers of the calls that can sleep on an IPC object; empty for a machine ipcctl does not know."""
    own = _CALLS.get("generic" if machine in _GENERIC else machine, {})
    return {**_COMPAT.get(machine, {}), **own}


def parse_syscall(text: bytes, calls: dict[int, str]) -> Wait | None:
    """What the thread sleeps on; None if it runs, or sleeps in another call."""
    words = text.split(None, 3)
    if len(words) < 2 or not words[0].isdigit():  # noqa: PLR2004  number and first argument
        return None
    kind = calls.get(int(words[0]) & ~_X32)
    if kind is None:
        return None
    try:
        if kind != IPC:
            return Wait(kind, _int(words[1]))
        by_call = _BY_CALL.get(_int(words[1]) & 0xFFFF)
        return Wait(by_call, _int(words[2])) if by_call else None
    except (ValueError, IndexError):
        return None


def _int(word: bytes) -> int:
    """An argument that is an int, not negative."""
    return int(word, 16) & 0x7FFFFFFF
