"""File servers that are down are known, and nobody who is asked for holders or keys waits for one."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ipcctl.kernel import creation
from ipcctl.kernel.ftok import key_of
from ipcctl.kernel.mounts import remote_paths
from tests.live import actors, namespace
from tests.live.cli import run
from tests.live.test_ftok import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOUNTINFO = """\
22 1 0:20 / / rw - nfs4 filer:/root rw
23 22 0:21 / /home rw - nfs4 filer:/home rw
24 22 0:22 / /mnt/with\\040blank rw - fuse.sshfs host: rw
25 22 0:23 / /dev/shm rw - tmpfs none rw
"""


@contextmanager
def dead_server(mount_point: Path) -> Iterator[None]:
    """A file system whose server answers nothing, as long as the block lasts (fuse(4))."""
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"/dev/fuse: {error.strerror}")
    options = f"fd={server},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}"
    command = ["mount", "-i", "-t", "fuse", "-o", options, "dead", str(mount_point)]
    if subprocess.run(command, check=False, pass_fds=[server], capture_output=True).returncode:
        os.close(server)
        pytest.skip("FUSE cannot be mounted here")
    try:
        yield
    finally:
        os.close(server)  # whoever waits is told that it is gone
        subprocess.run(["umount", mount_point], check=True)


def test_network_file_systems_are_told_by_how_their_paths_begin(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text(MOUNTINFO)
    assert ("/home/", "/mnt/with blank/") == remote_paths(str(tmp_path))
    assert () == remote_paths("/nowhere")


def test_process_that_has_a_file_of_a_dead_server_open_stops_no_walk(tmp_path: Path) -> None:
    creation.create_posix_segment("/held", 1, 0o600)
    with dead_server(tmp_path):
        stuck = actors.actor(lambda: os.open(tmp_path, os.O_PATH))
        with stuck, actors.opened(namespace.SHM / "held") as it:
            assert f"{it.pid}\n" == run("ls", "pshm", "-o", "pids", "--no-headings").out


def test_home_on_a_dead_server_stops_no_show(tmp_path: Path) -> None:
    key = key_of("/etc", 7)
    creation.create_segment(key, 1, 0o600)
    home, accounts = tmp_path / "home", tmp_path / "passwd"
    home.mkdir()
    accounts.write_text(f"root:x:0:0::{home}:/bin/sh\n")
    subprocess.run(["mount", "--bind", accounts, "/etc/passwd"], check=True)
    try:
        with dead_server(home):
            assert {"path": "/etc", "proj": 7} == shown(f"shm:0x{key:08x}")
    finally:
        subprocess.run(["umount", "/etc/passwd"], check=True)
