"""The bytes of a named semaphore's file in /dev/shm (sem_overview(7); glibc: struct new_sem)."""

from __future__ import annotations

import sys

from ipcctl.errors import ParseError

SEMAPHORE_BYTES = 32  # sizeof(sem_t) on 64-bit glibc; a shorter file is no semaphore


def parse_semaphore(head: bytes, source: str = "a sem.* file") -> int:
    """The value: the low 32 bits of the first 8 bytes (the high ones count waiters). Raises ParseError."""
    if len(head) < 8:  # noqa: PLR2004  one 64-bit word
        message = f"{source}: {len(head)} bytes, a named semaphore has {SEMAPHORE_BYTES}"
        raise ParseError(message, hint="not made by sem_open(3); look at it with ls -l and file")
    return int.from_bytes(head[:8], sys.byteorder) & 0xFFFFFFFF
