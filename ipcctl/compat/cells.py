"""Cells of ipcs: times, sizes and owners as the C program prints them."""

from __future__ import annotations

import os
import time

from ipcctl.compat.numbers import human

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Convert = Callable[[Sequence[int]], Sequence[object]]

_OWNER_BYTES = 10  # where an owner is cut
_NEVER = "Not set"
_DEST, _LOCKED = 0o1000, 0o2000  # flags in a segment's mode, shmctl(2)
_PERMISSIONS = 0o777


def each(convert: Callable[[int], object]) -> Convert:
    """A converter of whole columns out of one of single numbers, which is asked once for each different number."""

    def column(numbers: Sequence[int]) -> Sequence[object]:
        known = {number: convert(number) for number in set(numbers)}
        return [known[number] for number in numbers]

    return column


def moment(seconds: int) -> str:
    """``Thu Nov 26 11:46:35 2026`` in local time (ctime(3)); "Not set" for 0."""
    return _NEVER if seconds == 0 else date(seconds)


def date(seconds: int) -> str:
    """The same where 0 is the epoch."""
    try:
        return time.ctime(seconds)
    except (OverflowError, ValueError, OSError):  # no such year: the number says more than nothing
        return str(seconds)


def _short_moment(seconds: int) -> str:
    text = moment(seconds)
    return text if text == _NEVER else text[4:20]


def _dest(mode: int) -> str:
    return "dest" if mode & _DEST else ""


def _locked(mode: int) -> str:
    return "locked" if mode & _LOCKED else ""


def _padded(text: str) -> str:
    """*text* and blanks up to the width of an owner, counted in bytes like printf(3) does."""
    return text + " " * (_OWNER_BYTES - len(os.fsencode(text)))


def _cut(text: str) -> str:
    return os.fsdecode(os.fsencode(text)[:_OWNER_BYTES])


_looked_up: list[tuple[Mapping[int, str | None], Mapping[int, str | None]]] = []


def _names() -> tuple[Mapping[int, str | None], Mapping[int, str | None]]:
    """Users and groups by number; each number is looked up once in the life of the process."""
    if not _looked_up:
        from ipcctl.kernel.accounts import Accounts  # start-up: nobody to name where nothing is to be listed

        accounts = Accounts()
        _looked_up.append((accounts.users, accounts.groups))
    return _looked_up[0]


def _owner(uid: int) -> str:
    return _padded(_cut(_names()[0][uid] or str(uid)))


def _user(uid: int) -> str:
    return _padded(_names()[0][uid] or str(uid))


def _group(gid: int) -> str:
    return _padded(_names()[1][gid] or str(gid))


def permissions(mode: int) -> int:
    """The nine permission bits."""
    return mode & _PERMISSIONS


PERMISSIONS = each(permissions)
OWNERS = each(_owner)
USERS = each(_user)
GROUPS = each(_group)
DEST = each(_dest)
LOCKED = each(_locked)
MOMENTS = each(moment)
SHORT_MOMENTS = each(_short_moment)
HUMAN_SIZES = each(human)
