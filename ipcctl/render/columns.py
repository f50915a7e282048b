"""The registry of columns: help texts, ``-o``, ``--sort``, JSON keys and the man page's table come from here.

A column works on a whole list at once, because lists are long: ``values(objects, view)`` gives one value per object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.verdict import Verdict
from ipcctl.render import values

if TYPE_CHECKING:
    from ipcctl.model.holder import Holder


class View(NamedTuple):
    """What a column may know beyond the object itself."""

    users: Mapping[int, str | None]
    groups: Mapping[int, str | None]
    now: float  # epoch seconds
    holders: Callable[[Any], Sequence[Holder]] = lambda _: ()  # asked only by the columns that show it
    verdict: Callable[[Any], Verdict] = lambda _: Verdict("", "")


Values = Callable[[Sequence[Any], View], Sequence[Any]]


class Column(NamedTuple):
    """One column. ``unit`` decides how a value is written; see :mod:`ipcctl.render.cells`."""

    name: str  # the man page's word, the JSON key
    help: str
    unit: str
    values: Values
    record: bool = True  # part of the JSON record; False = only when asked for or in a table


HOLDERS = Column(
    "holders", "who has it attached, mapped or open, or waits on it", "holders", values.holders, record=False
)
VERDICT = Column(
    *(
        "verdict",
        "in-use idle orphaned unknown",
        "text",
        lambda objects, view: [view.verdict(i).verdict for i in objects],
    ),
    record=False,
)
WHY = Column(
    *("why", "the evidence for the verdict", "phrase", lambda objects, view: [view.verdict(i).why for i in objects]),
    record=False,
)
EVIDENCE = (
    HOLDERS,
    Column("pids", "processes that hold it", "words", values.pids, record=False),
    Column(
        *("producer", "whose it is, by its name, key or owner", "text", values.producer),
        record=False,
    ),
    VERDICT,
    WHY,
)

_COMMON = (
    Column("kind", "kind of object", "text", values.kind),
    Column("ref", "reference, accepted by show and rm", "text", values.ref),
    Column("perms", "permissions, octal", "perms", values.perms),
    Column("uid", "owner's user id", "number", values.field("uid")),
    Column("user", "owner's name", "account", values.account("uid", "users")),
    Column("gid", "owner's group id", "number", values.field("gid")),
    Column("group", "owner's group", "account", values.account("gid", "groups")),
)
_SYSV = (
    Column("id", "identifier, as ipcs and ipcrm use it", "number", values.field("id")),
    Column("key", "key; 0x00000000 is IPC_PRIVATE", "key", values.field("key")),
    Column("cuid", "creator's user id", "number", values.field("cuid")),
    Column("cuser", "creator's name", "account", values.account("cuid", "users")),
    Column("cgid", "creator's group id", "number", values.field("cgid")),
    Column("cgroup", "creator's group", "account", values.account("cgid", "groups")),
    Column("ctime", "last change by IPC_SET, or creation", "time", values.or_none("ctime")),
)
_POSIX = (
    Column("name", "name, with its slash", "text", values.names),
    Column("mtime", "last modification", "time", values.or_none("mtime")),
)
_IDLE = Column("idle", "time since the newest of its times", "seconds", values.idle, record=False)

COLUMNS: dict[str, tuple[Column, ...]] = {
    SHM: (
        *_COMMON,
        *_SYSV,
        Column("size", "size of the segment", "bytes", values.field("size")),
        Column("nattch", "current attachments, by the kernel's count", "number", values.field("nattch")),
        Column("cpid", "creator's process", "number", values.or_none("cpid")),
        Column("lpid", "process of the last attach or detach", "number", values.or_none("lpid")),
        Column("rss", "bytes in memory", "bytes", values.field("rss")),
        Column("swap", "bytes swapped out", "bytes", values.field("swap")),
        Column("status", "dest (removed, still attached), locked, hugetlb", "words", values.status),
        Column("atime", "last attach", "time", values.or_none("atime")),
        Column("dtime", "last detach", "time", values.or_none("dtime")),
        _IDLE,
        *EVIDENCE,
    ),
    SEM: (
        *_COMMON,
        *_SYSV,
        Column("nsems", "semaphores in the set", "number", values.field("nsems")),
        Column("otime", "last semop", "time", values.or_none("otime")),
        _IDLE,
        *EVIDENCE,
    ),
    MSG: (
        *_COMMON,
        *_SYSV,
        Column("cbytes", "bytes queued", "bytes", values.field("cbytes")),
        Column("qnum", "messages queued", "number", values.field("qnum")),
        Column("qbytes", "bytes the queue may hold", "bytes", values.field("qbytes")),
        Column("lspid", "process of the last send", "number", values.or_none("lspid")),
        Column("lrpid", "process of the last receive", "number", values.or_none("lrpid")),
        Column("stime", "last send", "time", values.or_none("stime")),
        Column("rtime", "last receive", "time", values.or_none("rtime")),
        Column("fill", "cbytes in percent of qbytes", "percent", values.queue_fill, record=False),
        _IDLE,
        *EVIDENCE,
    ),
    PSHM: (
        *_COMMON,
        *_POSIX,
        Column("size", "size of the object", "bytes", values.field("size")),
        Column("allocated", "memory really used", "bytes", values.field("allocated")),
        _IDLE,
        *EVIDENCE,
    ),
    PSEM: (
        *_COMMON,
        *_POSIX,
        Column("value", "value of the semaphore", "number", values.field("value")),
        _IDLE,
        *EVIDENCE,
    ),
    PMSG: (
        *_COMMON,
        *_POSIX,
        Column("qsize", "bytes queued", "bytes", values.field("qsize")),
        Column("qnum", "messages queued", "number", values.field("qnum")),
        Column("maxmsg", "messages the queue may hold", "number", values.field("maxmsg")),
        Column("msgsize", "largest message", "bytes", values.field("msgsize")),
        Column("notify_pid", "process waiting for a notification", "number", values.or_none("notify_pid")),
        Column("fill", "qnum in percent of maxmsg", "percent", values.posix_queue_fill, record=False),
        _IDLE,
        *EVIDENCE,
    ),
}

# What a listing shows unless -o says otherwise: always, and on a wide terminal.
DEFAULT: dict[str, tuple[str, ...]] = {
    SHM: ("ref", "key", "perms", "user", "size", "nattch", "status", "idle"),
    SEM: ("ref", "key", "perms", "user", "nsems", "idle"),
    MSG: ("ref", "key", "perms", "user", "cbytes", "qnum", "idle"),
    PSHM: ("ref", "perms", "user", "size", "allocated", "idle"),
    PSEM: ("ref", "perms", "user", "value", "idle"),
    PMSG: ("ref", "perms", "user", "qsize", "qnum", "maxmsg", "idle"),
}
# What is left of it on a narrow terminal beside columns of evidence, which are long.
BESIDE_EVIDENCE = ("ref", "user", "size", "cbytes", "idle")
WIDE: dict[str, tuple[str, ...]] = {
    SHM: (
        *("ref", "key", "perms", "user", "group", "cuser", "size", "rss", "swap"),
        *("nattch", "cpid", "lpid", "status", "atime", "dtime", "idle"),
    ),
    SEM: ("ref", "key", "perms", "user", "group", "cuser", "nsems", "otime", "ctime", "idle"),
    MSG: (
        *("ref", "key", "perms", "user", "group", "cuser", "cbytes", "qnum", "qbytes", "fill"),
        *("lspid", "lrpid", "stime", "rtime", "idle"),
    ),
    PSHM: ("ref", "perms", "user", "group", "size", "allocated", "mtime", "idle"),
    PSEM: ("ref", "perms", "user", "group", "value", "mtime", "idle"),
    PMSG: (
        "ref",
        "perms",
        "user",
        "group",
        "qsize",
        "qnum",
        "maxmsg",
        "msgsize",
        "fill",
        "notify_pid",
        "mtime",
        "idle",
    ),
}


class Registry(NamedTuple):
    """The columns of everything that one command lists, by kind; what is usual, and usual on a wide terminal."""

    titles: Mapping[str, str]
    columns: Mapping[str, tuple[Column, ...]]
    usual: Mapping[str, Sequence[str]]
    wide: Mapping[str, Sequence[str]]


OBJECTS = Registry({name: kind.title for name, kind in KINDS.items()}, COLUMNS, DEFAULT, WIDE)


def record_columns(kind: str, registry: Registry = OBJECTS) -> tuple[Column, ...]:
    """The columns of the JSON record of *kind*, in order."""
    return tuple(column for column in registry.columns[kind] if column.record)


def named_columns(kind: str, names: Sequence[str], registry: Registry = OBJECTS) -> tuple[Column, ...]:
    """The columns of *kind* among *names*, in their order."""
    known = {column.name: column for column in registry.columns[kind]}
    return tuple(known[name] for name in names if name in known)


def check_columns(names: Sequence[str], kinds: Sequence[str], registry: Registry = OBJECTS) -> None:
    """Raise UsageError for a name that is no column of any of *kinds*; the hint lists those that are."""
    known = list(dict.fromkeys(column.name for kind in kinds for column in registry.columns[kind]))
    for name in names:
        if name not in known:
            message = f"unknown column {name!r} for {' '.join(kinds)}"
            raise UsageError(message, hint=f"columns: {' '.join(known)}")


def ordered(objects: Sequence[Any], column: Column, view: View, *, descending: bool) -> list[Any]:
    """*objects* by the values of *column*; those without a value last; equal ones stay as they were."""
    pairs = list(zip(column.values(objects, view), objects, strict=True))
    with_value = [pair for pair in pairs if pair[0] is not None]
    with_value.sort(key=_sort_key, reverse=descending)
    return [item for _, item in with_value] + [item for value, item in pairs if value is None]


def _sort_key(pair: tuple[Any, Any]) -> tuple[bool, Any]:
    """Numbers before words: an account without a name is a number among names."""
    return isinstance(pair[0], str), pair[0]
