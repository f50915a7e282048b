"""User and group names, one look-up per number for the life of the object (getpwuid(3), getgrgid(3))."""

from __future__ import annotations

import grp
import os
import pwd

from ipcctl.errors import UsageError

_ID_MAX = 2**32 - 2


class _Names(dict[int, str | None]):
    """Number to name; None is remembered too, so that a number without a name costs one look-up."""

    def __init__(self, look_up: object) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, number: int) -> str | None:
        try:
            name: str | None = self._look_up(number)[0]  # type: ignore[operator]
        except (KeyError, OverflowError):
            name = None
        self[number] = name
        return name


class Accounts:
    """The names of this host's users and groups. ``users[0]`` is "root"; None = the number has no name."""

    def __init__(self) -> None:
        """Start with empty caches; nothing is read until asked."""
        self.users: dict[int, str | None] = _Names(pwd.getpwuid)
        self.groups: dict[int, str | None] = _Names(grp.getgrgid)

    def uid(self, text: str) -> int:
        """The uid behind a name, a number or ``me``. Raises UsageError for a name nobody has."""
        if text == "me":
            return os.getuid()
        try:
            return pwd.getpwnam(text).pw_uid
        except (KeyError, ValueError):
            return _number(text, "user")

    def home(self, uid: int) -> str | None:
        """The home directory of a user; None = the number has no name."""
        try:
            return pwd.getpwuid(uid).pw_dir or None
        except (KeyError, OverflowError):
            return None

    def gid(self, text: str) -> int:
        """The gid behind a name, a number or ``me``. Raises UsageError for a name no group has."""
        if text == "me":
            return os.getgid()
        try:
            return grp.getgrnam(text).gr_gid
        except (KeyError, ValueError):
            return _number(text, "group")


def _number(text: str, what: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _ID_MAX:  # noqa: PLR2004  digits of 2^32
        return int(text)
    command = "passwd" if what == "user" else "group"
    message = f"unknown {what} {text!r}"
    several = "; one only: repeat the option for each" if "," in text else ""
    raise UsageError(message, hint=f"accepted: a name of `getent {command}`, a number, or me{several}")
