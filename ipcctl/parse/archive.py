"""The header of a saved object's file: JSON text to facts, and back. See :mod:`ipcctl.act.archive.container`."""

from __future__ import annotations

import json
from typing import Any

from ipcctl.errors import ParseError, UsageError
from ipcctl.model.archive import Header
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.names import escape
from ipcctl.model.objects import MessageQueue, PosixQueue, PosixSegment, PosixSemaphore, Segment, SemaphoreSet
from ipcctl.parse.reference import parse_reference

_ROWS: dict[str, Any] = {
    SHM: Segment,
    SEM: SemaphoreSet,
    MSG: MessageQueue,
    PSHM: PosixSegment,
    PSEM: PosixSemaphore,
    PMSG: PosixQueue,
}
_MAY_BE_NULL = frozenset({"rss", "swap", "qbytes", "value", "qsize", "qnum", "maxmsg", "msgsize", "notify_pid"})
_MAX = 2**64 - 1
_HIGHEST = {
    **dict.fromkeys(("uid", "gid", "cuid", "cgid"), 2**32 - 2),  # above it is chown's "as it is"
    **dict.fromkeys(("shmid", "semid", "msqid", "nsems", "maxmsg", "msgsize"), 2**31 - 1),
    "key": 2**32 - 1,
    "mode": 2**16 - 1,
    "size": 2**63 - 1,
}


def header_text(header: Header, version: str) -> str:
    """The JSON text of *header*; *version* is that of the program that writes it."""
    item = header.object
    fields = {
        "kind": item.kind,
        "object": item._asdict(),
        "user": header.user,
        "group": header.group,
        "saved_at": header.saved_at,
        "saved_on": header.saved_on,
        "written_by": f"ipcctl {version}",
    }
    return json.dumps(fields, indent=1)


def parse_header(text: str, source: str) -> Header:
    """The header behind *text*. What a newer program added is ignored. Raises ParseError."""
    try:
        fields = json.loads(text)
        kind = fields["kind"]
        row, given = _ROWS[kind], fields["object"]
        item = row(**{name: _field(name, given[name]) for name in row._fields})
        if KINDS[kind].posix:
            parse_reference(f"{kind}:{escape(item.name)}")
        return Header(
            object=item,
            saved_at=_number(fields["saved_at"]),
            saved_on=_text(fields["saved_on"]),
            user=_text(fields["user"], null=True),
            group=_text(fields["group"], null=True),
        )
    except (ValueError, TypeError, KeyError, RecursionError, UsageError) as error:
        message = f"{source}: the header makes no sense ({error})"
        raise ParseError(message, hint="it was not written by ipcctl save") from error


def _field(name: str, value: Any) -> Any:  # noqa: ANN401  what JSON holds
    if name == "name":
        return _text(value)
    return None if value is None and name in _MAY_BE_NULL else _number(value, _HIGHEST.get(name, _MAX))


def _number(value: Any, highest: int = _MAX) -> int:  # noqa: ANN401
    if type(value) is not int or not 0 <= value <= highest:
        raise ValueError(f"bad number {value!r}")
    return value


def _text(value: Any, *, null: bool = False) -> Any:  # noqa: ANN401
    if not (isinstance(value, str) or (null and value is None)):
        raise TypeError(f"bad text {value!r}")
    return value
