"""Did a command leave an object behind? Yes, perhaps or no, always with the evidence.

The creator decides where anything recorded it. Otherwise the users do: an object that is new and was used by the
command's processes and nobody else's is theirs. What nobody is on record for stays "perhaps".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LEFT = "left"
PERHAPS = "perhaps"
UNRELATED = "unrelated"


class Trace(NamedTuple):
    """What was seen about one new object."""

    creator: int | None = None  # None = nothing recorded it; 0 = not visible from here
    users: Collection[int] = ()  # processes on record for a use, or seen with it
    outsiders: Collection[int] = ()  # living holders
    foreign: bool = False  # of another user: a set-uid program, whose processes are not followed, may have made it


class Attribution(NamedTuple):
    """The answer, a line a person can check, and the processes it speaks of."""

    answer: str
    why: str
    pids: tuple[int, ...] = ()


def attribute(trace: Trace, family: Mapping[int, str], *, complete: bool) -> Attribution:
    """*family*: the command's processes, pid to name; *complete* = none is missing."""
    certain = complete and not trace.foreign
    if trace.creator:
        return _by_creator(trace.creator, family, certain=certain)
    users = {pid for pid in trace.users if pid}
    ours = tuple(sorted(users & family.keys()))
    others = tuple(sorted((users | set(trace.outsiders)) - family.keys()))
    if ours and not others:
        return Attribution(LEFT, f"new, and used by {_named(ours, family)} only", ours)
    if ours:
        return Attribution(PERHAPS, f"used by {_named(ours, family)}, and by {_numbers(others)} beside", ours)
    if others:
        why = f"used by {_numbers(others)}, not seen among the command's processes"
        return Attribution(UNRELATED if certain else PERHAPS, why, others)
    return Attribution(PERHAPS, "appeared meanwhile; nothing on record says who made it")


def _by_creator(creator: int, family: Mapping[int, str], *, certain: bool) -> Attribution:
    if creator in family:
        return Attribution(LEFT, f"created by {_named((creator,), family)}", (creator,))
    why = f"created by {creator}, not seen among the command's processes"
    return Attribution(UNRELATED if certain else PERHAPS, why, (creator,))


def _numbers(pids: Collection[int]) -> str:
    return ", ".join(map(str, pids))


def _named(pids: Collection[int], family: Mapping[int, str]) -> str:
    shown = ", ".join(f"{pid} ({family[pid]})" for pid in list(pids)[:3])
    return f"{shown} and {len(pids) - 3} more" if len(pids) > 3 else shown  # noqa: PLR2004  as many as a line holds
