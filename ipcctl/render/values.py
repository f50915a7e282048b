"""The values of columns: one per object of a whole list, before anything formats them."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ipcctl.model.kinds import KINDS
from ipcctl.model.names import escape
from ipcctl.model.objects import last_used, segment_status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.render.columns import Values, View


def each(values: list[int], make: Callable[[int], Any]) -> list[Any]:
    """``make`` of each value, called once for each distinct one."""
    made = {value: make(value) for value in set(values)}
    return [next(iter(made.values()))] * len(values) if len(made) == 1 else [made[value] for value in values]


def field(name: str) -> Values:
    """The field itself."""
    get = attrgetter(name)
    return lambda objects, _: list(map(get, objects))


def or_none(name: str) -> Values:
    """0 is "never" or "not known"."""
    get = attrgetter(name)
    return lambda objects, _: [value or None for value in map(get, objects)]


def account(name: str, names: str) -> Values:
    """The account of the id in field *name* as *names* of the view has it, or the id."""
    number, names_of = attrgetter(name), attrgetter(names)

    def values(objects: Sequence[Any], view: View) -> list[str | int]:
        known = names_of(view)
        return each(list(map(number, objects)), lambda uid: known[uid] or uid)

    return values


def kind(objects: Sequence[Any], _: View) -> list[str]:
    """The kind, once for all: a list is of one kind."""
    return [objects[0].kind] * len(objects) if objects else []


def ref(objects: Sequence[Any], _: View) -> list[str]:
    """The reference that names each object."""
    if not objects:
        return []
    if KINDS[objects[0].kind].posix:
        return [item.ref for item in objects]
    return [f"{objects[0].kind}:{item[1]}" for item in objects]


def perms(objects: Sequence[Any], _: View) -> list[int]:
    """Permission bits; with setuid and its like for files."""
    mask = 0o7777 if objects and KINDS[objects[0].kind].posix else 0o777
    return each([item.mode for item in objects], mask.__and__)


def idle(objects: Sequence[Any], view: View) -> list[int | None]:
    """Seconds since the newest of its times; None where none is known."""
    now = int(view.now)
    return each(last_used(objects), lambda when: max(0, now - when) if when else None)


def status(objects: Sequence[Any], _: View) -> list[tuple[str, ...]]:
    """The words of a segment: dest, locked, hugetlb."""
    return [segment_status(item.mode) for item in objects]


def names(objects: Sequence[Any], _: View) -> list[str]:
    """The name, escaped where it is not printable."""
    return [escape(item.name) for item in objects]


def queue_fill(objects: Sequence[Any], _: View) -> list[float | None]:
    """Percent of qbytes; None where the limit is not known or 0."""
    return [100.0 * item.cbytes / item.qbytes if item.qbytes else None for item in objects]


def posix_queue_fill(objects: Sequence[Any], _: View) -> list[float | None]:
    """Percent of maxmsg; None where the queue could not be asked."""
    return [None if item.qnum is None or not item.maxmsg else 100.0 * item.qnum / item.maxmsg for item in objects]


def holders(objects: Sequence[Any], view: View) -> list[tuple[tuple[int, str, str | int, str], ...]]:
    """Pid, command, user and how, of each holder."""
    users = view.users
    return [
        tuple((holder.pid, holder.comm, users[holder.uid] or holder.uid, holder.how) for holder in view.holders(item))
        for item in objects
    ]


def pids(objects: Sequence[Any], view: View) -> list[tuple[str, ...]]:
    """The pids of the holders."""
    return [tuple(str(holder.pid) for holder in view.holders(item)) for item in objects]


def producer(objects: Sequence[Any], view: View) -> list[str | None]:
    """Whose it is; None where nothing tells."""
    from ipcctl.policy.producers import producer_of

    return [producer_of(item, view.users) for item in objects]
