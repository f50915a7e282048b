"""References as people write them: ``shm:65538``, ``shm:0x5432abcd``, ``pmsg:/name``."""

from __future__ import annotations

from ipcctl.errors import UsageError
from ipcctl.model.keys import KEY_MAX, key_number
from ipcctl.model.kinds import KINDS
from ipcctl.model.names import unescape
from ipcctl.model.ref import Ref

MAX_ID = 2**31 - 1
NAME_MAX = 255  # bytes, a file's name

_FORMS = "KIND:ID, KIND:0xKEY (shm sem msg) or KIND:/NAME (pshm psem pmsg)"
_DIRECTORIES = {"/dev/shm/sem.": "psem", "/dev/shm/": "pshm", "/dev/mqueue/": "pmsg"}
"""Where the objects with names are files, the longest first."""


def parse_reference(text: str) -> Ref:
    """The reference *text* stands for. Raises UsageError that quotes the text and says what is accepted."""
    kind, colon, rest = text.partition(":")
    if not colon or text.startswith("/"):
        raise _bad(text, "no kind", f"write {with_kind(text) or _FORMS}")
    if kind not in KINDS:
        raise _bad(text, f"no kind {kind!r}", f"kinds: {' '.join(KINDS)}")
    if KINDS[kind].posix:
        return Ref(kind, name=_name(text, kind, rest))
    if rest[:2].lower() == "0x":
        return Ref(kind, key=_key(text, rest))
    return Ref(kind, id=_id(text, kind, rest))


def with_kind(text: str) -> str:
    """What *text*, a reference but for its kind, was probably meant to be; "" = it is nothing of the sort."""
    for directory, kind in _DIRECTORIES.items():
        if text.startswith(directory):
            return f"{kind}:/{text[len(directory) :]}"
    if text in KINDS:
        return f"{text}:/NAME" if KINDS[text].posix else f"{text}:ID or {text}:0xKEY"
    posix = text.startswith("/")
    if not (posix or (text.isascii() and text.isdigit()) or key_number(text) is not None):
        return ""
    *most, last = (f"{kind.name}:{text}" for kind in KINDS.values() if kind.posix == posix)
    return f"{', '.join(most)} or {last}"


def _id(text: str, kind: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        raise _bad(text, f"{digits!r} is no id", f"an id is a number from 0 to {MAX_ID}, a key is {kind}:0x...")
    if len(digits) > 10 or int(digits) > MAX_ID:  # noqa: PLR2004  digits of 2^31
        raise _bad(text, "id out of range", f"an id is a number from 0 to {MAX_ID}")
    return int(digits)


def _key(text: str, digits: str) -> int:
    key = key_number(digits)
    if key is None:
        raise _bad(text, f"{digits!r} is no key", "a key is 0x and up to 8 hex digits")
    if key > KEY_MAX:
        raise _bad(text, "key out of range", "a key is 0x and up to 8 hex digits (32 bits)")
    if key == 0:
        raise _bad(text, "key 0 is IPC_PRIVATE and names nothing", "use the id")
    return key


def _name(text: str, kind: str, escaped: str) -> str:
    try:
        name = unescape(escaped)
        size = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise _bad(text, "no name of an object", r"write what is no text byte for byte: /caf\xe9") from None
    if not name.startswith("/"):
        raise _bad(text, "the name does not begin with a slash", f"write {kind}:/{escaped}")
    if len(name) == 1 or "/" in name[1:] or "\0" in name or name in ("/.", "/.."):
        raise _bad(text, "no name of an object", "a name is one slash and then no other (shm_overview(7))")
    if size > NAME_MAX + 1:
        raise _bad(text[:60] + "...", "name too long", f"a name has at most {NAME_MAX} bytes")
    return name


def _bad(text: str, why: str, hint: str) -> UsageError:
    return UsageError(f"bad reference {text!r}: {why}", hint=hint)
