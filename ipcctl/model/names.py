"""Names of POSIX objects: any bytes but NUL and slash. Shown escaped, accepted back escaped.

Inside the program a name is a str decoded as UTF-8 with surrogateescape and begins with a slash.
"""

from __future__ import annotations

_BACKSLASH = "\\"


def escape(name: str) -> str:
    r"""The printable form of *name*: what cannot be printed, and the backslash, as ``\xNN`` per byte."""
    if name.isprintable() and _BACKSLASH not in name:
        return name
    return "".join(char if char.isprintable() and char != _BACKSLASH else escape_char(char) for char in name)


def printable(text: str) -> str:
    """Lines of *text* without anything that a terminal obeys. What is escaped already stays as it is."""
    return "".join(char if char.isprintable() or char == "\n" else escape_char(char) for char in text)


def escape_char(char: str) -> str:
    r"""One character as ``\xNN`` for each byte of its UTF-8 (or undecodable) form."""
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def unescape(text: str) -> str:
    r"""The name behind an escaped form. A backslash that does not begin ``\xNN`` stands for itself."""
    if _BACKSLASH not in text:
        return text
    raw = bytearray()
    position = 0
    while position < len(text):
        digits = text[position + 2 : position + 4]
        if text.startswith("\\x", position) and len(digits) == 2 and _is_hex(digits):  # noqa: PLR2004  \\xNN
            raw.append(int(digits, 16))
            position += 4
        else:
            raw += text[position].encode("utf-8", "surrogateescape")
            position += 1
    return raw.decode("utf-8", "surrogateescape")


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)
