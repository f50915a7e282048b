"""Restoring: objects made again from their files. All of them, or none.

Keys and names, rights and limits are checked before the first is made, and so is every file but those of segments,
which are checked while they are copied. What was made is taken back when a later step fails.
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ipcctl.act.archive.check import contents, opened
from ipcctl.act.archive.container import LARGE
from ipcctl.act.making import Maker, Nameless, Send, Write, target, why_not
from ipcctl.errors import IpcctlError, Refused
from ipcctl.kernel.signals import deafen, unbroken
from ipcctl.model.detail import Message
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.objects import SHM_HUGETLB, SHM_LOCKED
from ipcctl.model.removal import RESTORED, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ipcctl.model.archive import Archived
    from ipcctl.model.ref import Ref


T = TypeVar("T")


class Wanted(NamedTuple):
    """An object to be made."""

    archived: Archived
    object: Any  # as it is to be: key or name, owner

    @property
    def ref(self) -> Ref | None:
        """Its key or name; None = without a key."""
        return target(self.object)


class Restorer(Maker):
    """Makes objects on one host from their files."""

    def restore(self, wanted: Sequence[Wanted], make_way: Callable[[], list[Outcome]] | None) -> list[Outcome]:
        """Make all; what had to go for it comes first.

        *make_way* removes that. It is called once, when POSIX segments lack nothing but their names, and then nothing
        but a failure keeps the new ones from being made.
        Raises Refused, BadArchive: what was made until then goes again.
        """
        nameless = {at: self._made(it, Restorer._nameless) for at, it in enumerate(wanted) if it.object.kind == PSHM}
        if make_way is None:
            return self._outcomes(self._all(wanted, nameless))
        with unbroken():
            gone = make_way()
            made = self._all(wanted, nameless)
            self.keep()
        return gone + self._outcomes(made)

    def _all(self, wanted: Sequence[Wanted], nameless: Mapping[int, Nameless]) -> list[tuple[Wanted, int]]:
        return [
            (it, self._made(it, partial(_named, nameless[at]) if at in nameless else _MAKE[it.object.kind]))
            for at, it in enumerate(wanted)
        ]

    def _made(self, wanted: Wanted, make: Callable[[Restorer, Wanted], T]) -> T:
        try:
            return make(self, wanted)
        except OSError as error:
            if isinstance(error, IpcctlError):
                raise
            raise _explained(error, wanted.object) from error

    def _outcomes(self, made: Sequence[tuple[Wanted, int]]) -> list[Outcome]:
        """What was made, as it is now."""
        kinds = list(dict.fromkeys(wanted.object.kind for wanted, _ in made))
        seen: dict[str, list[Any]] = {**self._host.snapshot(kinds).objects}
        rows = {
            (kind, item.inode if KINDS[kind].posix else item.id): item for kind, items in seen.items() for item in items
        }
        return [
            Outcome(rows.get((w.object.kind, which), w.object), RESTORED, lost(w, os.geteuid()), saved=w.archived.path)
            for w, which in made
        ]

    def _segment(self, wanted: Wanted) -> int:
        return self.segment(wanted.object, partial(self._write, wanted))

    def _semaphores(self, wanted: Wanted) -> int:
        return self.semaphores(wanted.object, wanted.archived.content.values)

    def _queue(self, wanted: Wanted) -> int:
        held = wanted.archived.content
        room = max(wanted.object.qbytes or 0, held.message_bytes, held.messages)
        return self.queue(wanted.object, partial(self._send, wanted), room)

    def _nameless(self, wanted: Wanted) -> Nameless:
        return self.nameless(wanted.object, partial(self._write, wanted))

    def _posix_semaphore(self, wanted: Wanted) -> int:
        (value,) = wanted.archived.content.values
        return self.posix_semaphore(wanted.object, value)

    def _posix_queue(self, wanted: Wanted) -> int:
        return self.posix_queue(wanted.object, partial(self._send, wanted))

    def _write(self, wanted: Wanted, write: Write) -> None:
        """Write one piece while the next is read and checked."""
        with ThreadPoolExecutor(1, initializer=deafen) as beside:
            writing: Future[None] | None = None
            for record in self._records(wanted):
                if writing is not None:
                    writing.result()
                if len(record.payload) < LARGE:
                    write(record.payload, record.argument)
                    writing = None
                else:
                    writing = beside.submit(write, record.payload, record.argument)
            if writing is not None:
                writing.result()

    def _send(self, wanted: Wanted, send: Send) -> None:
        for record in self._records(wanted):
            send(Message(record.argument, bytes(record.payload)))

    def _records(self, wanted: Wanted) -> Any:  # noqa: ANN401  an iterator of records
        with opened(wanted.archived.path) as source:
            if source.header != wanted.archived.header:
                raise Refused(f"{wanted.archived.path}: another file has this name now")
            for record, _ in contents(source):
                yield record


_MAKE: dict[str, Callable[[Restorer, Wanted], int]] = {
    SHM: Restorer._segment,  # noqa: SLF001  its own
    SEM: Restorer._semaphores,  # noqa: SLF001
    MSG: Restorer._queue,  # noqa: SLF001
    PSEM: Restorer._posix_semaphore,  # noqa: SLF001
    PMSG: Restorer._posix_queue,  # noqa: SLF001
}


def _named(nameless: Nameless, restorer: Restorer, wanted: Wanted) -> int:
    return restorer.named(wanted.object, nameless)


def lost(wanted: Wanted, creator: int) -> str:
    """What of the object did not come back."""
    was: Any = wanted.archived.object
    words = ["times"]
    if not KINDS[was.kind].posix:
        words = [f"id (was {was.id})", "times", "process ids"]
        if was.cuid != creator:
            words.append(f"creator (was uid {was.cuid})")
        flags = was.mode if was.kind == SHM else 0
        words += [word for word, bit in (("lock", SHM_LOCKED), ("huge pages", SHM_HUGETLB)) if flags & bit]
    if was.uid != wanted.object.uid:
        words.append(f"owner (was uid {was.uid})")
    return f"not as before: {', '.join(words)}"


def _explained(error: OSError, item: Any) -> Refused:  # noqa: ANN401  any object
    why, hint = why_not(error, item.kind)
    hint = _HINTS.get(error.errno or 0, hint)
    ref = target(item) or item.kind
    return Refused(f"cannot restore {ref}: {why}; nothing was restored", hint=hint or None)


_HINTS = {errno.EEXIST: "--replace, or another key or name"}
