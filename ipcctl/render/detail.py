"""One object in full: ``key: value`` lines for pipes, a panel for people, a record for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.model.kinds import KINDS, MSG, PMSG, SEM
from ipcctl.model.names import escape
from ipcctl.model.perm import spell
from ipcctl.render.cells import EXACT, bar, human_bytes, human_seconds, local, written
from ipcctl.render.columns import COLUMNS, EVIDENCE, Column, View, record_columns
from ipcctl.render.listing import Listing
from ipcctl.render.messages import excerpt, message_record
from ipcctl.render.origins import origin_text
from ipcctl.render.plain import plain
from ipcctl.render.records import VERSION, json_gaps, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.panel import Panel

    from ipcctl.model.detail import Detail
    from ipcctl.model.holder import Holder
    from ipcctl.model.objects import IpcObject
    from ipcctl.model.origin import Origin
    from ipcctl.model.snapshot import Gap
    from ipcctl.model.verdict import Verdict


class Exhibit(NamedTuple):
    """One object and all that is known of it."""

    item: IpcObject
    detail: Detail
    commands: dict[int, str]  # pid to command name, of processes that live
    view: View
    verdict: Verdict
    holders: Sequence[Holder]
    producer: str | None
    origin: Origin | None = None  # what its key can have been made from, if that is a well-known place


class _Row(NamedTuple):
    """A column of one object: its name and its value."""

    column: Column
    value: Any


def as_records(exhibits: Sequence[Exhibit], gaps: Sequence[Gap]) -> Iterator[str]:
    """The JSON document: the objects' records with ``permissions``, and ``semaphores`` or ``messages``.

    These are null where they were not asked for or were refused.
    """
    objects = ",\n".join(json.dumps(as_record(exhibit)) for exhibit in exhibits)
    inner = f"\n{objects}\n" if objects else ""
    yield f'{{"version": {VERSION}, "objects": [{inner}], "gaps": {json_gaps(gaps)}}}\n'


def as_record(exhibit: Exhibit) -> dict[str, Any]:
    """One object as JSON sees it."""
    item, detail = exhibit.item, exhibit.detail
    (fields,) = record(Listing("", record_columns(item.kind), [item], exhibit.view))
    fields["permissions"] = spell(item.mode, alter=item.kind == SEM)
    fields["producer"] = exhibit.producer
    fields["verdict"], fields["why"] = exhibit.verdict
    fields["holders"] = [
        {"pid": pid, "comm": escape(comm), "user": exhibit.view.users[uid], "how": how}
        for pid, comm, uid, how in exhibit.holders
    ]
    if not KINDS[item.kind].posix:
        origin = exhibit.origin
        fields["ftok"] = None if origin is None else {"path": escape(origin.path), "proj": origin.proj}
    if item.kind == SEM:
        fields["semaphores"] = [
            {**semaphore._asdict(), "pid": semaphore.pid or None, "command": exhibit.commands.get(semaphore.pid)}
            for semaphore in detail.semaphores
        ] or None  # every set has one: none means no right to ask
    if item.kind == MSG:
        fields["messages"] = detail.messages and [message_record(message) for message in detail.messages]
    return fields


def as_lines(exhibit: Exhibit) -> Iterator[str]:
    """``key: value`` lines, exact, and tables of what is inside."""
    for row in _rows(exhibit):
        (text,) = written([row.value], row.column.unit, EXACT)
        yield f"{row.column.name}: {text}\n"
        if row.column.name == "perms":
            yield f"permissions: {spell(exhibit.item.mode, alter=exhibit.item.kind == SEM)}\n"
    yield f"producer: {exhibit.producer or '-'}\n"
    if not KINDS[exhibit.item.kind].posix:
        yield f"ftok: {'-' if exhibit.origin is None else origin_text(exhibit.origin)}\n"
    yield f"verdict: {exhibit.verdict.verdict}\n"
    yield f"why: {escape(exhibit.verdict.why)}\n"
    for title, listing in _inside(exhibit):
        yield f"{title}:\n"
        yield from ("  " + line + "\n" for line in "".join(plain([listing])).splitlines())


def as_panel(exhibit: Exhibit) -> Panel:
    """The same for people: relative times, sizes, fill levels, process names."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from ipcctl.render.table import tables

    item = exhibit.item
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _sentences(exhibit):
        grid.add_row(label, Text(text))
    parts: list[Any] = [grid]
    for title, listing in _inside(exhibit):
        parts += ["", *tables([listing._replace(title=title)])]
    return Panel(
        Group(*parts), title=Text(item.ref, style="bold"), subtitle=KINDS[item.kind].singular, title_align="left",
        subtitle_align="right", padding=(0, 1), expand=False,
    )  # fmt: skip


