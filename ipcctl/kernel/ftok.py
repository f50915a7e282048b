"""Keys made from files (ftok(3)): the file's inode and device, of which the key has 16 and 8 bits, and a project id."""

from __future__ import annotations

import os


def key_of(path: str, proj: int) -> int:
    """The key that ftok(3) makes of *path*, a link followed, and the low 8 bits of *proj*. Raises OSError."""
    status = os.stat(path)
    return (proj & 0xFF) << 24 | (status.st_dev & 0xFF) << 16 | status.st_ino & 0xFFFF
