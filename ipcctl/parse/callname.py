"""Which call on an IPC object a thread sleeps in, by name (proc_pid_syscall(5), syscalls(2))."""

from __future__ import annotations

from typing import NamedTuple

MSGSND, MSGRCV, SEMOP, MQ_SEND, MQ_RECEIVE = "msgsnd", "msgrcv", "semop", "mq_send", "mq_receive"
CALLS = {"msg": (MSGSND, MSGRCV), "sem": (SEMOP,), "pmsg": (MQ_SEND, MQ_RECEIVE)}  # by kind of object

# semop and semtimedop; mq_timedsend and mq_timedreceive; behind them those of 32-bit processes
_X86_64 = {69: MSGSND, 70: MSGRCV, 65: SEMOP, 220: SEMOP, 242: MQ_SEND, 243: MQ_RECEIVE}
_GENERIC = {189: MSGSND, 188: MSGRCV, 193: SEMOP, 192: SEMOP, 182: MQ_SEND, 183: MQ_RECEIVE}
_NUMBERS: dict[str, dict[int, str]] = {
    "x86_64": {**_X86_64, 400: MSGSND, 401: MSGRCV, 420: SEMOP},
    "aarch64": {**_GENERIC, 301: MSGSND, 302: MSGRCV, 298: SEMOP, 420: SEMOP},
    "riscv64": _GENERIC,
    "loongarch64": _GENERIC,
}


class Sleep(NamedTuple):
    """The call, and its first argument: a msqid, a semid, or for mq_send and mq_receive a descriptor."""

    call: str  # as the manual page is named
    number: int


def numbers_known(machine: str) -> bool:
    """Whether the calls of this machine can be told apart."""
    return machine in _NUMBERS


def parse_sleep(text: bytes, machine: str) -> Sleep | None:
    """What a thread sleeps in; None if it runs, sleeps in another call, or the machine's numbers are not known."""
    words = text.split(None, 2)
    if len(words) < 2 or not words[0].isdigit():  # noqa: PLR2004  number and first argument
        return None
    call = _NUMBERS.get(machine, {}).get(int(words[0]))
    try:
        return Sleep(call, int(words[1], 16) & 0x7FFFFFFF) if call else None
    except ValueError:
        return None
