"""Limits of the IPC namespace and how much of each is used."""

from __future__ import annotations

from typing import NamedTuple


class Limit(NamedTuple):
    """One limit beside its use. Plain integers: shmmax defaults to 2^64-2^24."""

    name: str  # the kernel's word: shmmni, msgmnb, queues_max
    kind: str
    help: str
    unit: str  # "objects" "semaphores" "bytes" "pages" "messages" "operations"
    limit: int
    used: int | None  # None = nothing counts against it, or it could not be read
    shared: bool  # True: used up by all objects together; False: the largest single object is shown
    setting: str  # how to change it: "sysctl -w kernel.shmmni=N"

    @property
    def percent(self) -> float | None:
        """Use in percent of the limit; None where nothing counts against it."""
        if self.used is None:
            return None
        if self.limit == 0:
            return 100.0 if self.used else 0.0
        return 100.0 * self.used / self.limit


class SysvLimits(NamedTuple):
    """/proc/sys/kernel/{shmmax,shmall,shmmni,sem,msgmni,msgmax,msgmnb} (proc_sys_kernel(5))."""

    shmmax: int  # bytes, one segment
    shmall: int  # pages, all segments
    shmmni: int  # segments
    semmsl: int  # semaphores in one set
    semmns: int  # semaphores in all sets
    semopm: int  # operations in one semop(2)
    semmni: int  # sets
    msgmni: int  # queues
    msgmax: int  # bytes, one message
    msgmnb: int  # bytes, a new queue


class MqueueLimits(NamedTuple):
    """/proc/sys/fs/mqueue (mq_overview(7))."""

    queues_max: int
    msg_max: int  # messages in one queue
    msgsize_max: int  # bytes, one message
    msg_default: int
    msgsize_default: int


class FileSystemUse(NamedTuple):
    """How full /dev/shm is (statvfs(3))."""

    size: int  # bytes; 0 = as many as there is memory (tmpfs(5), size=0)
    available: int  # bytes left for ordinary users
