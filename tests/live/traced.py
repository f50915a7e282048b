"""A process that gets a signal right before its n-th call that changes something: ptrace(2).

So every state that a kill -9 can leave behind is met, each exactly once, however fast the machine is.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_TRACEME, _CONT, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 7, 0x4200, 0x420E
_CLONE, _SECCOMP, _EXITKILL = 0x8, 0x80, 0x10_0000
_STOPPED_BY_FILTER = signal.SIGTRAP | 7 << 8
_WALL = 0x4000_0000
_ESRCH = 3
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # of classic BPF, see bpf(4)
_ALLOW, _TRACE = 0x7FFF_0000, 0x7FF0_0000
_INSTRUCTION = struct.Struct("=HBBI")
_INFO = struct.Struct("=B3xIQQQ6Q")  # op, arch, instruction and stack pointer; number and arguments of the call
_NAMES = {
    "x86_64": {
        1: "write", 18: "pwrite", 20: "writev", 257: "openat", 74: "fsync", 77: "ftruncate", 91: "fchmod",
        93: "fchown", 82: "rename", 264: "renameat", 87: "unlink", 263: "unlinkat", 265: "linkat", 316: "renameat2",
        29: "shmget", 31: "shmctl", 30: "shmat", 64: "semget", 66: "semctl", 68: "msgget", 69: "msgsnd",
        70: "msgrcv", 71: "msgctl", 240: "mq_open", 241: "mq_unlink", 242: "mq_timedsend", 243: "mq_timedreceive",
        285: "fallocate",
    },
    "aarch64": {
        64: "write", 68: "pwrite", 66: "writev", 56: "openat", 82: "fsync", 46: "ftruncate", 52: "fchmod",
        55: "fchown", 38: "renameat", 35: "unlinkat", 37: "linkat", 276: "renameat2", 47: "fallocate",
        194: "shmget", 195: "shmctl", 196: "shmat", 190: "semget", 191: "semctl", 186: "msgget", 189: "msgsnd",
        188: "msgrcv", 187: "msgctl", 180: "mq_open", 181: "mq_unlink", 182: "mq_timedsend", 183: "mq_timedreceive",
    },
}  # fmt: skip
_FLAGS_ARGUMENT = {"openat": 2, "mq_open": 1}
_CONTROL_ARGUMENT = {"shmctl": 1, "msgctl": 1, "semctl": 2}
_COMMAND = 0xFF  # without IPC_64
_CHANGING = {0, 1, 16, 17}  # IPC_RMID, IPC_SET, SETVAL, SETALL
_RMID = 0
_MSG_COPY = 0o40000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Traced(NamedTuple):
    """How a process went."""

    calls: list[str]
    """The calls that it began and that change something, in order; IPC_RMID as `rmid`."""
    code: int | None
    """Its exit code; None = a signal ended it, before the last of `calls`."""


def traced(run: Callable[[], int], *, kill_at: int | None = None, by: signal.Signals = signal.SIGKILL) -> Traced:
    """Fork, and let the child `run` and exit with what that returns, signalled at its `kill_at`-th call (from 1).

    Raises PermissionError where a process may not be traced.
    """
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            if _libc.ptrace(_TRACEME, 0, None, None) < 0:
                os._exit(126)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.dup2(1, 2)
            sys.stdin = None
            _stop_at_calls()
            os._exit(run())
        finally:
            os._exit(125)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise PermissionError("a process may not be traced here")
    _ptrace(_SETOPTIONS, pid, _CLONE | _SECCOMP | _EXITKILL)
    return _follow(pid, kill_at, by)


def _stop_at_calls() -> None:
    """Let the calls of the table, and no others, stop this process: seccomp(2), SECCOMP_RET_TRACE."""
    numbers = list(_NAMES[platform.machine()])
    program = [(_LOAD, 0, 0, 0)]  # the number of the call
    program += [(_JUMP_IF_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _TRACE)]
    text = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*it) for it in program))
    filtered = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(text)))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, filtered):
        raise OSError(ctypes.get_errno(), "no filter of system calls here")


def _follow(pid: int, kill_at: int | None, by: signal.Signals) -> Traced:
    calls: list[str] = []
    thread, deliver = pid, 0
    while True:
        _ptrace(_CONT, thread, deliver)
        while True:
            thread, status = os.waitpid(-pid, _WALL)
            if os.WIFSTOPPED(status):
                break
            if thread == pid:
                return Traced(calls, None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status))
        deliver = 0
        if status >> 8 == _STOPPED_BY_FILTER:
            killed = by == signal.SIGKILL and len(calls) == kill_at
            if not killed and (name := _begins(thread)):
                calls.append(name)
                if len(calls) == kill_at:
                    os.kill(pid, by)
        elif os.WSTOPSIG(status) not in (signal.SIGTRAP, signal.SIGSTOP):
            deliver = os.WSTOPSIG(status)


def _begins(thread: int) -> str | None:
    """The call that is to begin, if it changes something."""
    buffer = ctypes.create_string_buffer(128)
    _ptrace(_GET_SYSCALL_INFO, thread, buffer, len(buffer))
    _, _, _, _, number, *arguments = _INFO.unpack_from(buffer)
    name = _NAMES[platform.machine()][number]
    if name in _FLAGS_ARGUMENT and not arguments[_FLAGS_ARGUMENT[name]] & os.O_CREAT:
        return None
    if name in _CONTROL_ARGUMENT:
        command = arguments[_CONTROL_ARGUMENT[name]] & _COMMAND
        return None if command not in _CHANGING else "rmid" if command == _RMID else name
    if name == "msgrcv" and arguments[4] & _MSG_COPY:
        return None
    return name


def _ptrace(request: int, thread: int, data: object, address: int = 0) -> None:
    where = ctypes.cast(data, ctypes.c_void_p) if isinstance(data, ctypes.Array) else ctypes.c_void_p(data)  # type: ignore[arg-type]
    if _libc.ptrace(request, thread, ctypes.c_void_p(address), where) < 0:
        number = ctypes.get_errno()
        if number != _ESRCH:  # it was killed meanwhile
            raise OSError(number, os.strerror(number))
