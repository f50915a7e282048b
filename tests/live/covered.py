"""A system directory with something else in it, for the processes of one test: a tmpfs full of bind mounts."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live import namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEV, ETC = Path("/dev"), Path("/etc")


def cover(directory: Path, names: Iterable[str]) -> None:
    """Cover `directory` with one that everybody may pass and that holds `names` of what was in it."""
    underneath = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    namespace.mount("tmpfs", directory, "tmpfs", 0, "mode=755")
    for name in names:
        original, here = Path(f"/proc/self/fd/{underneath}/{name}"), directory / name
        if original.is_symlink():
            here.symlink_to(original.readlink())
            continue
        if original.is_dir():
            here.mkdir()
        else:
            here.touch()
        namespace.mount(str(original), here, None, namespace.MS_BIND | namespace.MS_REC)
    os.close(underneath)


@contextlib.contextmanager
def covered(directory: Path, *without: str) -> Iterator[None]:
    """`directory` as it is but `without` these names, to be filled by the test; as before at the end."""
    cover(directory, sorted(set(os.listdir(directory)) - set(without)))
    try:
        yield
    finally:
        namespace.umount(directory)


@contextlib.contextmanager
def system_log() -> Iterator[socket.socket]:
    """A socket at /dev/log."""
    with covered(DEV, "log"), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("/dev/log")
        yield listening
