"""One run at a time, and nobody else can keep a user from it without being named."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ipcctl.errors import Refused
from ipcctl.kernel.lock import only_run
from tests.live import actors, covered, namespace


def locked(*, wait: bool = False) -> list[str]:
    """The files of this user's locks while one is held, and after it."""
    directory = Path("/run/ipcctl" if os.geteuid() == 0 else f"/tmp/ipcctl-{os.geteuid()}")
    with only_run("test", wait=wait):
        held = [path.read_text() for path in directory.glob("test-*.lock")]
    assert [] == list(directory.glob("test-*.lock"))
    return held


def test_lock_names_its_holder_and_leaves_no_file() -> None:
    with covered.covered(Path("/run"), "ipcctl"):
        assert [f"{os.getpid()}\n"] == locked()
        assert 0o700 == Path("/run/ipcctl").stat().st_mode & 0o777


def test_lock_of_a_process_that_was_killed_is_free() -> None:
    with covered.covered(Path("/run"), "ipcctl"):
        pid = os.fork()
        if pid == 0:
            with only_run("test", wait=False):
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        (left,) = Path("/run/ipcctl").iterdir()
        assert f"{pid}\n" == left.read_text()
        assert [f"{os.getpid()}\n"] == locked()


def test_root_of_a_user_namespace_locks_under_the_uid_that_others_know(strangers: tuple[int, int]) -> None:
    alice, _ = strangers

    def locked_as_root() -> list[str]:
        namespace.unshare(namespace.CLONE_NEWUSER)
        Path("/proc/self/uid_map").write_text(f"0 {alice} 1")
        assert 0 == os.geteuid()
        with only_run("test", wait=False):
            return [path.name for path in Path(f"/tmp/ipcctl-{alice}").glob("test-*.lock")]

    with covered.covered(Path("/tmp"), f"ipcctl-{alice}"):
        Path("/tmp").chmod(0o1777)
        assert 1 == len(actors.as_user(alice, locked_as_root))


def test_users_do_not_share_a_lock(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    with covered.covered(Path("/tmp"), f"ipcctl-{alice}", f"ipcctl-{bob}"):
        Path("/tmp").chmod(0o1777)
        assert 1 == len(actors.as_user(alice, locked))
        directory = Path(f"/tmp/ipcctl-{alice}")
        assert (alice, 0o700) == (directory.stat().st_uid, directory.stat().st_mode & 0o777)
        directory.rmdir()
        actors.as_user(bob, directory.mkdir)
        with pytest.raises(Refused, match=f"{directory} is no directory that only uid {alice} can write"):
            actors.as_user(alice, locked)
        directory.rmdir()
        directory.symlink_to("/tmp")
        with pytest.raises(Refused, match="is no directory"):
            actors.as_user(alice, locked)
