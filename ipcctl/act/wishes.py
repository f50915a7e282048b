"""What a person asks ``create`` for, checked: words to an object that can be made."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import Refused, UsageError
from ipcctl.kernel.ftok import key_of
from ipcctl.model import objects
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.parse import fields
from ipcctl.parse.reference import parse_reference
from ipcctl.policy.fields import CREATE, check_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ipcctl.kernel.host import Host

_MODE = "600"
_STDIN = "-"


class Source(NamedTuple):
    """Where content comes from."""

    file: int
    name: str  # for messages
    size: int | None  # bytes that are left in it; None = nobody knows before the end


class Wish(NamedTuple):
    """An object that is to be made."""

    object: Any  # its row: what cannot be known yet is 0
    values: Sequence[int] = ()  # of semaphores
    huge: int | None = None
    source: Source | None = None  # None = zeros


class _Given(NamedTuple):
    """What a person typed, and what it stands for here."""

    name: str | None
    texts: Mapping[str, Any]
    uid: int
    gid: int
    mode: int
    key: int
    source: Source | None


@contextlib.contextmanager
def wish(host: Host, kind: str, name: str | None, texts: Mapping[str, Any]) -> Iterator[Wish]:
    """What the options *texts* of ``create`` ask for; the source of content is open as long as the block lasts.

    Raises UsageError, and Refused for a file that cannot be read.
    """
    check_fields(kind, texts, CREATE)
    name = _name(kind, name)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_opened(texts["--from"])) if texts["--from"] is not None else None
        user, group = fields.parse_owner(texts["--owner"]) if texts["--owner"] is not None else (None, None)
        given = _Given(
            name,
            texts,
            os.geteuid() if user is None else host.accounts.uid(user),
            os.getegid() if group is None else host.accounts.gid(group),
            fields.parse_mode(_MODE if texts["--mode"] is None else texts["--mode"]),
            _key(texts["--key"], texts["--ftok"]),
            source,
        )
        yield _WISHES[kind](given, host)


def _name(kind: str, name: str | None) -> str | None:
    if not KINDS[kind].posix:
        if name is not None:
            hint = "it has a key: --key, --ftok; without one it is private"
            raise UsageError(f"a {KINDS[kind].singular} has no name: {name!r}", hint=hint)
        return None
    if name is None:
        raise UsageError(f"a {KINDS[kind].singular} needs a name", hint=f"ipcctl create {kind} /NAME ...")
    return parse_reference(f"{kind}:{name}").name


def _key(key: str | None, ftok: str | None) -> int:
    if key is not None and ftok is not None:
        raise UsageError("--key and --ftok together", hint="give one of them")
    if ftok is None:
        return 0 if key is None else fields.parse_key(key)
    path, proj = fields.parse_ftok(ftok)
    try:
        return key_of(path, proj)
    except OSError as error:
        raise Refused(f"no key from {path!r}: {error.strerror}", hint="ftok(3) needs a file that exists") from error


@contextlib.contextmanager
def _opened(name: str) -> Iterator[Source]:
    called = "standard input" if name == _STDIN else repr(name)
    with contextlib.ExitStack() as stack:
        try:
            file = sys.stdin.fileno() if name == _STDIN else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
            if name != _STDIN:
                stack.callback(os.close, file)
            status = os.fstat(file)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            regular = stat.S_ISREG(status.st_mode)
            size = max(0, status.st_size - os.lseek(file, 0, os.SEEK_CUR)) if regular else None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise Refused(f"cannot read {called}: {why}; nothing was created") from error
        yield Source(file, called, size)


def _size(given: _Given) -> int:
    text, source = given.texts["--size"], given.source
    size = None if text is None else fields.parse_bytes(text)
    if size is None:
        if source is None:
            raise UsageError("--size is missing", hint="--size 64M, or --from FILE, whose size it takes")
        if source.size is None:
            raise UsageError("--size is missing", hint=f"{source.name} does not tell how much will come")
        if source.size == 0:
            raise UsageError(f"{source.name} is empty", hint="a segment has at least 1 byte: --size")
        size = source.size
    elif source is not None and (source.size or 0) > size:
        raise too_much(source, size)
    return size


def too_much(source: Source, size: int) -> Refused:
    """What to say where *source* holds more than the *size* bytes of the object."""
    much = "more" if source.size is None else f"{source.size} bytes"
    hint = "a larger --size" if source.size is None else "without --size the object takes the file's"
    return Refused(f"{source.name} holds {much}, the object {size} bytes; nothing was created", hint=hint)


def _segment(given: _Given, _: Host) -> Wish:
    text = given.texts["--huge"]
    huge = None if text is None else 0 if text == "default" else fields.parse_bytes(text, "size of huge pages")
    if huge and huge & (huge - 1):
        raise UsageError(f"bad size of huge pages {text!r}", hint="a power of 2 that the CPU has (2M 1G), or default")
    nobody, never = (0, 0, 0), (0, 0, 0)
    owners = (given.uid, given.gid, os.geteuid(), os.getegid())
    row = objects.Segment(given.key, -1, given.mode, _size(given), *nobody, *owners, *never, None, None)
    return Wish(row, huge=huge, source=given.source)


def _semaphores(given: _Given, _: Host) -> Wish:
    text, single = given.texts["--values"], fields.parse_numbered_values(given.texts["--value"])
    values = None if text is None else fields.parse_values(text)
    count = given.texts["--nsems"]
    number = len(values or [0]) if count is None else fields.parse_count(count, "semaphores")
    if values is not None and number != len(values):
        raise UsageError(f"{len(values)} values for {number} semaphores", hint="--values has one for each")
    beyond = [num for num in single if num >= number]
    if beyond:
        raise UsageError(f"no semaphore {beyond[0]} among {number}", hint="they count from 0; --nsems makes more")
    if single or values is not None:
        values = values or [0] * number
        for num, value in single.items():
            values[num] = value
    owners = (given.uid, given.gid, os.geteuid(), os.getegid())
    return Wish(objects.SemaphoreSet(given.key, -1, given.mode, number, *owners, 0, 0), values=values or ())


def _queue(given: _Given, _: Host) -> Wish:
    text = given.texts["--qbytes"]
    qbytes = None if text is None else fields.parse_bytes(text, "number of bytes")
    owners = (given.uid, given.gid, os.geteuid(), os.getegid())
    return Wish(objects.MessageQueue(given.key, -1, given.mode, 0, 0, 0, 0, *owners, 0, 0, 0, qbytes))


def _posix_segment(given: _Given, _: Host) -> Wish:
    row = objects.PosixSegment(given.name or "", given.mode, given.uid, given.gid, _size(given), 0, 0, 0, 0, 0)
    return Wish(row, source=given.source)


def _posix_semaphore(given: _Given, _: Host) -> Wish:
    texts = given.texts["--value"]
    value = fields.parse_posix_value(texts) if texts else 0
    row = objects.PosixSemaphore(given.name or "", given.mode, given.uid, given.gid, value, 0, 0, 0, 0)
    return Wish(row, values=(value,))


def _posix_queue(given: _Given, host: Host) -> Wish:
    count, size = given.texts["--maxmsg"], given.texts["--msgsize"]
    maxmsg = None if count is None else fields.parse_count(count, "messages")
    msgsize = None if size is None else fields.parse_bytes(size)
    if (maxmsg is None) != (msgsize is None):  # the kernel takes both or none
        limits = host.mqueue_limits()
        maxmsg = min(limits.msg_default, limits.msg_max) if maxmsg is None else maxmsg
        msgsize = min(limits.msgsize_default, limits.msgsize_max) if msgsize is None else msgsize
    row = objects.PosixQueue(given.name or "", given.mode, given.uid, given.gid, 0, 0, 0, 0)
    return Wish(row._replace(maxmsg=maxmsg, msgsize=msgsize))


_WISHES: dict[str, Callable[[_Given, Host], Wish]] = {
    SHM: _segment,
    SEM: _semaphores,
    MSG: _queue,
    PSHM: _posix_segment,
    PSEM: _posix_semaphore,
    PMSG: _posix_queue,
}
