"""Single fields of objects as people write them: modes, owners, keys, project ids, values of semaphores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcctl.errors import UsageError
from ipcctl.model.keys import KEY_MAX, key_number
from ipcctl.parse.quantity import parse_size

if TYPE_CHECKING:
    from collections.abc import Sequence

SEMAPHORE_MAX = 32767  # SEMVMX, one semaphore of a set
POSIX_SEMAPHORE_MAX = 2**31 - 1  # SEM_VALUE_MAX
PROJECT_MAX = 255
PRIVATE = "private"
_COUNT_MAX = 2**31 - 1
_OCTAL_DIGITS = 4
_HEX_DIGITS = 4  # of a project id: 0x41


def parse_mode(text: str) -> int:
    """Permission bits behind ``640`` or ``0640``. Raises UsageError."""
    octal = text.isascii() and text.isdigit() and len(text) <= _OCTAL_DIGITS and not {"8", "9"} & set(text)
    if not octal or int(text, 8) > 0o777:  # noqa: PLR2004  three digits
        raise UsageError(f"bad mode {text!r}", hint="write octal permission bits, 0 to 777: 600 0640")
    return int(text, 8)


def parse_owner(text: str) -> tuple[str | None, str | None]:
    """User and group behind ``USER``, ``USER:GROUP`` and ``:GROUP``; None = not given. Raises UsageError."""
    user, colon, group = text.partition(":")
    if (colon and not group) or not (user or group):
        raise UsageError(f"bad owner {text!r}", hint="write USER, USER:GROUP or :GROUP, names or numbers")
    return user or None, group or None


def parse_key(text: str) -> int:
    """The key behind ``0x2a``; 0 for ``private``. Raises UsageError."""
    key = 0 if text == PRIVATE else key_number(text)
    if key is None or key > KEY_MAX or (key == 0 and text != PRIVATE):
        raise UsageError(f"bad key {text!r}", hint=f"write 0x2a (32 bits, not 0), or {PRIVATE}")
    return key


def parse_project(text: str) -> int:
    """The project id behind ``65``, ``0x41`` and ``A``: digits are a number, any other character its code.

    Raises UsageError unless it is 1 to 255.
    """
    number = None
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0")
        number = int(digits) if 0 < len(digits) <= len(str(PROJECT_MAX)) else None
    elif len(text) == 1:
        number = ord(text)
    elif len(text) <= _HEX_DIGITS:
        number = key_number(text)
    if number is None or not 1 <= number <= PROJECT_MAX:
        hint = f"a project id is a number from 1 to {PROJECT_MAX}, or one character: 65, 0x41 and A are the same"
        raise UsageError(f"bad project id {text!r}", hint=hint)
    return number


def parse_ftok(text: str) -> tuple[str, int]:
    """Path and project id behind ``PATH:PROJ``; the last colon counts. Raises UsageError."""
    path, colon, proj = text.rpartition(":")
    if not colon or not path:
        raise UsageError(f"bad --ftok {text!r}", hint="write PATH:PROJ, as in /srv/app:65 or /srv/app:A")
    return path, parse_project(proj)


def parse_count(text: str, what: str) -> int:
    """A number of things from 1 up. Raises UsageError."""
    number = _whole(text)
    if number is None or not 1 <= number <= _COUNT_MAX:
        raise UsageError(f"bad number of {what} {text!r}", hint="write a number from 1 up")
    return number


def parse_bytes(text: str, what: str = "size") -> int:
    """Bytes as in :func:`parse_size`, at least one. Raises UsageError."""
    size = parse_size(text)
    if size == 0:
        raise UsageError(f"bad {what} {text!r}", hint="at least 1 byte: 4096 64K 10M 1.5G")
    return size


def parse_value(text: str, most: int = SEMAPHORE_MAX) -> int:
    """The value of a semaphore, 0 to *most*. Raises UsageError."""
    number = _whole(text)
    if number is None or number > most:
        raise UsageError(f"bad value {text!r}", hint=f"a semaphore's value is a number from 0 to {most}")
    return number


def parse_posix_value(texts: Sequence[str]) -> int:
    """The value of a named semaphore, of which there is one. Raises UsageError."""
    if len(texts) > 1:
        raise UsageError("--value is given twice", hint="a named semaphore has one value")
    return parse_value(texts[0], POSIX_SEMAPHORE_MAX)


def parse_values(text: str) -> list[int]:
    """The values behind ``1,1,0``. Raises UsageError."""
    return [parse_value(value.strip()) for value in text.split(",")]


def parse_numbered_values(texts: Sequence[str]) -> dict[int, int]:
    """Number and value of single semaphores behind ``3=1``. Raises UsageError."""
    found: dict[int, int] = {}
    for text in texts:
        number, equals, value = text.partition("=")
        num = _whole(number)
        if not equals or num is None:
            raise UsageError(f"bad value {text!r}", hint="write NUM=VALUE, counted from 0: --value 3=1")
        if num in found:
            raise UsageError(f"semaphore {num} is given twice", hint="give each of them one value")
        found[num] = parse_value(value)
    return found


def _whole(text: str) -> int | None:
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(_COUNT_MAX))
    return int(text) if plain else None
