"""The columns of ``ipcctl ps``: one row per process and object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ipcctl.model.names import escape
from ipcctl.policy.usage import SIZED, size_of
from ipcctl.render.columns import Column, Registry, View

if TYPE_CHECKING:
    from ipcctl.model.holding import Holding

Values = Callable[[Sequence[Any], View], Sequence[Any]]


def _of(get: Callable[[Holding], Any]) -> Values:
    return lambda holdings, _: [get(holding) for holding in holdings]


def _account(get: Callable[[Holding], int]) -> Values:
    return lambda holdings, view: [view.users[get(holding)] or get(holding) for holding in holdings]


def _size(holding: Holding) -> int | None:
    return size_of(holding.object) if holding.object.kind in SIZED else None


NAME = "processes"
PROCESSES = Registry(
    titles={NAME: "Processes and what they hold"},
    columns={
        NAME: (
            Column("pid", "process", "number", _of(lambda it: it.holder.pid)),
            Column("comm", "its command name", "text", _of(lambda it: escape(it.holder.comm))),
            Column("uid", "its effective user id", "number", _of(lambda it: it.holder.uid)),
            Column("user", "its user's name", "account", _account(lambda it: it.holder.uid)),
            Column("how", "attached mapped open waiting", "text", _of(lambda it: it.holder.how)),
            Column("call", "what it sleeps in while it waits", "text", _of(lambda it: it.call)),
            Column("kind", "kind of the object", "text", _of(lambda it: it.object.kind)),
            Column("ref", "the object, accepted by show", "text", _of(lambda it: it.object.ref)),
            Column("size", "bytes in the object", "bytes", _of(_size)),
            Column("owner", "the object's owner", "account", _account(lambda it: it.object.uid)),
            Column("owner_uid", "the object's owner, a number", "number", _of(lambda it: it.object.uid), record=False),
            Column("unlinked", "the object has no name any more", "flag", _of(lambda it: it.unlinked)),
        )
    },
    usual={NAME: ("pid", "comm", "user", "how", "call", "ref", "size")},
    wide={NAME: ("pid", "comm", "user", "how", "call", "ref", "size", "owner", "unlinked")},
)
