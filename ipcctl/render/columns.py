"""The registry of columns: help texts, ``-o``, ``--sort``, JSON keys and the man page's table come from here.

A column works on a whole list at once, because lists are long: ``values(objects, view)`` gives one value per object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.names import escape
from ipcctl.model.objects import last_used, segment_status
from ipcctl.model.verdict import Verdict

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


def _each(values: list[int], make: Callable[[int], Any]) -> list[Any]:
    """``make`` of each value, called once for each distinct one."""
    made = {value: make(value) for value in set(values)}
    return [next(iter(made.values()))] * len(values) if len(made) == 1 else [made[value] for value in values]


def _field(name: str) -> Values:
    get = attrgetter(name)
    return lambda objects, _: list(map(get, objects))


def _or_none(name: str) -> Values:
    """0 is "never" or "not known"."""
    get = attrgetter(name)
    return lambda objects, _: [value or None for value in map(get, objects)]


def _name(name: str, names: str) -> Values:
    number, names_of = attrgetter(name), attrgetter(names)

    def values(objects: Sequence[Any], view: View) -> list[str | int]:
        known = names_of(view)
        return _each(list(map(number, objects)), lambda uid: known[uid] or uid)

    return values


def _kind(objects: Sequence[Any], _: View) -> list[str]:
    return [objects[0].kind] * len(objects) if objects else []


def _ref(objects: Sequence[Any], _: View) -> list[str]:
    if not objects:
        return []
    if KINDS[objects[0].kind].posix:
        return [item.ref for item in objects]
    return [f"{objects[0].kind}:{item[1]}" for item in objects]


def _perms(objects: Sequence[Any], _: View) -> list[int]:
    mask = 0o7777 if objects and KINDS[objects[0].kind].posix else 0o777
    return _each([item.mode for item in objects], mask.__and__)


def _idle(objects: Sequence[Any], view: View) -> list[int | None]:
    now = int(view.now)
    return _each(last_used(objects), lambda when: max(0, now - when) if when else None)


def _status(objects: Sequence[Any], _: View) -> list[tuple[str, ...]]:
    return [segment_status(item.mode) for item in objects]


def _names(objects: Sequence[Any], _: View) -> list[str]:
    return [escape(item.name) for item in objects]


def _fill(objects: Sequence[Any], _: View) -> list[float | None]:
    return [100.0 * item.cbytes / item.qbytes if item.qbytes else None for item in objects]


def _pmsg_fill(objects: Sequence[Any], _: View) -> list[float | None]:
    return [None if item.qnum is None or not item.maxmsg else 100.0 * item.qnum / item.maxmsg for item in objects]


def _holders(objects: Sequence[Any], view: View) -> list[tuple[tuple[int, str, str | int, str], ...]]:
    users = view.users
    return [
        tuple((holder.pid, holder.comm, users[holder.uid] or holder.uid, holder.how) for holder in view.holders(item))
        for item in objects
    ]


def _pids(objects: Sequence[Any], view: View) -> list[tuple[str, ...]]:
    return [tuple(str(holder.pid) for holder in view.holders(item)) for item in objects]


def _producer(objects: Sequence[Any], view: View) -> list[str | None]:
    from ipcctl.policy.producers import producer_of

    return [producer_of(item, view.users) for item in objects]


HOLDERS = Column("holders", "who has it attached, mapped or open, or waits on it", "holders", _holders, record=False)
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
    Column("pids", "processes that hold it", "words", _pids, record=False),
    Column(
        *("producer", "whose it is, by its name, key or owner", "text", _producer),
        record=False,
    ),
    VERDICT,
    WHY,
)

_COMMON = (
    Column("kind", "kind of object", "text", _kind),
    Column("ref", "reference, accepted by show and rm", "text", _ref),
    Column("perms", "permissions, octal", "perms", _perms),
    Column("uid", "owner's user id", "number", _field("uid")),
    Column("user", "owner's name", "account", _name("uid", "users")),
    Column("gid", "owner's group id", "number", _field("gid")),
    Column("group", "owner's group", "account", _name("gid", "groups")),
)
_SYSV = (
    Column("id", "identifier, as ipcs and ipcrm use it", "number", _field("id")),
    Column("key", "key; 0x00000000 is IPC_PRIVATE", "key", _field("key")),
    Column("cuid", "creator's user id", "number", _field("cuid")),
    Column("cuser", "creator's name", "account", _name("cuid", "users")),
    Column("cgid", "creator's group id", "number", _field("cgid")),
    Column("cgroup", "creator's group", "account", _name("cgid", "groups")),
    Column("ctime", "last change by IPC_SET, or creation", "time", _or_none("ctime")),
)
_POSIX = (
    Column("name", "name, with its slash", "text", _names),
    Column("mtime", "last modification", "time", _or_none("mtime")),
)
_IDLE = Column("idle", "time since the newest of its times", "seconds", _idle, record=False)

COLUMNS: dict[str, tuple[Column, ...]] = {
    SHM: (
        *_COMMON,
        *_SYSV,
        Column("size", "size of the segment", "bytes", _field("size")),
        Column("nattch", "current attachments, by the kernel's count", "number", _field("nattch")),
        Column("cpid", "creator's process", "number", _or_none("cpid")),
        Column("lpid", "process of the last attach or detach", "number", _or_none("lpid")),
        Column("rss", "bytes in memory", "bytes", _field("rss")),
        Column("swap", "bytes swapped out", "bytes", _field("swap")),
        Column("status", "dest (removed, still attached), locked, hugetlb", "words", _status),
        Column("atime", "last attach", "time", _or_none("atime")),
        Column("dtime", "last detach", "time", _or_none("dtime")),
        _IDLE,
        *EVIDENCE,
    ),
    SEM: (
        *_COMMON,
        *_SYSV,
        Column("nsems", "semaphores in the set", "number", _field("nsems")),
        Column("otime", "last semop", "time", _or_none("otime")),
        _IDLE,
        *EVIDENCE,
    ),
    MSG: (
        *_COMMON,
        *_SYSV,
        Column("cbytes", "bytes queued", "bytes", _field("cbytes")),
        Column("qnum", "messages queued", "number", _field("qnum")),
        Column("qbytes", "bytes the queue may hold", "bytes", _field("qbytes")),
        Column("lspid", "process of the last send", "number", _or_none("lspid")),
        Column("lrpid", "process of the last receive", "number", _or_none("lrpid")),
        Column("stime", "last send", "time", _or_none("stime")),
        Column("rtime", "last receive", "time", _or_none("rtime")),
        Column("fill", "cbytes in percent of qbytes", "percent", _fill, record=False),
        _IDLE,
        *EVIDENCE,
    ),
    PSHM: (
        *_COMMON,
        *_POSIX,
        Column("size", "size of the object", "bytes", _field("size")),
        Column("allocated", "memory really used", "bytes", _field("allocated")),
        _IDLE,
        *EVIDENCE,
    ),
    PSEM: (
        *_COMMON,
        *_POSIX,
        Column("value", "value of the semaphore", "number", _field("value")),
        _IDLE,
        *EVIDENCE,
    ),
    PMSG: (
        *_COMMON,
        *_POSIX,
        Column("qsize", "bytes queued", "bytes", _field("qsize")),
        Column("qnum", "messages queued", "number", _field("qnum")),
        Column("maxmsg", "messages the queue may hold", "number", _field("maxmsg")),
        Column("msgsize", "largest message", "bytes", _field("msgsize")),
        Column("notify_pid", "process waiting for a notification", "number", _or_none("notify_pid")),
        Column("fill", "qnum in percent of maxmsg", "percent", _pmsg_fill, record=False),
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
