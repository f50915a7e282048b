"""The recorded trees, completed by what git cannot hold."""

from __future__ import annotations

import os
import shutil
import struct
from typing import TYPE_CHECKING

import pytest

from tests.cli.here import FIXTURES, NOW, Roots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOUR = 3600


def put(path: Path, content: bytes, mode: int, age: int) -> None:
    """Write a file of this mode, last modified `age` seconds before NOW."""
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (NOW - age, NOW - age))


def furnish_shm(shm: Path) -> None:
    """Put what people put into a /dev/shm: objects, and things that are none."""
    shm.mkdir()
    put(shm / "psm_8f2c1a", bytes(262144), 0o600, 5 * HOUR)
    put(shm / "torch_4711_0", b"", 0o666, 72 * HOUR)
    put(shm / "with blank", b"x" * 100, 0o640, HOUR)
    put(shm / "\x1b[31mred\n", b"x", 0o600, HOUR)
    (shm / "caf\udce9").write_bytes(b"x")
    put(shm / "caf\udce9", b"x", 0o600, HOUR)
    put(shm / "sem.render-lock", struct.pack("@QQQQ", 3, 0, 0, 0), 0o600, 2 * HOUR)
    put(shm / "sem.contended", struct.pack("@QQQQ", 2 << 32, 0, 0, 0), 0o666, 0)
    put(shm / "sem.empty", b"", 0o666, HOUR)
    put(shm / "sem.short", bytes(31), 0o600, HOUR)
    put(shm / "sem.", bytes(32), 0o600, HOUR)
    (shm / "pulse").mkdir()
    put(shm / "pulse" / "deep", b"x", 0o600, 0)
    os.mkfifo(shm / "fifo")
    os.mkfifo(shm / "sem.fifo")
    (shm / "link").symlink_to(shm / "psm_8f2c1a")
    (shm / "sem.link").symlink_to(shm / "sem.render-lock")
    (shm / "dangling").symlink_to("/nowhere")


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str], Roots]:
    """Make the recorded tree of that name, complete, and return its roots; absent what it lacks."""

    def make(name: str) -> Roots:
        roots = Roots(tmp_path / "proc", tmp_path / "mqueue", tmp_path / "shm")
        shutil.copytree(FIXTURES / name / "proc", roots.proc)
        if (FIXTURES / name / "mqueue").exists():
            roots.mqueue.mkdir()
            for queue in (FIXTURES / name / "mqueue").iterdir():
                put(roots.mqueue / queue.name, queue.read_bytes(), 0o660, 3 * HOUR)
        if name == "modern":
            furnish_shm(roots.shm)
        return roots

    return make
