"""JSON and JSON lines: a contract, described in ipcctl(1). Every number is a number, null = not known or never."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from ipcctl.model.names import escape
from ipcctl.render.cells import EXACT, NUMERIC, are_words, key_text, perms_text, utc, written
from ipcctl.render.template import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ipcctl.model.detail import Message
    from ipcctl.model.snapshot import Gap
    from ipcctl.render.listing import Listing

VERSION = 1


def json_document(listings: Sequence[Listing], gaps: Sequence[Gap], noun: str = "objects") -> Iterator[str]:
    """``{"version": 1, "objects": [...], "gaps": [...]}``, one object per line; *noun* instead of "objects"."""
    yield f'{{"version": {VERSION}, "{noun}": ['
    separator = "\n"
    for listing in listings:
        if listing.objects:
            yield separator + ",\n".join(json_objects(listing))
            separator = ",\n"
    yield f'{"]" if separator == chr(10) else chr(10) + "]"}, "gaps": {json_gaps(gaps)}}}\n'


def json_lines(listings: Sequence[Listing]) -> Iterator[str]:
    """One object per line, nothing around them."""
    for listing in listings:
        if listing.objects:
            yield "\n".join(json_objects(listing)) + "\n"


def json_objects(listing: Listing) -> list[str]:
    """The JSON text of each object of the listing."""
    slots, cells = [], []
    for column in listing.columns:
        slot, texts = _encoded(column.unit, column.values(listing.objects, listing.view))
        slots.append(f'"{column.name}": {slot}')
        cells.append(texts)
    slots = ["{" + slots[0], *(", " + slot for slot in slots[1:])]
    slots[-1] += "}"
    return rows(cells, slots)


def json_gaps(gaps: Sequence[Gap]) -> str:
    """The gaps as a JSON list."""
    return dumps([{"what": gap.what, "why": gap.why} for gap in gaps])


def record(listing: Listing) -> list[dict[str, Any]]:
    """Each object as the dict that its JSON text stands for."""
    columns = [(column.name, column.unit, column.values(listing.objects, listing.view)) for column in listing.columns]
    return [
        {name: _VALUES.get(unit, _same)(values[number]) for name, unit, values in columns}
        for number in range(len(listing.objects))
    ]


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    from ipcctl.render.messages import message_record

    return [message_record(message) for message in messages]


def _same(value: Any) -> Any:  # noqa: ANN401  whatever the column holds
    return value


def _optional(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else write(value)


_VALUES: dict[str, Callable[[Any], Any]] = {
    "key": _optional(key_text),
    "perms": _optional(perms_text),
    "account": lambda value: value if isinstance(value, str) else None,
    "time": _optional(utc),
    "percent": _optional(lambda value: round(value, 1)),
    "words": list,
    "holders": lambda holders: [
        {"pid": pid, "comm": escape(comm), "user": user if isinstance(user, str) else None, "how": how}
        for pid, comm, user, how in holders
    ],
    "flag": bool,
    "messages": _optional(_messages),
    "numbers": list,
}


def _encoded(unit: str, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The slot of a column in the template of a row, and what goes into it."""
    first = values[0]
    value = _VALUES.get(unit, _same)
    if values.count(first) == len(values):
        return "%s", [dumps(value(first))] * len(values)
    if unit == "text" and None not in values and are_words(values):
        return '"%s"', values
    if unit == "key":
        return '"%s"', written(values, unit, EXACT)
    if unit in NUMERIC and None not in values:
        return "%s", values  # numbers write themselves
    texts = {item: dumps(value(item)) for item in set(values)}
    return "%s", [texts[item] for item in values]
