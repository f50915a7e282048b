"""/proc/PID/task/TID/syscall: the call a thread sleeps in (proc_pid_syscall(5))."""

from __future__ import annotations

from typing import NamedTuple

MSG, SEM, PMSG = "msg", "sem", "pmsg"  # what argument 0 is: a msqid, a semid, a descriptor of a queue

_CALLS: dict[str, dict[int, str]] = {
    # msgsnd msgrcv, semop semtimedop, mq_timedsend mq_timedreceive
    "x86_64": {69: MSG, 70: MSG, 65: SEM, 220: SEM, 242: PMSG, 243: PMSG},
    "generic": {189: MSG, 188: MSG, 193: SEM, 192: SEM, 182: PMSG, 183: PMSG},
}
_GENERIC = frozenset({"aarch64", "riscv64", "loongarch64"})


class Wait(NamedTuple):
    """What a thread sleeps on."""

    kind: str  # msg, sem or pmsg
    number: int  # msqid, semid or, for pmsg, a descriptor


def calls_of(machine: str) -> dict[int, str]:
    """The numbers of the calls that can sleep on an IPC object; empty for a machine ipcctl does not know."""
    return _CALLS.get("generic" if machine in _GENERIC else machine, {})


def parse_syscall(text: bytes, calls: dict[int, str]) -> Wait | None:
    """What the thread sleeps on; None if it runs, or sleeps in another call."""
    words = text.split(None, 2)
    if len(words) < 2 or not words[0].isdigit():  # noqa: PLR2004  number and first argument
        return None
    kind = calls.get(int(words[0]))
    if kind is None:
        return None
    try:
        return Wait(kind, int(words[1], 16) & 0x7FFFFFFF)
    except ValueError:
        return None
