"""The tables of ipcs: what is printed of each kind in each format.

A table is data: a heading, and of each column the word of the heading in /proc/sysvipc, the %-template of a cell, and
how numbers become cells. Trailing blanks are part of the interface.
"""

from __future__ import annotations

from ipcctl.compat.cells import (
    DEST,
    GROUPS,
    HUMAN_SIZES,
    LOCKED,
    MOMENTS,
    OWNERS,
    PERMISSIONS,
    SHORT_MOMENTS,
    USERS,
)
from ipcctl.parse.table import parse_columns
from ipcctl.render.template import rows

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.compat.cells import Convert

    Column = tuple[str, str, Convert | None]
    Table = tuple[str, Sequence[Column]]

NORMAL, TIME, PID, CREATOR = "normal", "time", "pid", "creator"


def listing(table: Table, text: str, path: str) -> str:
    """*table* filled with the objects of *text*, the content of *path*, from its blank line on. Raises ParseError."""
    heading, columns = table
    count, numbers = parse_columns(text, [word for word, _, _ in columns], path)
    if not count:
        return f"\n{heading}\n"
    cells = [convert(column) if convert else column for column, (_, _, convert) in zip(numbers, columns, strict=True)]  # type: ignore[arg-type]  # no column asked for is optional
    body = "\n".join(rows(cells, [slot for _, slot, _ in columns]))
    return f"\n{heading}\n{body}\n"


def table_of(layout: str, kind: str, *, human: bool) -> Table | None:
    """The table of *kind*, with sizes in bytes or for people; None where there is nothing to show."""
    return _HUMAN.get((layout, kind)) if human and (layout, kind) in _HUMAN else _TABLES.get((layout, kind))


_OWNER: Column = ("uid", "%s ", OWNERS)
_PERMS: Column = ("perms", "%-10o ", PERMISSIONS)
_PEOPLE: tuple[Column, ...] = (
    ("cuid", "%s ", USERS),
    ("cgid", "%s ", GROUPS),
    ("uid", "%s ", USERS),
    ("gid", "%s", GROUPS),
)
_SHORT, _LONG = "%-20s ", "%-26s"
_QUEUE: tuple[Column, ...] = (("key", "0x%08x ", None), ("msqid", "%-10d ", None), _OWNER, _PERMS)
_QNUM: Column = ("qnum", "%-12d", None)
_SEGMENT: tuple[Column, ...] = (("key", "0x%08x ", None), ("shmid", "%-10d ", None), _OWNER, _PERMS)
_STATE: tuple[Column, ...] = (("nattch", "%-10d ", None), ("perms", "%-6s ", DEST), ("perms", "%-6s", LOCKED))
_QUEUE_HEADING = """\
------ Message Queues --------
key        msqid      owner      perms      %s messages    """
_SEGMENT_HEADING = """\
------ Shared Memory Segments --------
key        shmid      owner      perms      %s nattch     status      """

_TIME_MSG = (
    "------ Message Queues Send/Recv/Change Times --------\n"
    "msqid    owner      send                 recv                 change              "
)
_TIME_SHM = (
    "------ Shared Memory Attach/Detach/Change Times --------\n"
    "shmid      owner      attached             detached             changed             "
)
_TIME_SEM = (
    "------ Semaphore Operation/Change Times --------\n"
    "semid    owner      last-op                    last-changed              "
)
_CREATOR_MSG = (
    "------ Message Queues Creators/Owners --------\nmsqid      perms      cuid       cgid       uid        gid       "
)
_CREATOR_SHM = (
    "------ Shared Memory Segment Creators/Owners --------\n"
    "shmid      perms      cuid       cgid       uid        gid       "
)
_CREATOR_SEM = (
    "------ Semaphore Arrays Creators/Owners --------\n"
    "semid      perms      cuid       cgid       uid        gid       "
)

_TABLES: dict[tuple[str, str], Table] = {
    (NORMAL, "msg"): (_QUEUE_HEADING % "used-bytes  ", (*_QUEUE, ("cbytes", "%-12d ", None), _QNUM)),
    (NORMAL, "shm"): (_SEGMENT_HEADING % "bytes     ", (*_SEGMENT, ("size", "%-10d ", None), *_STATE)),
    (NORMAL, "sem"): (
        "------ Semaphore Arrays --------\nkey        semid      owner      perms      nsems     ",
        (("key", "0x%08x ", None), ("semid", "%-10d ", None), _OWNER, _PERMS, ("nsems", "%-10d", None)),
    ),
    (TIME, "msg"): (
        _TIME_MSG,
        (
            ("msqid", "%-8d ", None),
            _OWNER,
            ("stime", _SHORT, SHORT_MOMENTS),
            ("rtime", _SHORT, SHORT_MOMENTS),
            ("ctime", _SHORT[:-1], SHORT_MOMENTS),
        ),
    ),
    (TIME, "shm"): (
        _TIME_SHM,
        (
            ("shmid", "%-10d ", None),
            _OWNER,
            ("atime", _SHORT, SHORT_MOMENTS),
            ("dtime", _SHORT, SHORT_MOMENTS),
            ("ctime", _SHORT[:-1], SHORT_MOMENTS),
        ),
    ),
    (TIME, "sem"): (
        _TIME_SEM,
        (("semid", "%-8d ", None), ("uid", "%s  ", OWNERS), ("otime", _LONG + " ", MOMENTS), ("ctime", _LONG, MOMENTS)),
    ),
    (PID, "msg"): (
        "------ Message Queues PIDs --------\nmsqid      owner      lspid      lrpid     ",
        (("msqid", "%-8d ", None), ("uid", "%s  ", OWNERS), ("lspid", "%5d     ", None), ("lrpid", "%5d", None)),
    ),
    (PID, "shm"): (
        "------ Shared Memory Creator/Last-op PIDs --------\nshmid      owner      cpid       lpid      ",
        (("shmid", "%-10d ", None), _OWNER, ("cpid", "%-10d ", None), ("lpid", "%-10d", None)),
    ),
    (CREATOR, "msg"): (
        _CREATOR_MSG,
        (("msqid", "%-10d ", None), _PERMS, *_PEOPLE),
    ),
    (CREATOR, "shm"): (
        _CREATOR_SHM,
        (("shmid", "%-10d ", None), _PERMS, *_PEOPLE),
    ),
    (CREATOR, "sem"): (
        _CREATOR_SEM,
        (("semid", "%-10d ", None), _PERMS, *_PEOPLE),
    ),
}
_HUMAN: dict[tuple[str, str], Table] = {
    (NORMAL, "msg"): (_QUEUE_HEADING % "size        ", (*_QUEUE, ("cbytes", "%6s       ", HUMAN_SIZES), _QNUM)),
    (NORMAL, "shm"): (_SEGMENT_HEADING % "size      ", (*_SEGMENT, ("size", "%6s     ", HUMAN_SIZES), *_STATE)),
}
