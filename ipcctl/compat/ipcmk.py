"""ipcmk: create objects as util-linux does, and never take over or change one that exists."""

from __future__ import annotations

import os

from ipcctl.compat import VERSION
from ipcctl.compat.numbers import INT_MAX, INT_MIN, RANGE, ULONG_MAX, size, whole
from ipcctl.compat.scan import NONE, REQUIRED, scan, usage
from ipcctl.errors import IpcctlError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

_OPTIONS = (
    ("shmem", REQUIRED, "M"),
    ("posix-shmem", REQUIRED, "m"),
    ("semaphore", REQUIRED, "S"),
    ("posix-semaphore", NONE, "s"),
    ("queue", NONE, "Q"),
    ("posix-mqueue", NONE, "q"),
    ("name", REQUIRED, "n"),
    ("mode", REQUIRED, "p"),
    ("version", NONE, "V"),
    ("help", NONE, "h"),
)
_MODE = 0o644
_HELP = """
Usage:
 ipcmk [options]

Create various IPC resources.

Options:
 -M, --shmem <size>         create shared memory segment of size <size>
 -m, --posix-shmem <size>   create POSIX shared memory of size <size>
 -S, --semaphore <number>   create semaphore array with <number> elements
 -s, --posix-semaphore      create POSIX semaphore
 -Q, --queue                create message queue
 -q, --posix-mqueue         create POSIX message queue
 -n, --name <name>          name of the POSIX resource
 -p, --mode <mode>          permission for the resource (default is 0644)

 -h, --help                 display this help
 -V, --version              display version

Arguments:
 <size> arguments may be followed by the suffixes for
   GiB, TiB, PiB, EiB, ZiB, and YiB (the "iB" is optional)

For more details see ipcctl-compat(7).
"""


def run(arguments: Sequence[str], out: TextIO, _: TextIO) -> int:
    """Answer to *arguments*; the exit status. Raises UsageError and other IpcctlError."""
    wanted: dict[str, int] = {}
    mode, name = _MODE, None
    for letter, value in scan("ipcmk", arguments, _OPTIONS):
        if letter == "h":
            out.write(_HELP)
            return 0
        if letter == "V":
            out.write(f"ipcmk from {VERSION}\n")
            return 0
        if letter == "p":
            mode = _mode(value)
        elif letter == "n":
            name = value
        elif letter in _NUMBERS:
            wanted[letter] = _NUMBERS[letter](value)
    if not wanted:
        raise usage("ipcmk", "bad usage")
    _create(wanted, _names(wanted, name), mode, out, name or "")
    return 0


def _create(wanted: dict[str, int], names: dict[str, str], mode: int, out: TextIO, typed: str) -> None:
    for letter, (label, what, create) in _CREATORS.items():
        if letter in wanted:
            try:
                made = create(names.get(letter, ""), wanted[letter], mode)
            except OSError as error:
                raise IpcctlError(f"create {what} failed: {os.strerror(error.errno or 0)}") from error
            out.write(f"{label}: {typed if letter in names else made}\n")


def _size(text: str) -> int:
    try:
        return size(text)
    except ValueError as error:
        raise IpcctlError(f"failed to parse size: '{text}': {error}") from None


def _elements(text: str) -> int:
    number = whole(text, 10)
    if number is None:
        raise IpcctlError(f"failed to parse elements: '{text}'")
    if not INT_MIN <= number <= INT_MAX:
        raise IpcctlError(f"failed to parse elements: '{text}': {RANGE}")
    return number


def _mode(text: str) -> int:
    number = whole(text, 8)
    if number is None or abs(number) > ULONG_MAX:
        raise IpcctlError(f"failed to parse mode: '{text}': " + ("not octal" if number is None else RANGE))
    return number


def _nothing(_: str) -> int:
    return 0


_NUMBERS: dict[str, Callable[[str], int]] = {
    "M": _size,
    "S": _elements,
    "Q": _nothing,
    "m": _size,
    "s": _nothing,
    "q": _nothing,
}
_POSIX = {"m": "pshm", "q": "pmsg", "s": "psem"}


def _names(wanted: dict[str, int], name: str | None) -> dict[str, str]:
    """The name of each POSIX object that is wanted. Raises UsageError, IpcctlError before anything is made."""
    posix = [letter for letter in wanted if letter in _POSIX]
    if not posix:
        return {}
    if name is None:
        raise usage("ipcmk", "name is required for POSIX IPC")
    from ipcctl.compat.names import object_name  # start-up: only POSIX options need it

    return {letter: object_name(_POSIX[letter], name) for letter in posix}


def _segment(_: str, number: int, mode: int) -> int:
    from ipcctl.kernel import creation  # start-up: loads ctypes

    made, _key = creation.create_with_free_key(lambda key: creation.create_segment(key, number, mode), _random_key)
    return made


def _queue(_: str, __: int, mode: int) -> int:
    from ipcctl.kernel import creation

    made, _key = creation.create_with_free_key(lambda key: creation.create_queue(key, mode), _random_key)
    return made


def _set(_: str, number: int, mode: int) -> int:
    from ipcctl.kernel import creation

    made, _key = creation.create_with_free_key(
        lambda key: creation.create_semaphore_set(key, number, mode), _random_key
    )
    return made


def _posix_segment(name: str, number: int, mode: int) -> str:
    from ipcctl.kernel import creation

    creation.create_posix_segment(name, number, mode)
    return name


def _posix_queue(name: str, _: int, mode: int) -> str:
    from ipcctl.kernel import creation

    creation.create_posix_queue(name, mode)
    return name


def _posix_semaphore(name: str, _: int, mode: int) -> str:
    from ipcctl.kernel import creation

    creation.create_posix_semaphore(name, 0, mode)
    return name


def _random_key() -> int:
    return int.from_bytes(os.urandom(4), "little")


# In the order of creation: what is printed before the id or name, what an error calls it, and how it is made.
_CREATORS: dict[str, tuple[str, str, Callable[[str, int, int], object]]] = {
    "M": ("Shared memory id", "share memory", _segment),
    "m": ("POSIX shared memory name", "POSIX shared memory", _posix_segment),
    "Q": ("Message queue id", "message queue", _queue),
    "q": ("POSIX message queue name", "POSIX message queue", _posix_queue),
    "S": ("Semaphore id", "semaphore", _set),
    "s": ("POSIX semaphore name", "POSIX semaphore", _posix_semaphore),
}
