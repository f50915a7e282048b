"""ipcrm: remove objects by id, key or name, or all of a kind, as util-linux does.

Every argument is checked before the first removal; then things are done in the order in which they were asked for.
"""

from __future__ import annotations

import errno
import os

from ipcctl.compat import VERSION
from ipcctl.compat.numbers import INT_MAX, INT_MIN, RANGE, UINT_MAX, ULONG_MAX, whole
from ipcctl.compat.scan import ABSENT, NONE, OPERAND, OPTIONAL, REQUIRED, scan, usage
from ipcctl.errors import IpcctlError

TYPE_CHECKING = False  # typing itself takes longer to import than an empty listing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from ipcctl.kernel.sysv import SysvControl

_SYSV = ("shm", "sem", "msg")  # in the order in which --all empties them
_POSIX = ("pshm", "psem", "pmsg")
_WORDS = {"shm": "shared memory segment", "sem": "semaphore", "msg": "message queue"}
_BY_ID = {"m": "shm", "q": "msg", "s": "sem"}
_BY_KEY = {"M": "shm", "Q": "msg", "S": "sem"}
_BY_NAME = {"posix-shmem": "pshm", "posix-mqueue": "pmsg", "posix-semaphore": "psem"}
_OPTIONS = (
    ("shmem-id", REQUIRED, "m"),
    ("shmem-key", REQUIRED, "M"),
    ("posix-shmem", REQUIRED, "posix-shmem"),
    ("queue-id", REQUIRED, "q"),
    ("queue-key", REQUIRED, "Q"),
    ("posix-mqueue", REQUIRED, "posix-mqueue"),
    ("semaphore-id", REQUIRED, "s"),
    ("semaphore-key", REQUIRED, "S"),
    ("posix-semaphore", REQUIRED, "posix-semaphore"),
    ("all", OPTIONAL, "a"),
    ("verbose", NONE, "v"),
    ("version", NONE, "V"),
    ("help", NONE, "h"),
)
_HELP = """
Usage:
 ipcrm [options]
 ipcrm shm|msg|sem <id>...

Remove certain IPC resources.

Options:
 -m, --shmem-id <id>           remove shared memory segment by id
 -M, --shmem-key <key>         remove shared memory segment by key
     --posix-shmem <name>      remove POSIX shared memory by name
 -q, --queue-id <id>           remove message queue by id
 -Q, --queue-key <key>         remove message queue by key
     --posix-mqueue <name>     remove POSIX message queue by name
 -s, --semaphore-id <id>       remove semaphore by id
 -S, --semaphore-key <key>     remove semaphore by key
     --posix-semaphore <name>  remove POSIX semaphore by name
 -a, --all[=<kind>]            remove all shm, msg and sem, or all of one kind:
                                 shm, msg, sem, pshm, pmsg or psem
 -v, --verbose                 explain what is being done

 -h, --help                    display this help
 -V, --version                 display version

For more details see ipcctl-compat(7).
"""


