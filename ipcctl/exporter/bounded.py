"""The collectors ``users`` and ``objects``: as many series as there are users and objects, so both have a bound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import IpcctlError, UsageError
from ipcctl.exporter.catalogue import OBJECTS, USERS
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.names import escape
from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipcctl.exporter.view import Sample, View

MOST_USERS = 1000
MOST_OBJECTS = 200  # by name, so that the same ones stay

_PER_USER = 2 * len(KINDS)  # series
_BYTES = {SHM: "size", SEM: None, MSG: "cbytes"}  # the column that size_of goes by


def check_users(number: int) -> int:
    """*number* if it is a bound. Raises UsageError."""
    if 1 <= number <= MOST_USERS:
        return number
    message = f"bad --collect.users {number}"
    raise UsageError(message, hint=f"how many owners: 1 to {MOST_USERS}; each adds {_PER_USER} series")


def check_objects(pattern: str) -> re.Pattern[str]:
    """The expression that names are matched with, as a whole. Raises UsageError."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"bad --collect.objects {pattern!r}: {error}"
        raise UsageError(message, hint="a Python regular expression for whole names: '/jobs|/render-.*'") from error


class _Share(NamedTuple):
    """What one owner has of each kind."""

    objects: dict[str, int]
    bytes: dict[str, int]


def users(view: View) -> Iterator[Sample]:
    """What the owners have that come first by objects or by bytes; a kind that cannot be read is left out."""
    shares: dict[int, _Share] = {}
    readable: list[str] = []
    for kind in KINDS:
        try:
            owned = _owned(view, kind)
        except (IpcctlError, OSError):
            if kind == list(KINDS)[-1] and not readable:
                raise
            continue
        readable.append(kind)
        for uid, bytes_ in owned:
            share = shares.get(uid)
            if share is None:
                share = shares[uid] = _Share(dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0))
            share.objects[kind] += 1
            share.bytes[kind] += bytes_
    chosen = _first(shares, view.choice.users)
    view.dropped[USERS] = (len(shares) - len(chosen)) * 2 * len(readable)
    for uid in sorted(chosen):
        for kind in readable:
            yield "user_objects", (kind, str(uid)), shares[uid].objects[kind]
            yield "user_bytes", (kind, str(uid)), shares[uid].bytes[kind]


def _owned(view: View, kind: str) -> Iterator[tuple[int, int]] | list[tuple[int, int]]:
    """Owner and bytes of each object."""
    if KINDS[kind].posix:
        return [(item.uid, size_of(item)) for item in view.objects(kind)]
    field = _BYTES[kind]
    count, (uid, *sizes) = view.columns(kind, ("uid", field) if field else ("uid",))
    bytes_: Any = sizes[0] if sizes else (0,) * count
    owners: Any = uid
    return zip(owners, bytes_, strict=True)


def _first(shares: dict[int, _Share], number: int) -> list[int]:
    """A leak of a thousand small things counts as well as one large one: the better of both ranks decides."""
    rank: dict[int, int] = {}
    for field in range(len(_Share._fields)):
        totals = {uid: sum(share[field].values()) for uid, share in shares.items()}
        for place, uid in enumerate(sorted(totals, key=lambda uid: (-totals[uid], uid))):
            rank[uid] = min(place, rank.get(uid, place))
    return sorted(rank, key=lambda uid: (rank[uid], uid))[:number]


def _queue(item: Any) -> Sequence[tuple[str, float | None]]:  # noqa: ANN401  a row of its kind
    fullness = None if item.qnum is None or not item.maxmsg else item.qnum / item.maxmsg
    return (
        ("queue_messages", item.qnum),
        ("queue_message_bytes", item.qsize),
        ("queue_fullness_ratio", fullness),
    )


def _memory(item: Any) -> Sequence[tuple[str, float | None]]:  # noqa: ANN401
    return (("object_allocated_bytes", item.allocated),)


def _semaphore(item: Any) -> Sequence[tuple[str, float | None]]:  # noqa: ANN401
    return (("object_value", item.value),)


_SINGLE: dict[str, Callable[[Any], Sequence[tuple[str, float | None]]]] = {
    PMSG: _queue,
    PSHM: _memory,
    PSEM: _semaphore,
}


def objects(view: View) -> Iterator[Sample]:
    """Values of the POSIX objects whose whole name matches; what could not be read of one is left out.

    The label is the escaped name, which is text whatever the bytes of the name are.
    """
    matches = view.choice.objects.fullmatch if view.choice.objects else lambda _: None
    view.dropped[OBJECTS] = 0
    room = MOST_OBJECTS
    for kind, values in _SINGLE.items():
        try:
            items: Sequence[Any] = view.objects(kind)
        except (IpcctlError, OSError):
            continue
        named = [(escape(item.name), item) for item in items]
        chosen = [(name, item) for name, item in named if matches(name)]
        view.dropped[OBJECTS] += sum(len(values(item)) for _, item in chosen[room:])
        for name, item in chosen[:room]:
            for metric, value in values(item):
                if value is not None:
                    yield metric, (kind, name), value
        room -= len(chosen[:room])
