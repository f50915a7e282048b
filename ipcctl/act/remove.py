"""Removing: look again, compare, remove. Losing a race is success.

A System V object is asked for its identity and its use right before IPC_RMID. A file goes under a lease: leased,
renamed aside, asked again whether somebody knocked, then unlinked or put back; so nobody can open it between the
check and the removal. The mqueue file system knows no rename: leased, asked, unlinked.
"""

from __future__ import annotations

import contextlib
import errno
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from ipcctl.act.aside import CHANGED, KNOCKED, Aside, changed
from ipcctl.act.judge import Judge
from ipcctl.act.unlinking import Done, unlink, unlink_aside, unlink_queue
from ipcctl.errors import IpcctlError, NotSaved, reason
from ipcctl.kernel import devshm, lease
from ipcctl.kernel.sysv import STAT_FIELDS
from ipcctl.model.evidence import BUSY, FREE
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.model.removal import ALREADY_GONE, FAILED, KEPT, MARKED, REMOVED, WOULD_REMOVE, Outcome
from ipcctl.model.words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from ipcctl.act.archive.save import Saver
    from ipcctl.kernel.host import Host

_GONE = frozenset({errno.EINVAL, errno.EIDRM, errno.ENOENT})
_USED = "used since it was listed"
_NOT_OWNER = "only its owner, its creator or root may remove it"
_IDENTITY = ("key", "uid", "cuid", "ctime")  # beside the id
_LISTED = {kind: attrgetter(*fields) for kind, fields in STAT_FIELDS.items()}
_FILES = frozenset(kind for kind in KINDS if KINDS[kind].posix)
_RENAMED = frozenset({PSHM, PSEM})  # files of a file system that knows rename(2)
_MANY = frozenset({SEM, MSG})  # System V objects that hosts are full of
_TOGETHER = 64  # in one portion; of files: descriptors held open, names missing if the process is killed then

_REMOVED = Done(REMOVED)


class _Knocked(Exception):
    """Somebody tried to open a file whose lease is held."""