def run(arguments: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Answer to *arguments*; the exit status. Raises UsageError and other IpcctlError, and then nothing was removed."""
    if arguments and arguments[0] in _SYSV:
        return _old_form(arguments[0], arguments[1:], out, err)
    steps, answered = _steps(arguments, _Removal(out, err))
    failed = [step() for step in steps]
    return 0 if answered else int(any(failed))


def _old_form(kind: str, texts: Sequence[str], out: TextIO, err: TextIO) -> int:
    if not texts:
        raise usage("ipcrm", "not enough arguments")
    numbers = [whole(text, 10) for text in texts]
    bad = [text for text, number in zip(texts, numbers, strict=True) if not _is_id(number)]
    if bad:
        raise IpcctlError("\nipcrm: ".join(f"invalid id: {text}" for text in bad))
    removal = _Removal(out, err)
    failed = [removal.by_id(kind, number) for number in numbers if number is not None]
    if any(failed):
        return 1
    out.write("resource(s) deleted\n")
    return 0


def _is_id(number: int | None) -> bool:
    return number is not None and INT_MIN <= number <= INT_MAX


def _steps(arguments: Sequence[str], removal: _Removal) -> tuple[list[Callable[[], bool]], bool]:
    """What is to be done, in order, and whether the last of it is to show the help or the version.

    Each step says whether it failed.
    """
    steps: list[Callable[[], bool]] = []
    all_of: tuple[str, ...] = ()

    def add(do: Callable[..., bool], *what: object) -> None:
        steps.append(lambda: do(*what))

    for letter, value in scan("ipcrm", arguments, _OPTIONS):
        if letter in ("h", "V"):
            add(removal.say, _HELP if letter == "h" else f"ipcrm from {VERSION}\n")
            return steps, True
        if letter == OPERAND:
            raise _unknown_operand(value, after_all=bool(all_of))
        if letter in _BY_ID:
            add(removal.by_id, _BY_ID[letter], _id(value))
        elif letter in _BY_KEY:
            add(removal.by_key, _BY_KEY[letter], _key(value), value)
        elif letter in _BY_NAME:
            add(removal.by_name, _BY_NAME[letter], _name(_BY_NAME[letter], value), value)
        elif letter == "a":
            all_of = _all(value)
        else:
            add(removal.explain)
    for kind in all_of:
        add(removal.all_by_name if kind in _POSIX else removal.all_by_id, kind)
    return steps, False


def _unknown_operand(text: str, *, after_all: bool) -> IpcctlError:
    if after_all and text in (*_SYSV, *_POSIX):
        why = f"unknown argument: {text}: nothing was removed; --all={text} removes all of one kind"
        return usage("ipcrm", why)
    return usage("ipcrm", f"unknown argument: {text}")


def _id(text: str) -> int:
    number = whole(text, 10)
    if number is None:
        raise IpcctlError(f"failed to parse argument: '{text}'")
    if not _is_id(number):
        raise IpcctlError(f"failed to parse argument: '{text}': {RANGE}")
    return number


def _key(text: str) -> int:
    """The key, 32 bits, unsigned."""
    number = whole(text, 0)
    if number is None:
        raise IpcctlError(f"failed to parse argument: '{text}'")
    if abs(number) > ULONG_MAX:
        raise IpcctlError(f"failed to parse argument: '{text}': {RANGE}")
    if number == 0:
        raise IpcctlError(f"illegal key ({text})")
    if not INT_MIN <= number <= UINT_MAX:
        raise IpcctlError(f"invalid key ({text}): a key has 32 bits")
    return number & UINT_MAX


def _name(kind: str, text: str) -> str:
    """The name with its slash; it may be given without."""
    from ipcctl.compat.names import object_name  # start-up: only POSIX options need it

    return object_name(kind, text)


def _all(value: str) -> tuple[str, ...]:
    if value == ABSENT:
        return _SYSV
    if value not in (*_SYSV, *_POSIX):
        raise IpcctlError(f"unknown argument: {value}")
    return (value,)


class _Removal:
    """Removes, and says so where that was asked for. Every method returns whether something failed."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._verbose = False
        self._loaded: SysvControl | None = None

    def say(self, text: str) -> bool:
        self._out.write(text)
        return False

    def explain(self) -> bool:
        """Say from now on what is removed."""
        self._verbose = True
        return False

    def by_id(self, kind: str, identifier: int) -> bool:
        return self._remove(kind, identifier, "id")

    def by_key(self, kind: str, key: int, text: str) -> bool:
        try:
            identifier = self._control().find(kind, key)
        except OSError as error:
            return self._failed(error, "key", text)
        return self._remove(kind, identifier, "key")

    def all_by_id(self, kind: str) -> bool:
        """Every object of *kind* that may be read: others are passed over in silence, like in the original."""
        failed = False
        for identifier in self._control().readable_ids(kind):
            failed |= self._remove(kind, identifier, "id")
        return failed

    def by_name(self, kind: str, name: str, typed: str) -> bool:
        from ipcctl.compat.names import remove_named

        return remove_named(kind, name, typed, self._say_if_verbose, self._complain)

    def all_by_name(self, kind: str) -> bool:
        from ipcctl.compat.names import remove_all_named

        return remove_all_named(kind, self._say_if_verbose, self._complain)

    def _control(self) -> SysvControl:
        if self._loaded is None:
            from ipcctl.kernel.sysv import SysvControl  # start-up: loads ctypes

            self._loaded = SysvControl()
        return self._loaded

    def _remove(self, kind: str, identifier: int, what: str) -> bool:
        if self._verbose:
            self._out.write(f"removing {_WORDS[kind]} id `{identifier}'\n")
        try:
            self._control().remove(kind, identifier)
        except OSError as error:
            return self._failed(error, what, identifier)
        return False

    def _failed(self, error: OSError, what: str, which: object) -> bool:
        reason = _REASONS.get(error.errno or 0)
        self._complain(f"{reason} {what} ({which})" if reason else f"{what} ({which}): {os.strerror(error.errno or 0)}")
        return True

    def _say_if_verbose(self, text: str) -> None:
        if self._verbose:
            self._out.write(text)

    def _complain(self, text: str) -> None:
        self._err.write(f"ipcrm: {text}\n")


_REASONS = {
    errno.EACCES: "permission denied for",
    errno.EPERM: "permission denied for",
    errno.EINVAL: "invalid",
    errno.ENOENT: "invalid",
    errno.EIDRM: "already removed",
}
