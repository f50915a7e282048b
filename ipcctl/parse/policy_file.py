"""The policy file of ``ipcctl clean``: TOML to facts (ipcctl-policy(5)). Every complaint names file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable  # noqa: TC003  a NamedTuple
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import (
    ACTIONS,
    MAX_OBJECTS,
    MIN_IDLE,
    REPORT,
    SAVE_AND_REMOVE,
    Conditions,
    Policy,
    Protection,
    Rule,
)
from ipcctl.model.kinds import KINDS
from ipcctl.parse.quantity import parse_duration, parse_size

_HEADING = re.compile(r"\s*\[\[?\s*\"?([\w-]+)\"?\s*\]")
_KEY = re.compile(r"\s*\"?([\w-]+)\"?\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')


class _Bad(Exception):
    """A value that cannot be meant: what is wrong, and what is accepted."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.hint = hint


class _Key(NamedTuple):
    """One key of a table: how its value is read, and what it is called in the facts."""

    read: Callable[[Any], Any]
    field: str


def parse_policy(text: str, source: str) -> Policy:
    """The policy in *text*. Raises PolicyError with *source*, the line and what would be right."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 5000 digits, and 5000 brackets
        raise _broken(source, str(error), text) from None
    return _Reader(source, _lines(text)).policy(document)


class _Reader:
    """Knows where it reads, so that each complaint can say it."""

    def __init__(self, source: str, lines: dict[tuple[str, int, str], int]) -> None:
        self._source = source
        self._lines = lines

    def policy(self, document: dict[str, Any]) -> Policy:
        for name, value in document.items():
            if name not in _TABLES:
                self._fail(("", 0, name), *_unknown(name, _TABLES, "table"))
            if not _TABLES[name](value):
                self._fail((name, 0, ""), f"{name!r} is not written as a table", f"write {_WRITTEN[name]}")
        defaults = self._table("defaults", 0, document.get("defaults", {}), _DEFAULTS)
        rules = [self._rule(number, table, defaults) for number, table in enumerate(document.get("rule", ()))]
        protections = [self._protection(number, table) for number, table in enumerate(document.get("protect", ()))]
        self._names_differ("rule", rules)
        self._names_differ("protect", protections)
        return Policy(
            self._source,
            tuple(rules),
            tuple(protections),
            defaults.get("shipped"),
            defaults.get("max_objects", MAX_OBJECTS),
            defaults.get("max_bytes"),
        )

    def _rule(self, number: int, table: dict[str, Any], defaults: dict[str, Any]) -> Rule:
        found = self._table("rule", number, table, _RULE)
        where = ("rule", number, "")
        if "name" not in found:
            self._fail(where, "a rule has no name", 'give it one, it is written to the record: name = "old-segments"')
        action = found.pop("action", defaults.get("action", REPORT))
        saving, save_dir = action == SAVE_AND_REMOVE, found.pop("save_dir", None)
        if save_dir and not saving:
            self._fail((*where[:2], "save_dir"), f"action {action!r} saves nothing", f"action = {SAVE_AND_REMOVE!r}")
        save_dir = (save_dir or defaults.get("save_dir")) if saving else None
        if saving and not save_dir:
            self._fail(where, f"action {action!r} without save_dir", "name a directory in [defaults] or in the rule")
        name, idle = found.pop("name"), found.pop("min_idle", defaults.get("min_idle", MIN_IDLE))
        conditions = Conditions(**found)
        if conditions._replace(kinds=()) == Conditions():
            what = "no condition but kinds" if conditions.kinds else "no condition"
            self._fail(
                where, f"rule {name!r} has {what}: it would take everything", f"conditions: {' '.join(_DECISIVE)}"
            )
        return Rule(name, conditions, action, idle, save_dir, self._lines.get(where, 0))

    def _protection(self, number: int, table: dict[str, Any]) -> Protection:
        found = self._table("protect", number, table, _PROTECT)
        where = ("protect", number, "")
        name = found.pop("name", f"protect {number + 1}")
        conditions = Conditions(**found)
        if conditions == Conditions():
            message = f"protection {name!r} has no condition: it would leave nothing to clean"
            self._fail(where, message, f"conditions: {' '.join(key for key in _PROTECT if key != 'name')}")
        return Protection(name, conditions, self._lines.get(where, 0))

    def _table(self, table: str, number: int, given: dict[str, Any], known: dict[str, _Key]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in given.items():
            if key not in known:
                self._fail((table, number, key), *_unknown(key, known, f"key in {_WRITTEN[table]}"))
            try:
                read = known[key].read(value)
            except _Bad as bad:
                self._fail((table, number, key), f"{key}: {bad}", bad.hint)
            except UsageError as error:
                self._fail((table, number, key), f"{key}: {error}", error.hint)
            found[known[key].field] = read
        return found

    def _names_differ(self, table: str, rows: list[Any]) -> None:
        seen: dict[str, int] = {}
        for number, row in enumerate(rows):
            if row.name in seen:
                self._fail((table, number, "name"), f"name {row.name!r} is given twice", "the record tells by the name")
            seen[row.name] = number

    def _fail(self, where: tuple[str, int, str], why: str, hint: str | None = None) -> NoReturn:
        line = self._lines.get(where) or self._lines.get((*where[:2], ""))
        raise PolicyError(f"{self._source}:{line}: {why}" if line else f"{self._source}: {why}", hint=hint)


def _broken(source: str, why: str, text: str) -> PolicyError:
    """TOML's own complaint with its line in front."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", why)
    line = int(found[1]) if found else text.count("\n") + 1
    what = why[: found.start()] if found else why.removesuffix(" (at end of document)")
    bad = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    return PolicyError(f"{source}:{line}: no TOML: {what[:1].lower()}{what[1:]}{f': {bad[:60]!r}' if bad else ''}")


