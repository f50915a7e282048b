"""Objects that no rule may touch: the shipped list, and how a protection is asked."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import Conditions, Protection
from ipcctl.model.kinds import KINDS
from ipcctl.policy.producers import check_producer, made_by
from ipcctl.policy.selection import GLOB, Selection, Test, check_key, tests_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SYSTEM_UIDS = "0-999"  # as systemd and login.defs(5) have it; RemoveIPC= spares the same

SHIPPED: tuple[Protection, ...] = (
    Protection("postgresql", Conditions(users=("postgres",))),
    Protection("postgresql", Conditions(producers=("postgresql",))),
    Protection("oracle", Conditions(users=("oracle", "grid"))),
    Protection("oracle", Conditions(names=("ora_*", "JOXSHM_*"))),
    Protection("sap", Conditions(users=("???adm",))),  # <sid>adm, and sapadm
    Protection("sap", Conditions(users=("sdb",))),
    Protection("system", Conditions(users=(_SYSTEM_UIDS,))),
)
SHIPPED_NAMES = tuple(dict.fromkeys(row.name for row in SHIPPED))


class Known(NamedTuple):
    """The accounts of this host."""

    uid: Callable[[str], int]  # raises UsageError for a name nobody has
    gid: Callable[[str], int]
    users: Mapping[int, str | None]


class Shield(NamedTuple):
    """A protection ready to be asked: of each kind that it concerns, the tests that all must hold."""

    name: str
    tests: dict[str, list[Test]]


def shields(protections: Sequence[Protection], known: Known, source: str) -> tuple[Shield, ...]:
    """*protections* with their accounts looked up. Raises PolicyError."""
    found = []
    for protection in protections:
        try:
            found.append(_shield(protection, known))
        except UsageError as error:
            message = f"{source}:{protection.line}: protect {protection.name!r}: {error}"
            raise PolicyError(message, hint=error.hint) from None
    return tuple(found)


def protected(items: Sequence[Any], kind: str, shields: Sequence[Shield]) -> dict[int, str]:
    """The first protection that covers each of *items* (all of *kind*) that one covers, by the item's id()."""
    found: dict[int, str] = {}
    for shield in shields:
        covered = [] if shield.tests.get(kind) is None else items
        for test in shield.tests.get(kind, ()):
            covered = list(filter(test, covered))
        if covered:
            found |= {id(item): shield.name for item in covered}
            items = [item for item in items if id(item) not in found]
    return found


def shipped(names: Sequence[str] | None, source: str) -> tuple[Protection, ...]:
    """The shipped protections of these names, None = all. Raises PolicyError for a name there is not."""
    for name in names or ():
        if name not in SHIPPED_NAMES:
            message = f"{source}: [defaults] protect: no shipped protection {name!r}"
            raise PolicyError(message, hint=f"shipped: {' '.join(SHIPPED_NAMES)}; your own are written as [[protect]]")
    return tuple(row for row in SHIPPED if names is None or row.name in names)


def _shield(protection: Protection, known: Known) -> Shield:
    asked = protection.conditions
    selection = Selection(
        groups=tuple(map(known.gid, asked.groups)),
        creators=tuple(map(known.uid, asked.creators)),
        keys=tuple(map(check_key, asked.keys)),
        names=asked.names,
        larger_than=asked.larger_than,
    )
    owners = _Owners([_who(text, known) for text in asked.users])
    producers = tuple(map(check_producer, asked.producers))
    tests: dict[str, list[Test]] = {}
    for kind in asked.kinds or KINDS:
        of_kind = tests_for(kind, selection, 0)
        if of_kind is None:
            continue
        if asked.users:
            of_kind.append(_belongs_to(owners, posix=KINDS[kind].posix))
        if producers:
            of_kind.append(made_by(kind, producers, known.users))
        tests[kind] = of_kind
    return Shield(protection.name, tests)


class _Owners(dict[int, bool]):
    """Whether a uid is one of those meant, asked once per uid."""

    def __init__(self, tests: Sequence[Callable[[int], bool]]) -> None:
        super().__init__()
        self._tests = tests

    def __missing__(self, uid: int) -> bool:
        self[uid] = found = any(test(uid) for test in self._tests)
        return found


def _belongs_to(owners: _Owners, *, posix: bool) -> Test:
    """Owner or creator: what root made and gave away is still root's."""
    return (lambda item: owners[item.uid]) if posix else (lambda item: owners[item.uid] or owners[item.cuid])


def _who(text: str, known: Known) -> Callable[[int], bool]:
    """A test for a uid: a range ``0-999``, a glob on the name, a name or a number."""
    first, dash, last = text.partition("-")
    if dash and first.isdecimal() and last.isdecimal():
        low, high = int(first), int(last)
        return lambda uid: low <= uid <= high
    if GLOB & set(text):
        return lambda uid: fnmatchcase(known.users[uid] or "", text)
    if text in _SHIPPED_USERS:  # need not exist here
        return lambda uid: known.users[uid] == text
    number = known.uid(text)
    return lambda uid: uid == number


_SHIPPED_USERS = frozenset(user for row in SHIPPED for user in row.conditions.users)
