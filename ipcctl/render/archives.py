"""Files of saved objects, as listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.model.kinds import MSG, PMSG, SEM
from ipcctl.render.columns import Column, View, record_columns
from ipcctl.render.listing import Listing
from ipcctl.render.messages import excerpt
from ipcctl.render.outcomes import content_of, of_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipcctl.model.archive import Archived

_FILE = Column("file", "the file", "path", lambda files, _: [file.path for file in files])
_SAVED_AT = Column("saved_at", "when it was saved", "time", lambda files, _: [file.header.saved_at for file in files])
_SAVED_ON = Column("saved_on", "the host it was saved on", "text", lambda files, _: [f.header.saved_on for f in files])
_STORED = Column("stored", "bytes of content in the file", "bytes", lambda files, _: [_stored(file) for file in files])
_MESSAGES = Column("messages", "messages in the file", "number", lambda files, _: [f.content.messages for f in files])
_VALUES = Column("values", "value of each semaphore", "numbers", lambda files, _: [f.content.values for f in files])
_PEEKED = Column("peeked", "its first messages", "messages", lambda files, _: [file.peeked for file in files])
_INSIDE = {SEM: (_VALUES,), MSG: (_PEEKED,), PMSG: (_PEEKED,)}


class _Piece(NamedTuple):
    """One message or one value, and where it is."""

    ref: str
    num: int  # from 0
    what: Any


def _stored(file: Archived) -> int:
    return file.content.bytes or file.content.message_bytes


def archive_listing(files: Sequence[Archived], view: View) -> Listing:
    """One line per file for people and pipes. The owner's name is that of the host it was saved on."""
    ref = Column("ref", "reference", "text", lambda files, _: [file.object.ref for file in files])
    user = Column("user", "owner", "account", lambda files, _: [f.header.user or f.object.uid for f in files])
    what = Column("content", "what is in it", "phrase", lambda files, _: [content_of(file.object) for file in files])
    return Listing("Archives", (ref, user, what, _STORED, _SAVED_AT, _SAVED_ON, _FILE), files, view)


def archive_records(files: Sequence[Archived], view: View) -> list[Listing]:
    """One listing per kind: the object's whole record as it was, then where and when it was saved."""
    kinds = dict.fromkeys(file.object.kind for file in files)
    more = (_FILE, _SAVED_AT, _SAVED_ON, _STORED, _MESSAGES)
    return [
        Listing(
            kind,
            (*map(of_object, record_columns(kind)), *more, *_INSIDE.get(kind, ())),
            [file for file in files if file.object.kind == kind],
            view,
        )
        for kind in kinds
    ]


def inside_listings(files: Sequence[Archived], view: View, peek: int) -> list[Listing]:
    """The first *peek* messages of each queue, and values of each semaphore set."""
    place = (
        Column("ref", "reference", "text", lambda pieces, _: [piece.ref for piece in pieces]),
        Column("num", "place in it", "number", lambda pieces, _: [piece.num for piece in pieces]),
    )
    message = (
        Column("type", "its type or priority", "number", lambda pieces, _: [piece.what.type for piece in pieces]),
        Column("length", "bytes", "number", lambda pieces, _: [len(piece.what.payload) for piece in pieces]),
        Column("payload", "text, or hex", "phrase", lambda pieces, _: [excerpt(p.what.payload) for p in pieces]),
    )
    value = Column("value", "its value", "number", lambda pieces, _: [piece.what for piece in pieces])
    messages = [_Piece(it.object.ref, num, what) for it in files for num, what in enumerate(it.peeked or ())]
    sets = [it for it in files if it.object.kind == SEM]
    values = [_Piece(it.object.ref, num, what) for it in sets for num, what in enumerate(it.content.values[:peek])]
    return [
        Listing("Messages", (*place, *message), messages, view),
        Listing("Semaphores", (*place, value), values, view),
    ]
