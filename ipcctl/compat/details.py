"""``ipcs -i ID``: everything about one object."""

from __future__ import annotations

import os

from ipcctl.compat.cells import date, moment, permissions
from ipcctl.compat.numbers import human as human_size
from ipcctl.errors import IpcctlError
from ipcctl.kernel.sysvipc import read_columns

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

_PEOPLE = ("perms", "uid", "gid", "cuid", "cgid")
_FIELDS = {
    "msg": ("msqid", *_PEOPLE, "cbytes", "qnum", "lspid", "lrpid", "stime", "rtime", "ctime"),
    "shm": ("shmid", *_PEOPLE, "size", "cpid", "lpid", "nattch", "atime", "dtime", "ctime"),
    "sem": ("semid", *_PEOPLE, "nsems", "otime", "ctime"),
}


def details(kind: str, identifier: int, out: TextIO, err: TextIO, *, human: bool) -> int:
    """Print the object with this id. One that does not exist is no failure. Raises IpcctlError, OSError."""
    fields = _FIELDS[kind]
    _, columns = read_columns(kind, fields)
    if identifier not in columns[0]:
        err.write(f"ipcs: id {identifier} not found\n")
        return 0
    place = columns[0].index(identifier)
    row = {field: column[place] for field, column in zip(fields, columns, strict=True)}
    out.write(_SHOW[kind](row, human=human))
    return 0


def _octal(mode: int) -> str:
    return f"0{mode:o}" if mode else "0"


def _when(label: str, seconds: int) -> str:
    return f"{label}{moment(seconds):<26}\n"


def _size(word: str, number: int, *, human: bool) -> str:
    """``cbytes=77``, for people ``csize=77B``."""
    return f"{word.replace('bytes', 'size')}={human_size(number)}" if human else f"{word}={number}"


def _msg(row: dict[str, Any], *, human: bool) -> str:
    return (
        f"\nMessage Queue msqid={row['msqid']}\n"
        f"uid={row['uid']}\tgid={row['gid']}\tcuid={row['cuid']}\tcgid={row['cgid']}\tmode={_octal(row['perms'])}\n"
        f"{_size('cbytes', row['cbytes'], human=human)}\t{_size('qbytes', _qbytes(row['msqid']), human=human)}"
        f"\tqnum={row['qnum']}\tlspid={row['lspid']}\tlrpid={row['lrpid']}\n"
        f"{_when('send_time=', row['stime'])}{_when('rcv_time=', row['rtime'])}{_when('change_time=', row['ctime'])}\n"
    )


def _qbytes(msqid: int) -> int:
    """The limit of a queue; 0 without read permission on it, as in the original."""
    from ipcctl.kernel.sysv import SysvControl  # start-up: loads ctypes

    control = SysvControl()
    try:
        return (control.queue_limits([msqid])[0] or 0) if control.readable("msg", msqid) else 0
    except OSError:  # gone
        return 0


def _shm(row: dict[str, Any], *, human: bool) -> str:
    return (
        f"\nShared memory Segment shmid={row['shmid']}\n"
        f"uid={row['uid']}\tgid={row['gid']}\tcuid={row['cuid']}\tcgid={row['cgid']}\n"
        f"mode={_octal(row['perms'])}\taccess_perms={_octal(permissions(row['perms']))}\n"
        f"{_size('bytes', row['size'], human=human)}\tlpid={row['lpid']}\tcpid={row['cpid']}\tnattch={row['nattch']}\n"
        f"{_when('att_time=', row['atime'])}{_when('det_time=', row['dtime'])}change_time={date(row['ctime']):<26}\n\n"
    )


def _sem(row: dict[str, Any], **_: bool) -> str:
    from ipcctl.kernel.sysv import SysvControl  # start-up: loads ctypes

    try:
        semaphores = SysvControl().semaphores(row["semid"], row["nsems"])
    except OSError as error:
        raise IpcctlError(f"semctl(GETVAL) failed: {os.strerror(error.errno or 0)}") from error
    lines = [f"{it.num:<10} {it.value:<10} {it.ncount:<10} {it.zcount:<10} {it.pid:<10}\n" for it in semaphores]
    return (
        f"\nSemaphore Array semid={row['semid']}\n"
        f"uid={row['uid']}\t gid={row['gid']}\t cuid={row['cuid']}\t cgid={row['cgid']}\n"
        f"mode={_octal(row['perms'])}, access_perms={_octal(permissions(row['perms']))}\n"
        f"nsems = {row['nsems']}\n"
        f"{_when('otime = ', row['otime'])}{_when('ctime = ', row['ctime'])}"
        f"semnum     value      ncount     zcount     pid       \n{''.join(lines)}\n"
    )


_SHOW: dict[str, Callable[..., str]] = {"msg": _msg, "shm": _shm, "sem": _sem}
