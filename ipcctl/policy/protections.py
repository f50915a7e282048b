"""Objects that no rule may touch: the shipped list, and how a protection is asked."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import Conditions, Protection
from ipcctl.model.kinds import KINDS
from ipcctl.policy.producers import check_producer, producer_of
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


def protected_by(item: Any, kind: str, shields: Sequence[Shield]) -> str | None:  # noqa: ANN401  any object
    """The name of the first protection that covers *item*; None = no one does."""
    for shield in shields:
        tests = shield.tests.get(kind)
        if tests is not None and all(test(item) for test in tests):
            return shield.name
    return None


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
    more: list[Test] = []
    if asked.users:
        more.append(_belongs_to([_who(text, known) for text in asked.users]))
    if asked.producers:
        more.append(_made_by(tuple(map(check_producer, asked.producers)), known.users))
    tests = {kind: tests_for(kind, selection, 0) for kind in asked.kinds or KINDS}
    return Shield(protection.name, {kind: [*cheap, *more] for kind, cheap in tests.items() if cheap is not None})


def _belongs_to(owners: Sequence[Callable[[int], bool]]) -> Test:
    """Owner or creator: what root made and gave away is still root's."""

    def test(item: Any) -> bool:  # noqa: ANN401
        uids = {item.uid, getattr(item, "cuid", item.uid)}
        return any(owner(uid) for owner in owners for uid in uids)

    return test


def _made_by(producers: Sequence[str], users: Mapping[int, str | None]) -> Test:
    return lambda item: producer_of(item, users) in producers


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
