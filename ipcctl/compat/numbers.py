"""Numbers as the C library reads them, and sizes as util-linux reads and writes them."""

from __future__ import annotations

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
UINT_MAX = 2**32 - 1
ULONG_MAX = 2**64 - 1
RANGE = "Numerical result out of range"  # strerror(ERANGE)
INVALID = "Invalid argument"  # strerror(EINVAL)
_SPACE = " \t\n\v\f\r"
_DIGITS = "0123456789abcdef"
_SUFFIXES = "KMGTPEZY"


def whole(text: str, base: int) -> int | None:
    """The whole of *text* as strtol(3) reads it, of any size; base 0 takes 0x and 0. None if it is no such number."""
    digits = text.lstrip(_SPACE)
    sign = -1 if digits.startswith("-") else 1
    digits = digits[1:] if digits[:1] in ("-", "+") else digits
    if base == 0:
        digits, base = _prefix(digits)
    allowed = _DIGITS[:base]
    if not digits or any(digit not in allowed for digit in digits.lower()):
        return None
    return sign * int(digits, base)


def _prefix(digits: str) -> tuple[str, int]:
    if digits[:2] in ("0x", "0X"):
        return digits[2:], 16
    return digits, 8 if digits[:1] == "0" else 10


def size(text: str) -> int:
    """Bytes behind ``4096 64K 64KiB 64KB 1.5G`` (K = KiB = 1024, KB = 1000). Raises ValueError with the reason.

    A fraction needs a suffix, is decimal and exact, rounded down.
    """
    rest = text.lstrip(_SPACE)
    rest, base = _prefix(rest[1:] if rest[:1] == "+" else rest)
    integer, rest = _run(rest, base)
    point = rest[:1] == "."
    fraction, suffix = _run(rest[1:], 10) if point else ("", rest)
    factor = _factor(suffix)
    if not integer or not factor or (point and factor == 1):
        raise ValueError(INVALID)
    total = int(integer, base) * factor
    if fraction:
        total += int(fraction) * factor // 10 ** len(fraction)
    if max(total, int(fraction or "0")) > ULONG_MAX:
        raise ValueError(RANGE)
    return total


def _run(text: str, base: int) -> tuple[str, str]:
    """The digits that *text* begins with, and what follows them."""
    allowed = _DIGITS[:base]
    rest = text.lstrip(allowed + allowed.upper())
    return text[: len(text) - len(rest)], rest


def _factor(suffix: str) -> int:
    """What a suffix stands for; 0 for one that does not exist."""
    if not suffix:
        return 1
    power = _SUFFIXES.find(suffix[0].upper()) + 1
    base = {"": 1024, "iB": 1024, "ib": 1024, "B": 1000, "b": 1000}.get(suffix[1:], 0)
    return base**power if power and base else 0


def human(number: int) -> str:
    """``77B 1.5K 16E``: powers of 1024, one decimal where it is not 0."""
    power = max(0, (number.bit_length() - 1) // 10)
    shift = 10 * power
    letter = ("B" + _SUFFIXES)[power]
    integer, fraction = number >> shift, number & ((1 << shift) - 1)
    coarse = 10 if fraction >= ULONG_MAX // 1000 else 0  # in 64 bits a large one cannot be multiplied as it is
    thousandths = (fraction >> coarse) * 1000 >> (shift - coarse)
    tenths = (thousandths + 50) // 100
    if tenths == 10:  # noqa: PLR2004  ten tenths
        integer, tenths = integer + 1, 0
    return f"{integer}.{tenths}{letter}" if tenths else f"{integer}{letter}"