class Remover:
    """Judges and removes the objects of one host. A context manager: it holds directories open."""

    def __init__(self, host: Host, kinds: Collection[str] = tuple(KINDS), *, force: bool = False) -> None:
        """Removal of what is in use only with *force*."""
        self.judge = Judge(host, kinds)
        self._force = force

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close what was opened."""
        self.judge.__exit__(*exception)

    def carry_out(self, plan: Iterable[Outcome], saver: Saver | None = None) -> Iterator[Outcome]:
        """Do what *plan* says, in order; what it keeps passes through unchanged.

        With *saver* the content is complete and durable in a file before an object goes, or the object stays.
        """
        for portion in self.portions(plan, saver):
            yield from self.carry_out_portion(portion, saver)

    def portions(
        self, plan: Iterable[Outcome], saver: Saver | None = None, *, recorded: bool = False
    ) -> Iterator[list[Outcome]]:
        """*plan* in the portions for :meth:`carry_out_portion`: what goes the quick way together, all else one by one.

        *recorded* = what became of one object is written down before the next goes, where that costs nothing more.
        """
        quick = frozenset() if self._force or saver else _RENAMED if recorded else _RENAMED | _MANY
        portion: list[Outcome] = []
        last = None
        for step in plan:
            kind = step.object.kind
            together = step.result == WOULD_REMOVE and kind in quick
            if portion and (not together or kind != last or len(portion) == _TOGETHER):
                yield portion
                portion = []
            if together:
                portion.append(step)
                last = kind
            else:
                yield [step]
        if portion:
            yield portion

    def carry_out_portion(self, portion: Sequence[Outcome], saver: Saver | None = None) -> Sequence[Outcome]:
        """What becomes of one of the :meth:`portions`."""
        first, kind = portion[0].result, portion[0].object.kind
        if first != WOULD_REMOVE:
            return portion
        if kind in _RENAMED and not (self._force or saver):
            return self._remove_files(portion)
        if kind in _MANY and len(portion) > 1:
            return self._remove_many(kind, portion)
        return [self._remove(step, saver) for step in portion]

    def _remove_many(self, kind: str, steps: Sequence[Outcome]) -> list[Outcome]:
        """Sets or queues that are as they were listed in a short loop, the others as :meth:`_remove` does."""
        take, listed = self.judge.control().taking(kind), _LISTED[kind]
        waited_on = self.judge.waited_on() if kind == MSG else ()
        done = []
        for step in steps:
            item: Any = step.object
            number = item[1]  # the id
            nsems, pids = (item.nsems, self.judge.last_users(item)) if kind == SEM else (0, ())
            if (kind, number) not in waited_on and take(number, listed(item), nsems, pids):
                done.append(Outcome(item, REMOVED, step.why, None, step.rule))
            else:
                done.append(self._remove(step, None))
        return done

    def _remove_files(self, steps: Sequence[Outcome]) -> list[Outcome]:
        """Put the files aside, wait once for all, unlink those nobody knocked at."""
        directory = self.judge.directory(steps[0].object.kind)
        if directory is None:
            return [self._remove(step, None) for step in steps]
        with Aside(directory) as aside:
            refused = {}
            for step in steps:
                item: Any = step.object
                try:
                    file = devshm.file_name(item.kind, item.name)
                    why = changed(directory, file, item) or aside.put(item, file)
                except OSError as error:
                    refused[item] = _failure(error)
                else:
                    if why:
                        refused[item] = KEPT, why
            aside.settle()
            ends = refused | {item: aside.end(item) for item in aside.items}
        return [step._replace(result=ends[step.object][0], why=ends[step.object][1] or step.why) for step in steps]

    def _remove(self, step: Outcome, saver: Saver | None) -> Outcome:
        item = step.object
        remove = self._posix if item.kind in _FILES else self._system_v
        saved = None
        try:
            result, why, saved = remove(item, saver)
        except NotSaved as error:
            result, why = FAILED, f"not saved, so not removed: {error}"
        except OSError as error:
            result, why = _failure(error)
        return Outcome(item, result, why or step.why, saved, step.rule)

    def _system_v(self, item: Any, saver: Saver | None) -> Done:  # noqa: ANN401  any System V object
        control, kind = self.judge.control(), item.kind
        now = control.stat(kind, item.id)
        if now is None:
            return Done(ALREADY_GONE, "somebody else removed it first")
        if now != _LISTED[kind](item) and (why := self._reason_to_keep(kind, item, now)):
            return Done(KEPT, why)
        if kind in _WAITERS and not self._force and (waiting := _WAITERS[kind](self, item)):
            return Done(KEPT, f"in-use: {count(waiting, 'waiting thread')} since it was listed")
        if kind == SEM and not self._force and self._operated_on(item):
            return Done(KEPT, _USED)
        if saver is None:
            return self._unmake(item, ours=0)
        return self._saved_first(item, saver, lambda: self._unmake(item, ours=1))

    def _unmake(self, item: Any, *, ours: int) -> Done:  # noqa: ANN401  any System V object
        """IPC_RMID; *ours* of a segment's attachments are this process's, and end soon.

        Somebody may attach a segment at the last moment: it is asked once more.
        """
        control = self.judge.control()
        control.remove(item.kind, item.id)
        if item.kind == SHM and (left := control.stat(SHM, item.id)) and left[-1] > ours:
            return Done(MARKED, "goes with its last attachment")
        return _REMOVED

    def _reason_to_keep(self, kind: str, item: Any, now: tuple[int, ...]) -> str:  # noqa: ANN401
        """Why an object that is not as it was listed stays; empty = it may go all the same."""
        fields = dict(zip(STAT_FIELDS[kind], now, strict=True))
        if any(fields[name] != getattr(item, name) for name in _IDENTITY):
            return CHANGED
        if self._force:
            return ""
        attached = fields.get("nattch", 0)
        return f"in-use: {count(attached, 'attachment')} since it was listed" if attached else _USED

    def _operated_on(self, item: Any) -> bool:  # noqa: ANN401  a semaphore set
        """Whether others than were judged used it, within the second of the use that was listed."""
        known = self.judge.last_users(item)
        return bool(known) and list(known) != self.judge.control().last_pids(item.semid, item.nsems)

    def _waiters_counted(self, item: Any) -> int:  # noqa: ANN401  a semaphore set
        """The kernel's count; 0 too where there is no right to ask: the plan said so."""
        try:
            return self.judge.control().waiters(item.semid, item.nsems)
        except PermissionError:
            return 0

    def _waiters_seen(self, item: Any) -> int:  # noqa: ANN401  a message queue
        return len(self.judge.waiting_now(item))

    def _posix(self, item: Any, saver: Saver | None) -> Done:  # noqa: ANN401  any POSIX object
        directory = self.judge.directory(item.kind)
        if directory is None:
            raise FileNotFoundError(errno.ENOENT, "its directory is gone", item.ref)
        file = devshm.file_name(item.kind, item.name)
        if why := changed(directory, file, item):
            return Done(KEPT, why)
        if self._force:
            return self._saved_first(item, saver, lambda: unlink(directory, file, item))
        takes = saver is not None and saver.drain and item.kind == PMSG
        with lease.leased(directory, file, (item.device, item.inode), both=takes) as held:
            answer, descriptor = held
            if answer == BUSY:
                return Done(KEPT, "in-use: somebody has it open or mapped since it was listed")
            if answer != FREE:  # no lease to be had here: the walk over /proc has decided
                return self._saved_first(item, saver, lambda: unlink(directory, file, item))
            if item.kind in _RENAMED:
                return self._saved_first(item, saver, lambda: unlink_aside(directory, file, item, held), descriptor)
            return self._saved_first(item, saver, lambda: unlink_queue(directory, file, item, descriptor), descriptor)

    def _saved_first(
        self,
        item: Any,  # noqa: ANN401  any object
        saver: Saver | None,
        go: Callable[[], Done],
        leased: int | None = None,
    ) -> Done:
        """Save, compare, and *go*. The object is held until then; *leased* = by a lease on this descriptor.

        Raises NotSaved, OSError; where the object stays, no file does.
        """
        if saver is None:
            return go()
        with contextlib.ExitStack() as held:
            try:
                saved = held.enter_context(saver.saving(item, leased, lambda: _give_way(leased)))
            except _Knocked:
                return Done(KEPT, KNOCKED)
            except (OSError, IpcctlError) as error:
                if self._is_gone(item, error):
                    raise
                raise NotSaved(reason(error)) from error
            altered = ""
            try:
                altered = saved.changed()
                done = Done(KEPT, f"in-use: {altered}") if altered and not self._force else go()
            except OSError as error:
                done = Done(*_failure(error))
        left_out = saved.left_out()
        if done.result in (KEPT, FAILED) and not left_out:
            saver.discard(saved)
            return done
        unsure = f"saved while in use: {altered}" if altered and done.result != KEPT else ""
        result = FAILED if left_out else done.result
        return Done(result, "; ".join(filter(None, (done.why, unsure, left_out))), saved.path)

    def _is_gone(self, item: Any, error: Exception) -> bool:  # noqa: ANN401  any object
        """Whether saving failed because somebody else removed the object."""
        if not isinstance(error, OSError) or error.errno not in _GONE or error.filename != item.ref:
            return False
        return KINDS[item.kind].posix or self.judge.control().stat(item.kind, item.id) is None


def _give_way(leased: int | None) -> None:
    if leased is not None and lease.knocked(leased):
        raise _Knocked


_WAITERS = {SEM: Remover._waiters_counted, MSG: Remover._waiters_seen}  # noqa: SLF001  its own


def _failure(error: OSError) -> tuple[str, str]:
    if error.errno in _GONE:
        return ALREADY_GONE, "somebody else removed it first"
    denied = error.errno in (errno.EPERM, errno.EACCES)
    return FAILED, _NOT_OWNER if denied else str(error.strerror)
