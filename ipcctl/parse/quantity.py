"""Durations and sizes as people write them."""

from __future__ import annotations

from ipcctl.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_POWERS = "KMGTPE"
_MAX = 2**63 - 1


def parse_duration(text: str) -> int:
    """Whole seconds behind ``90s 15m 2h 3d 1w``; a bare number is seconds. Raises UsageError."""
    unit = text[-1:]
    digits = text[:-1] if unit in _SECONDS else text
    seconds = _decimal(digits, _SECONDS.get(unit, 1))
    if seconds is None:
        message = f"bad duration {text!r}"
        raise UsageError(message, hint="write a number and s, m, h, d or w: 90s 15m 2h 3d 1w")
    return seconds


def parse_size(text: str) -> int:
    """Bytes behind ``4096 64K 10M 1.5G`` (powers of 1024, also KiB) and ``KB MB`` (of 1000). Raises UsageError."""
    number = text.rstrip("BbiKkMmGgTtPpEe")
    bytes_ = _decimal(number, _size_factor(text[len(number) :]))
    if bytes_ is None:
        message = f"bad size {text!r}"
        raise UsageError(message, hint="write bytes or a number with K M G T (1024) or KB MB GB TB (1000): 64K 1.5G")
    return bytes_


def _size_factor(suffix: str) -> int:
    """The factor a suffix stands for; 0 for an unknown one."""
    upper = suffix.upper()
    if upper in ("", "B"):
        return 1
    power = _POWERS.find(upper[0]) + 1
    base = {"": 1024, "IB": 1024, "B": 1000}.get(upper[1:], 0)
    return base**power if power and base else 0


def _decimal(digits: str, factor: int) -> int | None:
    """*digits* (a decimal fraction is allowed) times *factor*, rounded down; None if it is no such number."""
    whole, _, fraction = digits.partition(".")
    if not factor or not _plain(whole) or (fraction and not _plain(fraction)) or digits.endswith("."):
        return None
    value = int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)
    return value if value <= _MAX else None


def _plain(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 19  # noqa: PLR2004  digits of 2^63