def _rows(exhibit: Exhibit) -> list[_Row]:
    shown = (column for column in COLUMNS[exhibit.item.kind] if column not in EVIDENCE)
    return [_Row(column, column.values([exhibit.item], exhibit.view)[0]) for column in shown]


def _sentences(exhibit: Exhibit) -> Iterator[tuple[str, str]]:
    """Label and text of each line of a panel."""
    item, view = exhibit.item, exhibit.view
    values = {row.column.name: row.value for row in _rows(exhibit)}
    joined = {
        "kind",
        "ref",
        "id",
        "name",
        "uid",
        "gid",
        "cuid",
        "cgid",
        "user",
        "group",
        "cuser",
        "cgroup",
        "idle",
        "fill",
    }
    if "key" in values:
        yield "id", str(values["id"])
    else:
        yield "name", values["name"]
    yield "owner", _account(values["user"], item.uid) + " : " + _account(values["group"], item.gid)
    if "cuid" in values:
        creator = _account(values["cuser"], values["cuid"]) + " : " + _account(values["cgroup"], values["cgid"])
        yield "creator", creator
    for row in _rows(exhibit):
        if row.column.name not in joined:
            yield row.column.name, _PEOPLE.get(row.column.unit, _exact)(row, exhibit)
    if values.get("fill") is not None:
        yield "full", f"{values['fill']:.0f}% {bar(values['fill'])}"
    if values["idle"] is not None:
        yield "last used", f"{human_seconds(values['idle'])} ago ({local(view.now - values['idle'])})"
    if exhibit.producer:
        yield "producer", exhibit.producer
    if exhibit.origin:
        yield "ftok", origin_text(exhibit.origin)
    yield "verdict", f"{exhibit.verdict.verdict}: {escape(exhibit.verdict.why)}"
    if item.kind == PMSG:
        yield "order", "highest priority first, oldest first within a priority (mq_overview(7))"


def _account(name: str | int, number: int) -> str:
    return f"{escape(name)} ({number})" if isinstance(name, str) else str(number)


def _exact(row: _Row, exhibit: Exhibit) -> str:
    if row.column.name.endswith("pid") and row.value:
        command = exhibit.commands.get(row.value)
        return f"{row.value} ({escape(command)})" if command else f"{row.value} (gone)"
    return written([row.value], row.column.unit, EXACT)[0]


def _bytes(row: _Row, _: Exhibit) -> str:
    if row.value is None:
        return "-"
    return f"{row.value} bytes" + (f" ({human_bytes(row.value)})" if row.value >= 1024 else "")  # noqa: PLR2004


def _time(row: _Row, exhibit: Exhibit) -> str:
    if row.value is None:
        return "never"
    return f"{local(row.value)} ({human_seconds(max(0, int(exhibit.view.now - row.value)))} ago)"


def _perms(row: _Row, exhibit: Exhibit) -> str:
    return f"{row.value:04o}  {spell(row.value, alter=exhibit.item.kind == SEM)}"


_PEOPLE: dict[str, Callable[[_Row, Exhibit], str]] = {"bytes": _bytes, "time": _time, "perms": _perms}


def _inside(exhibit: Exhibit) -> Iterator[tuple[str, Listing]]:
    """What the object holds, as listings."""
    detail, commands = exhibit.detail, exhibit.commands
    columns: tuple[Column, ...]
    if exhibit.holders:
        columns = (
            Column("pid", "process", "number", lambda holders, _: [holder.pid for holder in holders]),
            Column("comm", "its name", "text", lambda holders, _: [holder.comm for holder in holders]),
            Column("user", "its user", "account", lambda holders, view: [view.users[h.uid] or h.uid for h in holders]),
            Column(
                "how", "attached mapped open waiting", "text", lambda holders, _: [holder.how for holder in holders]
            ),
        )
        yield "holders", Listing("holders", columns, exhibit.holders, exhibit.view)
    if detail.semaphores:
        columns = (
            *(_attribute(name) for name in ("num", "value", "ncount", "zcount")),
            Column("pid", "last operation by", "number", lambda sems, _: [sem.pid or None for sem in sems]),
            Column("command", "its name", "text", lambda sems, _: [commands.get(sem.pid) for sem in sems]),
        )
        yield "semaphores", Listing("semaphores", columns, detail.semaphores, exhibit.view)
    if detail.messages:
        columns = (
            Column("num", "place in the queue", "number", lambda messages, _: list(range(len(messages)))),
            _attribute("type"),
            Column("length", "bytes", "number", lambda messages, _: [len(message.payload) for message in messages]),
            Column("payload", "text, or hex", "phrase", lambda messages, _: [excerpt(m.payload) for m in messages]),
        )
        yield "messages", Listing("messages", columns, detail.messages, exhibit.view)


def _attribute(name: str) -> Column:
    return Column(name, name, "number", lambda items, _: [getattr(item, name) for item in items])
