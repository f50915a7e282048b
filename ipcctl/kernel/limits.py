"""The limits of the reader's IPC namespace, from /proc/sys (proc_sys_kernel(5), proc_sys_fs(5))."""

from __future__ import annotations

import os

from ipcctl.errors import InterfaceMissing
from ipcctl.kernel.files import read_text
from ipcctl.model.limits import FileSystemUse, MqueueLimits, SysvLimits
from ipcctl.parse.pidlimits import parse_msgqueue_limit
from ipcctl.parse.sysctl import parse_numbers

NO_LIMIT = 2**64 - 1


def read_sysv_limits(proc: str) -> SysvLimits:
    """System V limits. Raises InterfaceMissing, ParseError."""

    def one(name: str) -> int:
        return _numbers(f"{proc}/sys/kernel/{name}", 1)[0]

    semmsl, semmns, semopm, semmni = _numbers(f"{proc}/sys/kernel/sem", 4)
    return SysvLimits(
        shmmax=one("shmmax"),
        shmall=one("shmall"),
        shmmni=one("shmmni"),
        semmsl=semmsl,
        semmns=semmns,
        semopm=semopm,
        semmni=semmni,
        msgmni=one("msgmni"),
        msgmax=one("msgmax"),
        msgmnb=one("msgmnb"),
    )


def read_mqueue_limits(proc: str) -> MqueueLimits:
    """POSIX queue limits. Raises InterfaceMissing, ParseError."""
    return MqueueLimits(*(_numbers(f"{proc}/sys/fs/mqueue/{name}", 1)[0] for name in MqueueLimits._fields))


def read_file_system_use(path: str) -> FileSystemUse:
    """Size of the file system at *path* and what ordinary users may still take. Raises OSError."""
    use = os.statvfs(path)
    return FileSystemUse(use.f_blocks * use.f_frsize, use.f_bavail * use.f_frsize)


def read_msgqueue_limit(proc: str, pid: int | str = "self") -> int | None:
    """RLIMIT_MSGQUEUE of a process, in bytes; everybody may read it. None = the process is gone."""
    try:
        return parse_msgqueue_limit(read_text(f"{proc}/{pid}/limits"))
    except OSError:
        return None


def page_size() -> int:
    """Bytes in a page, the unit of shmall."""
    return os.sysconf("SC_PAGE_SIZE")


def _numbers(path: str, count: int) -> tuple[int, ...]:
    try:
        text = read_text(path)
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise InterfaceMissing(message, hint="the kernel lacks this limit or the sandbox hides it") from error
    return parse_numbers(text, count, path)