def _lines(text: str) -> dict[tuple[str, int, str], int]:
    """(table, its number, key) to line; the key "" is the heading. For messages only: tomllib keeps no positions."""
    found: dict[tuple[str, int, str], int] = {}
    table, number, counts, inside = "", 0, {"": 1}, False
    for line, words in enumerate(text.splitlines(), 1):
        if not inside:
            heading, key = _HEADING.match(words), _KEY.match(words)
            if heading:
                table = heading[1]
                number = counts[table] = counts.get(table, -1) + 1
                found[table, number, ""] = line
                found.setdefault(("", 0, table), line)
            elif key:
                found.setdefault((table, number, key[1]), line)
        inside ^= len(_QUOTES.findall(words)) % 2 == 1
    return found


def _unknown(word: str, known: dict[str, Any], what: str) -> tuple[str, str]:
    near = get_close_matches(word.replace("-", "_"), known, n=1)
    accepted = f"accepted: {' '.join(known)}"
    return f"unknown {what}: {word!r}", f"did you mean {near[0]!r}? {accepted}" if near else accepted


def _text(value: Any) -> str:  # noqa: ANN401  whatever TOML holds
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _Bad(f"{value!r} is no text", "write it in quotes, printable and not empty")
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    values = value if isinstance(value, list) else [value]
    if not values:
        raise _Bad("an empty list", "leave the key out, or name something")
    return tuple(dict.fromkeys(_text(one) for one in values))


def _accounts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    values = value if isinstance(value, list) else [value]
    numbers = [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in values]
    if "me" in numbers:
        raise _Bad("'me' depends on who runs it", "write a name or a uid")
    return _texts(numbers)


def _one_of(known: tuple[str, ...] | list[str], what: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:  # noqa: ANN401
        if _text(value) not in known:
            raise _Bad(*_unknown(value, dict.fromkeys(known), what))
        return str(value)

    return read


def _kinds(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    check = _one_of(list(KINDS), "kind")
    return tuple(check(one) for one in _texts(value))


def _duration(value: Any) -> int:  # noqa: ANN401
    return parse_duration(str(value) if _is_number(value) else _text(value))


def _age(value: Any) -> int:  # noqa: ANN401
    if (seconds := _duration(value)) == 0:
        raise _Bad(f"{value!r} says nothing", "everything is older: write how long, or leave the key out")
    return seconds


def _size(value: Any) -> int:  # noqa: ANN401
    return parse_size(str(value) if _is_number(value) else _text(value))


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool)


def _count(value: Any) -> int:  # noqa: ANN401
    if not _is_number(value) or value < 1:
        raise _Bad(f"{value!r} is no number of objects", "write a whole number, 1 or more")
    return int(value)


def _asked(value: Any) -> bool:  # noqa: ANN401
    if value is not True:
        raise _Bad(f"{value!r} says nothing", "write true, or leave the key out: there is no filter for the opposite")
    return True


def _directory(value: Any) -> str:  # noqa: ANN401
    if not _text(value).startswith("/"):
        raise _Bad(f"{value!r} is no absolute path", "cron and systemd start anywhere: begin with a slash")
    return str(value)


def _shipped(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return _texts(value) if value != [] else ()


def _is_table(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and all(map(_is_table, value))


_WHO = {
    "kinds": _Key(_kinds, "kinds"),
    "users": _Key(_accounts, "users"),
    "groups": _Key(_accounts, "groups"),
    "creators": _Key(_accounts, "creators"),
    "keys": _Key(_texts, "keys"),
    "names": _Key(_texts, "names"),
    "producer": _Key(_texts, "producers"),
    "larger_than": _Key(_size, "larger_than"),
}
_CONDITIONS = _WHO | {
    "older_than": _Key(_age, "older_than"),
    "orphaned": _Key(_asked, "orphaned"),
    "unattached": _Key(_asked, "unattached"),
    "dest": _Key(_asked, "dest"),
    "world_writable": _Key(_asked, "world_writable"),
    "empty": _Key(_asked, "empty"),
}
_DECISIVE = tuple(key for key in _CONDITIONS if key != "kinds")
_NAME = {"name": _Key(_text, "name")}
_DOING = {
    "min_idle": _Key(_duration, "min_idle"),
    "action": _Key(_one_of(ACTIONS, "action"), "action"),
    "save_dir": _Key(_directory, "save_dir"),
}
_RULE = _NAME | _CONDITIONS | _DOING
_PROTECT = _NAME | _WHO
_DEFAULTS = _DOING | {
    "max_objects": _Key(_count, "max_objects"),
    "max_bytes": _Key(_size, "max_bytes"),
    "protect": _Key(_shipped, "shipped"),
}
_TABLES: dict[str, Callable[[Any], bool]] = {"defaults": _is_table, "rule": _is_tables, "protect": _is_tables}
_WRITTEN = {"defaults": "[defaults]", "rule": "[[rule]]", "protect": "[[protect]]"}
