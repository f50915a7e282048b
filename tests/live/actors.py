"""Real processes for tests: they hold an object or sleep on it until told to stop or killed.

Each is a context manager: leaving it kills and reaps the process, by its pid. It also dies with the test run.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import platform
import signal
import struct
import time
import traceback
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import posix_ipc
import sysv_ipc

from tests.live import users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds an actor may take until it is asleep."""

IPC_NOWAIT = 0o4000
MAP_SHARED = 1
PR_SET_PDEATHSIG = 1
PROT_READ = 1

# Call numbers as /proc/PID/syscall shows them; glibc's semop arrives as semtimedop.
_NUMBERS = {
    "x86_64": {"semop": {65, 220}, "msgsnd": {69}, "msgrcv": {70}, "mq_send": {242}, "mq_receive": {243}},
    "aarch64": {"semop": {192, 193}, "msgsnd": {189}, "msgrcv": {188}, "mq_send": {182}, "mq_receive": {183}},
}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.msgsnd.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
_libc.msgrcv.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int]
_libc.semop.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mmap.restype = ctypes.c_void_p


class ActorError(Exception):
    """What a child was to do failed there; the text is its traceback."""


class Actor:
    """A live process of a test."""

    def __init__(self, pid: int, orders: int) -> None:
        """Take charge of the child `pid`, which ends when a byte arrives through the descriptor `orders`."""
        self.pid = pid
        self.status: int | None = None
        """Exit code as in Popen.returncode (negative: the signal); None while it lives."""
        self._orders = orders

    def stop(self) -> None:
        """Let it end in good order and wait for that. Not for one that is asleep in a call."""
        os.write(self._orders, b".")
        self._reap()

    def kill(self) -> None:
        """Kill -9 and wait until it is gone. Harmless when it has ended already."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        os.close(self._orders)


@contextmanager
def actor(
    hold: Callable[[], object],
    *,
    uid: int | None = None,
    gid: int | None = None,
    sleep: Callable[[], object] | None = None,
    call: str | None = None,
) -> Iterator[Actor]:
    """Fork a process that runs `hold`, keeps what it returns, and stays until stopped or killed.

    With `sleep` it goes on to that, a function that blocks; should it return, the process stays. `call` names
    the call it must be asleep in before the body of the `with` runs: msgrcv, msgsnd, semop, mq_send or
    mq_receive. The child has none of this process's descriptors past stderr; mappings and attachments it
    inherits.

    Raises ActorError when `hold` fails, and when the child is not asleep within PATIENCE seconds.
    """
    ready, report = os.pipe()
    orders, order = os.pipe()

    def play() -> None:
        _close_all_but(report, orders)
        kept = hold()
        os.write(report, b"ready")
        os.close(report)
        if sleep:
            sleep()
        os.read(orders, 1)
        del kept

    pid = _fork(play, report, uid, gid)
    it = Actor(pid, order)
    os.close(report)
    os.close(orders)
    try:
        answer = _read_all(ready)
        if answer != b"ready":
            raise ActorError(answer.decode())
        if call:
            _wait_until_asleep(pid, call)
        yield it
    finally:
        it.kill()


def as_user(uid: int, do: Callable[[], T], *, gid: int | None = None) -> T:
    """Run `do` in a child that is `uid`; return its value or raise what it raised (both must pickle)."""
    ready, report = os.pipe()

    def play() -> None:
        try:
            answer = pickle.dumps((do(), None))
        except Exception as error:  # noqa: BLE001  raised again in the parent
            answer = pickle.dumps((error, traceback.format_exc()))
        with open(report, "wb", closefd=False) as pipe:
            pipe.write(answer)

    pid = _fork(play, report, uid, gid)
    os.close(report)
    answer = _read_all(ready)
    os.waitpid(pid, 0)
    try:
        value, story = pickle.loads(answer)  # noqa: S301  from our own child
    except (pickle.UnpicklingError, EOFError) as error:
        raise ActorError(answer.decode(errors="replace") or "the child died without a word") from error
    if story:
        raise value from ActorError(story)
    return value  # type: ignore[no-any-return]


def asleep_in(pid: int) -> int | None:
    """Return the number of the system call `pid` sleeps in, None while it runs. See proc_pid_syscall(5)."""
    number = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return None if number == "running" else int(number)


def numbers(call: str) -> set[int]:
    """Return the numbers `call` can have in /proc/PID/syscall on this machine."""
    return _NUMBERS[platform.machine()][call]


# The processes tests need most.

Living = AbstractContextManager[Actor]


def attached(shmid: int, *, uid: int | None = None, read_only: bool = False) -> Living:
    """Attach the segment."""
    return actor(lambda: sysv_ipc.attach(shmid, None, sysv_ipc.SHM_RDONLY if read_only else 0), uid=uid)


def receiving(msqid: int, *, uid: int | None = None) -> Living:
    """Sleep in msgrcv(2); the queue must be empty."""
    size = 8192
    buffer = bytes(8 + size)
    return actor(_nothing, uid=uid, sleep=lambda: _libc.msgrcv(msqid, buffer, size, 0, 0), call="msgrcv")


def sending(msqid: int, *, uid: int | None = None) -> Living:
    """Fill the queue, then sleep in msgsnd(2)."""
    text = b"x" * 1024
    message = struct.pack("@l", 1) + text

    def fill() -> None:
        while _libc.msgsnd(msqid, message, len(text), IPC_NOWAIT) == 0:
            pass

    return actor(fill, uid=uid, sleep=lambda: _libc.msgsnd(msqid, message, len(text), 0), call="msgsnd")


def waiting(semid: int, *, num: int = 0, op: int = -1, uid: int | None = None) -> Living:
    """Sleep in semop(2): for a higher value (`op` < 0, counted in ncount) or for zero (`op` 0, in zcount)."""
    operation = struct.pack("@Hhh", num, op, 0)
    return actor(_nothing, uid=uid, sleep=lambda: _libc.semop(semid, operation, 1), call="semop")


def opened(path: Path, *, uid: int | None = None, flags: int = os.O_RDWR) -> Living:
    """Have a file open, such as an object in /dev/shm."""
    return actor(lambda: os.open(path, flags), uid=uid)


def mapped(path: Path, *, uid: int | None = None) -> Living:
    """Map a file for reading, with the descriptor closed again. (`mmap.mmap` would keep one.)"""

    def hold() -> None:
        file = os.open(path, os.O_RDONLY)
        address = _libc.mmap(None, os.fstat(file).st_size, PROT_READ, MAP_SHARED, file, 0)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), f"mmap {path}")
        os.close(file)

    return actor(hold, uid=uid)


def mq_opened(name: str, *, uid: int | None = None) -> Living:
    """Have an existing POSIX queue open."""
    return actor(lambda: posix_ipc.MessageQueue(name), uid=uid)


def mq_receiving(name: str, *, uid: int | None = None) -> Living:
    """Sleep in mq_receive(3); the queue must be empty."""
    return actor(_nothing, uid=uid, sleep=lambda: posix_ipc.MessageQueue(name).receive(), call="mq_receive")


def mq_sending(name: str, *, uid: int | None = None) -> Living:
    """Fill the POSIX queue, then sleep in mq_send(3)."""

    def send_for_ever() -> None:
        queue = posix_ipc.MessageQueue(name)
        while True:
            queue.send(b"x")

    return actor(_nothing, uid=uid, sleep=send_for_ever, call="mq_send")


def _nothing() -> None:
    """For actors that hold nothing."""


def _fork(play: Callable[[], None], report: int, uid: int | None, gid: int | None) -> int:
    """Start a child that plays and exits 0, or writes its traceback to `report` and exits 1."""
    change = uid is not None and uid != os.geteuid()
    if change:
        users.closed_directories()  # found while everything can still be read, and kept
    pid = os.fork()
    if pid:
        return pid
    try:
        if change and uid is not None:
            users.become(uid, gid)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        play()
        os._exit(0)
    except BaseException:  # noqa: BLE001  nothing may get past the fork into the caller's code
        os.write(report, traceback.format_exc().encode())
    finally:
        os._exit(1)


def _close_all_but(*keep: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in keep:
            with suppress(OSError):  # the listing's own is closed already
                os.close(int(name))


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as pipe:
        return pipe.read()


def _wait_until_asleep(pid: int, call: str) -> None:
    expected = numbers(call)
    deadline = time.monotonic() + PATIENCE
    while (seen := asleep_in(pid)) not in expected:
        if time.monotonic() > deadline:
            raise ActorError(f"process {pid} is not asleep in {call} {expected} but in {seen}")
        time.sleep(0.001)
