"""How findings name numbers, sizes, people and processes."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from ipcctl.model.names import escape
from ipcctl.model.words import count
from ipcctl.policy.usage import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ipcctl.model.holder import Holder

SHOWN = 5  # owners, objects or processes that one finding names
_STEP = 1024


def size(number: float) -> str:
    """Bytes for a sentence: ``512 bytes``, ``1.5 GiB``."""
    if number < _STEP:
        return f"{int(number)} bytes"
    unit = "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < _STEP:
            break
        number, unit = number / _STEP, larger
    return f"{number:.1f} {unit}"


def name(uid: int, users: Mapping[int, str | None]) -> str:
    """A user's name, or the number."""
    return escape(users.get(uid) or str(uid)) if not hasattr(users, "__missing__") else escape(users[uid] or str(uid))


def quoted(word: str) -> str:
    """*word* as one word of a shell command. A reference or name is escaped before: then it is printable."""
    return shlex.quote(word)


def fillers(items: Iterable[Any], users: Mapping[int, str | None], weigh: Any, unit: str) -> str:  # noqa: ANN401
    """Who takes how much, the largest first: ``www-data 120, root 3 and 2 more owners``. *weigh* gives a number."""
    taken: Counter[int] = Counter()
    for item in items:
        taken[item.uid] += weigh(item)
    shown = [
        f"{name(uid, users)} {size(amount) if unit == 'bytes' else amount}" for uid, amount in taken.most_common(SHOWN)
    ]
    return ", ".join(shown) + more(len(taken), "owner")


def more(number: int, what: str) -> str:
    """`` and 3 more owners`` where more than SHOWN are there."""
    return f" and {number - SHOWN} more {what}{'s' * (number - SHOWN > 1)}" if number > SHOWN else ""


def processes(holders: Sequence[Holder]) -> str:
    """``4711 (postgres), 4712 (psql) and 3 more processes``."""
    shown = ", ".join(f"{holder.pid} ({escape(holder.comm)})" for holder in holders[:SHOWN])
    rest = len(holders) - SHOWN
    return shown + (f" and {count(rest, 'more process')}" if rest > 0 else "")


def total(items: Iterable[Any]) -> int:
    """Bytes in all *items*."""
    return sum(map(size_of, items))
