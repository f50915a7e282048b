"""Creating one object, never taking over another: complete, with its owner and content, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from ipcctl.act.admission import misnamed, not_ours, room_of
from ipcctl.act.making import Maker, target, why_not
from ipcctl.act.wishes import too_much
from ipcctl.errors import IpcctlError, Refused
from ipcctl.model.kinds import KINDS, MSG, PMSG, PSEM, PSHM, SEM, SHM
from ipcctl.policy.room import Plan, shortages
from ipcctl.render.outcomes import content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ipcctl.act.making import Write
    from ipcctl.act.wishes import Source, Wish
    from ipcctl.kernel.host import Host
    from ipcctl.model.snapshot import Gap

_CHUNK = 1 << 20
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def create(host: Host, wished: Wish) -> tuple[Any, Sequence[Gap]]:
    """Make it; its row, and why that is not known whole. Raises Refused: nothing was made, or it is gone again."""
    item = wished.object
    posix = KINDS[item.kind].posix
    _check(host, wished)
    with _ending_in_order(), Maker(host) as maker:
        try:
            made = _MAKE[item.kind](maker, wished)
        except OSError as error:
            if isinstance(error, IpcctlError):
                raise
            raise _explained(host, error, wished) from error
        snapshot = host.snapshot([item.kind], queue_limits=False)
    seen: Sequence[Any] = snapshot.objects[item.kind]
    row = next((row for row in seen if made == (row.inode if posix else row.id)), None)
    if row is None:  # no mqueue file system is mounted
        return (item if posix else item._replace(**{item._fields[1]: made})), snapshot.gaps
    if item.kind == MSG:  # asked for this one only: there may be ten thousands
        return row._replace(qbytes=host.control().queue_limits([made])[0]), ()
    return row, ()


def _check(host: Host, wished: Wish) -> None:
    """Raise Refused for what can be known beforehand: the object in the way, rights, limits."""
    item = wished.object
    present: Mapping[str, Sequence[Any]] = host.snapshot([item.kind], queue_limits=False).objects
    _check_free(host, item, present[item.kind])
    stored = item.size if item.kind == PSHM else 0
    reasons = [
        *((why, "choose another name") for why in misnamed([item])),
        *((why, "only root can give a POSIX object away, and to a group one is not in") for why in not_ours([item])),
        *shortages([Plan(item, stored, 0)], present, room_of(host)),
    ]
    if reasons:
        raise Refused(f"nothing created: {'; '.join(why for why, _ in reasons)}", hint=reasons[0][1])


def _check_free(host: Host, item: Any, present: Sequence[Any]) -> None:  # noqa: ANN401
    wanted = target(item)
    occupant = next((other for other in present if wanted is not None and target(other) == wanted), None)
    if occupant is not None:
        owner = host.accounts.users[occupant.uid] or f"uid {occupant.uid}"
        known = f"{occupant.ref}, " if occupant.ref != str(wanted) else ""
        size = "size " if item.kind in _SIZED else ""
        raise Refused(
            f"{wanted} exists: {known}of {owner}, {size}{content_of(occupant)}; nothing was created",
            hint=f"ipcctl show {occupant.ref} tells more; take another {'name' if KINDS[item.kind].posix else 'key'}",
        )


def _explained(host: Host, error: OSError, wished: Wish) -> IpcctlError:
    item = wished.object
    if error.errno == errno.EEXIST:
        try:
            _check_free(host, item, host.snapshot([item.kind]).objects[item.kind])
        except Refused as taken:
            return taken
        if item.kind in _FILES:
            return Refused(
                f"{target(item)}: something that is no {KINDS[item.kind].singular} has this name", hint=_LOOK
            )
        return Refused(f"{target(item)} exists; nothing was created", hint="it cannot be looked at from here")
    why, hint = (wished.huge is not None and _HUGE.get(error.errno or 0)) or why_not(error, item.kind)
    return Refused(f"cannot create {target(item) or item.kind}: {why}; nothing was created", hint=hint or None)


def _filling(wished: Wish) -> Callable[[Write], None] | None:
    return None if wished.source is None else partial(_copy, wished.source, wished.object.size)


def _copy(source: Source, size: int, write: Write) -> None:
    """All of *source*, which must fit, and not become shorter than it was. Raises Refused."""
    offset = 0
    while True:
        try:
            chunk = os.read(source.file, _CHUNK)
        except OSError as error:
            raise Refused(f"cannot read {source.name}: {error.strerror}; nothing was created") from error
        if not chunk:
            break
        if offset + len(chunk) > size:
            raise too_much(source._replace(size=None), size)
        write(memoryview(chunk), offset)
        offset += len(chunk)
    if offset < (source.size or 0):
        raise Refused(f"{source.name} became shorter while it was read; nothing was created")


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP be exceptions, so that what is half-made goes: content may come slowly."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_MAKE: dict[str, Callable[[Maker, Wish], int]] = {
    SHM: lambda maker, it: maker.segment(it.object, _filling(it), huge=it.huge),
    SEM: lambda maker, it: maker.semaphores(it.object, it.values),
    MSG: lambda maker, it: maker.queue(it.object),
    PSHM: lambda maker, it: maker.posix_segment(it.object, _filling(it)),
    PSEM: lambda maker, it: maker.posix_semaphore(it.object, it.values[0]),
    PMSG: lambda maker, it: maker.posix_queue(it.object),
}
_SIZED = (SHM, PSHM)
_FILES = (PSHM, PSEM)
_LOOK = "ls -l /dev/shm shows it: a directory, a link, a file that is too short"
_HUGE = {
    errno.ENOMEM: ("not enough huge pages are free", "sysctl -w vm.nr_hugepages=N; grep Huge /proc/meminfo"),
    errno.EPERM: ("this user may not use huge pages", "sysctl -w vm.hugetlb_shm_group=GID, or run as root"),
    errno.EINVAL: ("there are no huge pages of that size", "ls /sys/kernel/mm/hugepages shows the sizes"),
}
