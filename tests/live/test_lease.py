"""The lease asked about files of /dev/shm and POSIX queues: held somehow, somewhere, by somebody, or by nobody."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ipcctl.act.judge import Judge
from ipcctl.kernel import lease
from ipcctl.kernel.host import Host, Roots
from ipcctl.model.evidence import BUSY, FREE, NOT_ASKED
from tests.live import actors, namespace
from tests.live.actors import actor, as_user
from tests.live.elsewhere import in_pid_namespace
from tests.live.test_verdicts import X, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def ask(path: Path = X) -> str:
    """The answer about one file."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        status = path.stat()
        return lease.probe(directory, path.name.encode(), (status.st_dev, status.st_ino))
    finally:
        os.close(directory)


def queue() -> Path:
    return namespace.current().mqueue / "x"


HELD: dict[str, tuple[str, Callable[[], actors.Living], Callable[[], Path]]] = {
    "open": ("pshm", lambda: actors.opened(X), lambda: X),
    "open to read": ("pshm", lambda: actors.opened(X, flags=os.O_RDONLY), lambda: X),
    "mapped": ("pshm", lambda: actors.mapped(X), lambda: X),
    "queue open": ("pmsg", lambda: actors.mq_opened("/x"), queue),
    "queue waited on": ("pmsg", lambda: actors.mq_receiving("/x"), queue),
}


@pytest.mark.parametrize(("kind", "hold", "path"), HELD.values(), ids=HELD)
def test_held_file_is_busy_from_everywhere_and_free_when_let_go(
    kind: str, hold: Callable[[], actors.Living], path: Callable[[], Path]
) -> None:
    make(kind)
    with hold():
        assert BUSY == ask(path())
        elsewhere = namespace.CLONE_NEWIPC  # and pid and mount namespace
        assert BUSY == in_pid_namespace(lambda: ask(path()), flags=elsewhere)
    assert FREE == ask(path())
    assert FREE == in_pid_namespace(lambda: ask(path()), flags=elsewhere)


def test_descriptor_that_gives_no_access_does_not_count() -> None:
    make("pshm")
    with actors.opened(X, flags=os.O_PATH):
        assert FREE == ask()


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_file_of_another_user_is_not_asked_about_but_by_root(mode: int, strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    make("pshm")
    os.chown(X, alice, alice)
    X.chmod(mode)
    for holding, answer in ((True, BUSY), (False, FREE)):
        with actors.opened(X) if holding else actor(int):
            assert [answer, answer, NOT_ASKED] == [ask(), as_user(alice, ask), as_user(bob, ask)]


def test_lease_that_somebody_else_holds_is_an_answer_and_breaks_nothing() -> None:
    make("pshm")
    directory = os.open(X.parent, os.O_RDONLY | os.O_DIRECTORY)
    status = X.stat()

    def hold() -> int:
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        file = os.open(X, os.O_RDONLY)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return file

    with actor(hold):
        assert BUSY == ask()
    with lease.leased(directory, b"x", (status.st_dev, status.st_ino)) as (answer, descriptor):
        assert (FREE, False) == (answer, lease.knocked(descriptor))
        with pytest.raises(BlockingIOError):
            as_user(os.geteuid(), lambda: os.open(X, os.O_RDONLY | os.O_NONBLOCK))
        assert lease.knocked(descriptor), "and SIGURG killed nobody"
    assert FREE == ask()
    os.close(directory)


def test_another_file_of_that_name_is_not_taken_for_the_one_asked_about() -> None:
    make("pshm")
    directory, status = os.open(X.parent, os.O_RDONLY | os.O_DIRECTORY), X.stat()
    os.rename(X, X.with_name("y"))

    def link() -> None:
        X.unlink()
        X.symlink_to("y")

    for make_other in (int, X.touch, link):
        make_other()
        with pytest.raises(OSError, match=r"name|directory|symbolic") as error:
            lease.probe(directory, b"x", (status.st_dev, status.st_ino))
        assert error.value.errno in (errno.ENOENT, errno.ELOOP)
    os.close(directory)


@contextmanager
def overlay(tmp_path: Path) -> Iterator[Path]:
    """A file system that stands before another one: a lease on its files knows nothing of mappings."""
    namespace.mount("tmpfs", tmp_path, "tmpfs")
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    try:
        namespace.mount("overlay", tmp_path / "merged", "overlay", 0, options)
    except OSError as error:
        namespace.umount(tmp_path)
        pytest.skip(f"no overlay to be had: {error}")
    try:
        yield tmp_path / "merged"
    finally:
        namespace.umount(tmp_path / "merged")
        namespace.umount(tmp_path)


def test_file_system_that_cannot_answer_is_not_asked_and_nothing_on_it_is_orphaned(tmp_path: Path) -> None:
    with overlay(tmp_path) as directory:
        host = Host(Roots(shm=str(directory)))
        (directory / "psm_x").write_bytes(bytes(32))

        def verdict() -> tuple[str, str]:
            with Judge(host, ["pshm"]) as judge:
                (item,) = host.snapshot(["pshm"]).objects["pshm"]
                assert NOT_ASKED == judge.ask_lease(item)
                return judge.verdict_on(item)[:2]

        for hold in (actors.opened, actors.mapped):
            with hold(directory / "psm_x"):
                assert verdict()[0] in ("in-use", "unknown")
        word, why = verdict()
        assert ("unknown", True) == (word, why.endswith("its file system does not tell who maps a file"))
