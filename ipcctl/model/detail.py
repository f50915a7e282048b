"""What is known of one object beyond its row: single semaphores, queued messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipcctl.model.snapshot import Gap


class Semaphore(NamedTuple):
    """One semaphore of a set (semctl(2))."""

    num: int  # from 0
    value: int
    ncount: int  # threads waiting for the value to grow
    zcount: int  # threads waiting for the value to be 0
    pid: int  # last semop or SETVAL; 0 = none yet, or not visible


class Message(NamedTuple):
    """One queued message, read without taking it (msgrcv(2), MSG_COPY)."""

    type: int  # > 0
    payload: bytes


class Detail(NamedTuple):
    """Everything :func:`ipcctl.kernel.detail.read_detail` saw."""

    semaphores: tuple[Semaphore, ...] = ()
    messages: tuple[Message, ...] | None = None  # None = not asked for, or not possible
    gaps: tuple[Gap, ...] = ()
