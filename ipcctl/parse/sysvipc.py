"""/proc/sysvipc/{shm,sem,msg}: the System V objects of the reader's IPC namespace (proc_sysvipc(5))."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ipcctl.model.objects import MessageQueue, Segment, SemaphoreSet
from ipcctl.parse.table import parse_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ipcctl.parse.table import Column

Row = TypeVar("Row", Segment, SemaphoreSet, MessageQueue)

_WORDS = {"mode": "perms"}  # where the heading has another word than the fact


def parse_shm(text: str, source: str = "/proc/sysvipc/shm") -> list[Segment]:
    """Segments in kernel order; kernel: sysvipc_shm_proc_show(). Raises ParseError."""
    return _rows(text, source, Segment, Segment._fields)


def parse_sem(text: str, source: str = "/proc/sysvipc/sem") -> list[SemaphoreSet]:
    """Semaphore sets in kernel order; kernel: sysvipc_sem_proc_show(). Raises ParseError."""
    return _rows(text, source, SemaphoreSet, SemaphoreSet._fields)


def parse_msg(text: str, source: str = "/proc/sysvipc/msg") -> list[MessageQueue]:
    """Queues in kernel order, qbytes None; kernel: sysvipc_msg_proc_show(). Raises ParseError."""
    return _rows(text, source, MessageQueue, MessageQueue._fields[:-1], (None,))


def _rows(text: str, source: str, row: type[Row], fields: tuple[str, ...], rest: tuple[None, ...] = ()) -> list[Row]:
    count, columns = parse_columns(text, [_WORDS.get(field, field) for field in fields], source)
    constant: list[Column] = [(value,) * count for value in rest]
    make: Callable[[Iterable[int | None]], Row] = partial(tuple.__new__, row)
    return list(map(make, zip(*columns, *constant, strict=True)))
