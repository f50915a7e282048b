"""Filters: which objects are meant. They AND together; the values of one filter OR.

A filter about something a kind does not have (``--unattached`` and a queue) selects no object of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.keys import KEY_MAX, key_number
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSHM, SHM
from ipcctl.model.names import escape
from ipcctl.model.objects import SHM_DEST

_WORLD_WRITABLE = 0o002
GLOB = frozenset("*?[")
_GLOB_BEGINS = frozenset("0*?[")  # of globs that can match 0x0000002a

Test = Callable[[Any], bool]


class Selection(NamedTuple):
    """What a person asked for. An empty tuple or None = that filter is not used."""

    users: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    creators: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()  # "0x2a", or a glob on the eight-digit form
    names: tuple[str, ...] = ()  # globs
    older_than: int | None = None  # seconds since the newest of an object's times
    larger_than: int | None = None  # bytes
    unattached: bool = False
    dest: bool = False
    world_writable: bool = False
    empty: bool = False
    # what needs evidence (see ipcctl.act.judge): who holds an object, is it still needed, whose is it
    orphaned: bool = False
    min_idle: int = 0  # seconds: an orphan used more recently is not meant
    unlinked: bool = False
    pids: tuple[int, ...] = ()  # held or waited on by, or on record for, one of these processes
    producers: tuple[str, ...] = ()

    @property
    def needs_evidence(self) -> bool:
        """Whether a filter asks who holds an object, whether it is needed or whose it is."""
        return bool(self.needs_holders or self.producers)

    @property
    def needs_holders(self) -> bool:
        """Whether a filter asks who holds an object or whether it is needed: a walk over all processes."""
        return bool(self.orphaned or self.unlinked or self.pids)

    @property
    def filters(self) -> bool:
        """Whether anything is asked for at all."""
        return self._replace(min_idle=0) != Selection()


def check_key(pattern: str) -> str:
    """*pattern* if it can match a key. Raises UsageError."""
    key = key_number(pattern)
    can_match = pattern[:1] in _GLOB_BEGINS if GLOB & set(pattern) else key is not None and key <= KEY_MAX
    if not can_match:
        message = f"bad key {pattern!r}"
        raise UsageError(message, hint="write 0x2a (32 bits), or a glob on the eight-digit form: '0x5432*' '*2a'")
    return pattern.lower()


def tests_for(kind: str, selection: Selection, now: float) -> list[Test] | None:
    """The tests an object of *kind* has to pass; None = no object of this kind can."""
    tests: list[Test | None] = [
        use(kind, selection, now) for asked, use in _FILTERS.items() if is_used(getattr(selection, asked))
    ]
    return None if None in tests else [test for test in tests if test is not None]


def possible_kinds(kinds: Sequence[str], selection: Selection) -> list[str]:
    """Those of *kinds* that have objects *selection* can mean: the others need not be read."""
    return [kind for kind in kinds if tests_for(kind, selection, 0) is not None]


def select(objects: Sequence[Any], kind: str, selection: Selection, now: float) -> list[Any]:
    """Those of *objects* (all of *kind*) that *selection* means."""
    tests = tests_for(kind, selection, now)
    if tests is None:
        return []
    chosen = list(objects)
    for test in tests:
        chosen = list(filter(test, chosen))
    return chosen


def option_of(field: str) -> str:
    """The option of the command line behind a field of a selection."""
    return "--" + _OPTION.get(field, field).replace("_", "-")


def check_applies(kinds: Sequence[str], selection: Selection, called: Callable[[str], str] = option_of) -> None:
    """Raise UsageError for a filter that no object of any of *kinds* could ever pass; *called* names it."""
    for name, kinds_of in _APPLIES.items():
        if is_used(getattr(selection, name)) and not set(kinds) & kinds_of:
            message = f"{called(name)} says nothing about {' '.join(kinds)}"
            raise UsageError(message, hint=f"it applies to: {' '.join(kind for kind in KINDS if kind in kinds_of)}")


def kinds_of(selection: Selection) -> dict[str, frozenset[str]]:
    """The kinds that each filter of *selection* can mean, for those filters that cannot mean all."""
    return {name: kinds for name, kinds in _APPLIES.items() if is_used(getattr(selection, name))}


def is_used(value: object) -> bool:
    """Whether a filter has this value because somebody asked for it: 0 is a value, and equal to False."""
    return value is not None and value is not False and value != ()


_SYSV_KINDS = frozenset(name for name, kind in KINDS.items() if not kind.posix)
_POSIX_KINDS = frozenset(KINDS) - _SYSV_KINDS
_APPLIES = {
    "creators": _SYSV_KINDS,
    "keys": _SYSV_KINDS,
    "names": _POSIX_KINDS,
    "larger_than": frozenset({SHM, MSG, PSHM, PMSG}),
    "unattached": frozenset({SHM}),
    "dest": frozenset({SHM}),
    "empty": frozenset({MSG, PMSG, PSHM}),
    "unlinked": frozenset({PSHM}),
}
_OPTION = {"creators": "creator", "keys": "key", "names": "name"}
_SIZE = {SHM: "size", MSG: "cbytes", PSHM: "size", PMSG: "qsize"}
_CONTENT = {MSG: "qnum", PMSG: "qsize", PSHM: "size"}


def _users(_: str, selection: Selection, __: float) -> Test:
    users = frozenset(selection.users)
    return lambda item: item.uid in users


def _groups(_: str, selection: Selection, __: float) -> Test:
    groups = frozenset(selection.groups)
    return lambda item: item.gid in groups


def _creators(kind: str, selection: Selection, _: float) -> Test | None:
    creators = frozenset(selection.creators)
    return (lambda item: item.cuid in creators) if kind in _SYSV_KINDS else None


def _keys(kind: str, selection: Selection, _: float) -> Test | None:
    from ipcctl.policy.keytest import key_test  # start-up: few ask for keys

    return key_test(selection.keys) if kind in _SYSV_KINDS else None


def _names(kind: str, selection: Selection, _: float) -> Test | None:
    globs = [glob if glob.startswith("/") else "/" + glob for glob in selection.names]

    def test(item: Any) -> bool:  # noqa: ANN401  any POSIX object
        return any(fnmatchcase(item.name, glob) or fnmatchcase(escape(item.name), glob) for glob in globs)

    return test if kind in _POSIX_KINDS else None


def _older_than(_: str, selection: Selection, now: float) -> Test:
    newest = now - (selection.older_than or 0)
    return lambda item: bool(item.last_used <= newest)


def _larger_than(kind: str, selection: Selection, _: float) -> Test | None:
    field, size = _SIZE.get(kind), selection.larger_than or 0
    return (lambda item: (getattr(item, field) or 0) > size) if field else None


def _unattached(kind: str, _: Selection, __: float) -> Test | None:
    return (lambda item: item.nattch == 0) if kind == SHM else None


def _dest(kind: str, _: Selection, __: float) -> Test | None:
    return (lambda item: bool(item.mode & SHM_DEST)) if kind == SHM else None


def _world_writable(_: str, __: Selection, ___: float) -> Test:
    return lambda item: bool(item.mode & _WORLD_WRITABLE)


def _empty(kind: str, _: Selection, __: float) -> Test | None:
    field = _CONTENT.get(kind)
    return (lambda item: getattr(item, field) == 0) if field else None


def _unlinked(kind: str, _: Selection, __: float) -> Test | None:
    return (lambda _: True) if kind == PSHM else None


_FILTERS: dict[str, Callable[[str, Selection, float], Test | None]] = {
    "users": _users,
    "groups": _groups,
    "creators": _creators,
    "keys": _keys,
    "names": _names,
    "older_than": _older_than,
    "larger_than": _larger_than,
    "unattached": _unattached,
    "dest": _dest,
    "world_writable": _world_writable,
    "empty": _empty,
    "unlinked": _unlinked,  # which they are, only the walk over /proc knows
}
