"""Rules ready to be applied: accounts looked up, and what cannot be meant refused."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from ipcctl.errors import PolicyError, UsageError
from ipcctl.model.cleaning import REPORT
from ipcctl.model.kinds import KINDS
from ipcctl.policy.producers import check_producer, kinds_of_producer
from ipcctl.policy.protections import Known, Shield, shields, shipped
from ipcctl.policy.selection import GLOB, Selection, check_applies, check_key, kinds_of, possible_kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.model.cleaning import Policy, Rule

# A glob that matches all of these matches everything.
_ANY_NAME = ("/a", "/Z9", "/.x", "/sem", "/psm_8f2c1a", "/-long name of many words 1234567890")
_ANY_KEY = ("0x00000000", "0xffffffff", "0x12345678", "0x9abcdef0", "0x00000001")


class Ready(NamedTuple):
    """A rule whose accounts are numbers."""

    rule: Rule
    selection: Selection  # older_than holds min_idle too
    kinds: tuple[str, ...]  # those of which an object can match


class Prepared(NamedTuple):
    """A policy for this host."""

    policy: Policy
    rules: tuple[Ready, ...]
    shields: tuple[Shield, ...]  # the file's own, then the shipped ones

    @property
    def kinds(self) -> list[str]:
        """The kinds that some rule can mean: the others need not be read."""
        return [kind for kind in KINDS if any(kind in ready.kinds for ready in self.rules)]


def prepare(policy: Policy, known: Known) -> Prepared:
    """*policy* on a host with the accounts *known*. Raises PolicyError for what cannot be meant."""
    rules = tuple(_ready(rule, known, policy.source) for rule in policy.rules)
    protections = (*policy.protections, *shipped(policy.shipped, policy.source))
    return Prepared(policy, rules, shields(protections, known, policy.source))


def _ready(rule: Rule, known: Known, source: str) -> Ready:
    try:
        selection = _selection(rule, known)
        check_applies(rule.conditions.kinds or tuple(KINDS), selection, str)
        _check_contradictions(rule)
        _check_globs(rule)
        kinds = _possible(rule.conditions.kinds or tuple(KINDS), selection)
    except UsageError as error:
        line = f":{rule.line}" if rule.line else ""
        raise PolicyError(f"{source}{line}: rule {rule.name!r}: {error}", hint=error.hint) from None
    return Ready(rule, selection, tuple(kinds))


def _possible(kinds: Sequence[str], selection: Selection) -> list[str]:
    """The kinds of which an object can match. Raises UsageError where there is none."""
    possible = possible_kinds(kinds, selection)
    made = {kind for name in selection.producers for kind in kinds_of_producer(name)}
    if selection.producers:
        possible = [kind for kind in possible if kind in made]
    if not possible:
        means = (
            ({"kinds": frozenset(kinds)} if len(kinds) < len(KINDS) else {})
            | kinds_of(selection)
            | ({"producer": made} if made else {})
        )
        told = [f"{key} means {' '.join(it for it in KINDS if it in some)}" for key, some in means.items()]
        raise UsageError(
            "its conditions contradict each other: no kind of object has all of them", hint="; ".join(told)
        )
    return possible


def _selection(rule: Rule, known: Known) -> Selection:
    asked = rule.conditions
    return Selection(
        users=tuple(map(known.uid, asked.users)),
        groups=tuple(map(known.gid, asked.groups)),
        creators=tuple(map(known.uid, asked.creators)),
        keys=tuple(map(check_key, asked.keys)),
        names=asked.names,
        older_than=max(asked.older_than or 0, rule.min_idle) or None,
        larger_than=asked.larger_than,
        unattached=asked.unattached,
        dest=asked.dest,
        world_writable=asked.world_writable,
        empty=asked.empty,
        orphaned=asked.orphaned,
        producers=tuple(map(check_producer, asked.producers)),
    )


def _check_contradictions(rule: Rule) -> None:
    for applies, words, why in _CONTRADICTIONS:
        if applies(rule):
            raise UsageError(f"{words} contradict each other", hint=why)


_CONTRADICTIONS: tuple[tuple[Callable[[Rule], bool], str, str], ...] = (
    (
        lambda rule: rule.conditions.dest and rule.conditions.unattached,
        "dest and unattached",
        "a segment that was removed stays only as long as somebody has it attached",
    ),
    (
        lambda rule: rule.conditions.dest and rule.conditions.orphaned,
        "dest and orphaned",
        "a segment that was removed stays only as long as somebody has it attached",
    ),
    (
        lambda rule: rule.conditions.dest and rule.action != REPORT,
        "dest and its action",
        f'what dest means was removed already: action = "{REPORT}"',
    ),
    (
        lambda rule: rule.conditions.empty and rule.conditions.larger_than is not None,
        "empty and larger_than",
        "what is empty is not larger than anything",
    ),
)


def _check_globs(rule: Rule) -> None:
    for key, globs, anything in (
        ("names", rule.conditions.names, _ANY_NAME),
        ("keys", [glob.lower() for glob in rule.conditions.keys], _ANY_KEY),
    ):
        for glob in globs:
            asked = _slashed(glob) if key == "names" else glob
            if all(fnmatchcase(one, asked) for one in anything):
                hint = f"leave {key} out and say by something else what is meant; kinds limits the kinds"
                raise UsageError(f"{key}: {glob!r} matches everything", hint=hint)


def _slashed(glob: str) -> str:
    return glob if glob.startswith("/") else f"/{glob}"


def shadowed(rules: Sequence[Ready]) -> list[tuple[Ready, Ready]]:
    """Each rule that can never act, with the earlier one that takes whatever it would."""
    found = []
    for number, later in enumerate(rules):
        earlier = next((rule for rule in rules[:number] if _covers(rule, later)), None)
        if earlier is not None:
            found.append((later, earlier))
    return found


def _covers(earlier: Ready, later: Ready) -> bool:
    """Whether *earlier* certainly matches every object that *later* does."""
    wide, narrow = earlier.selection, later.selection
    return (
        set(later.kinds) <= set(earlier.kinds)
        and all(_lists_cover(getattr(wide, name), getattr(narrow, name), same) for name, same in _LISTS.items())
        and all(_at_least(getattr(wide, name), getattr(narrow, name)) for name in ("older_than", "larger_than"))
        and all(getattr(narrow, name) or not getattr(wide, name) for name in _FLAGS)
    )


def _lists_cover(wide: Sequence[object], narrow: Sequence[object], same: Callable[[str, str], bool]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(one == it or same(str(one), str(it)) for it in wide) for one in narrow)


def _at_least(wide: int | None, narrow: int | None) -> bool:
    return wide is None or (narrow is not None and narrow >= wide)


def _glob_covers(narrow: str, wide: str) -> bool:
    """Whether the glob *wide* matches all that *narrow* does; only for stars in *wide* can that be told by matching."""
    return not {"?", "["} & set(wide) and fnmatchcase(_slashed(narrow), _slashed(wide))


def _key_covers(narrow: str, wide: str) -> bool:
    if not GLOB & set(narrow):
        narrow = f"0x{int(narrow, 16):08x}"
    if not GLOB & set(wide):
        wide = f"0x{int(wide, 16):08x}"
    return not {"?", "["} & set(wide) and fnmatchcase(narrow, wide)


def _never(_: str, __: str) -> bool:
    return False


_LISTS: dict[str, Callable[[str, str], bool]] = {
    "users": _never,
    "groups": _never,
    "creators": _never,
    "producers": _never,
    "keys": _key_covers,
    "names": _glob_covers,
}
_FLAGS = ("orphaned", "unattached", "dest", "world_writable", "empty")
