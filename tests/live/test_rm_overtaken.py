"""Somebody comes between the listing and the removal and leaves few traces: in the same second, by the same name."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.archive.save import Saver
from ipcctl.act.aside import Aside
from ipcctl.act.remove import Remover
from ipcctl.kernel import devshm, lease
from ipcctl.kernel.host import Host
from ipcctl.model.removal import WOULD_REMOVE, Outcome
from ipcctl.policy.plan import plan_removal
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.test_verdicts import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ipcctl.act.archive.save import Saved

MAKE: dict[str, Callable[[int], object]] = {
    "shm": lambda key: sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, size=100).detach(),
    "sem": lambda key: sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX),
    "msg": lambda key: sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX),
}
USE: dict[str, Callable[[int], object]] = {
    "shm": lambda key: sysv_ipc.SharedMemory(key).detach(),
    "sem": lambda key: sysv_ipc.Semaphore(key).release(),
    "msg": lambda key: sysv_ipc.MessageQueue(key).send(b"x"),
}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["shm", "sem", "msg"])
def test_use_within_the_second_of_the_last_one_that_was_listed_is_seen(kind: str, count: int) -> None:
    keys = range(1, count + 1)
    time.sleep(1 - time.time() % 1)  # a new second begins
    for key in keys:
        MAKE[kind](key)
        actors.as_user(os.geteuid(), partial(USE[kind], key))
    with Remover(Host(), [kind]) as remover:
        plan = plan_removal(Host().snapshot([kind]).objects[kind], remover.judge.verdict_on, force=False)
        for key in keys:
            actors.as_user(os.geteuid(), partial(USE[kind], key))
        done = list(remover.carry_out(plan))
    assert [("kept", "used since it was listed")] * count == [(step.result, step.why) for step in done]


def path_of(kind: str) -> Path:
    """The file behind the object /x."""
    return {"pshm": namespace.SHM / "x", "psem": namespace.SHM / "sem.x"}.get(kind, namespace.current().mqueue / "x")


def replace(kind: str) -> None:
    """Give the name /x to a new object, as one does who writes beside it and renames; the old one is not opened."""
    if kind == "pmsg":
        posix_ipc.unlink_message_queue("/x")
        posix_ipc.MessageQueue("/x", posix_ipc.O_CREX).close()
    else:
        (namespace.SHM / "new").write_bytes(bytes(32))
        (namespace.SHM / "new").rename(path_of(kind))


class _Overtaken(Saver):
    """Saves, and somebody gives the name to another object before the saved one is removed."""

    @contextlib.contextmanager
    def saving(self, item: Any, *how: Any) -> Iterator[Saved]:
        with super().saving(item, *how) as saved:
            replace(item.kind)
            yield saved


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", ["pshm", "psem", "pmsg"])
def test_name_given_to_another_object_while_it_is_saved_is_kept(kind: str, force: bool, tmp_path: Path) -> None:
    make(kind)
    (item,) = Host().snapshot([kind]).objects[kind]
    with Remover(Host(), [kind], force=force) as remover, _Overtaken(Host(), str(tmp_path), drain=False) as saver:
        (done,) = remover.carry_out([Outcome(item, WOULD_REMOVE, "")], saver)
    assert ("kept", "changed since it was listed") == (done.result, done.why)
    assert (True, []) == (path_of(kind).exists(), list(tmp_path.iterdir()))


def test_file_renamed_onto_the_name_under_the_lease_is_not_put_aside() -> None:
    make("pshm")
    item: Any = Host().snapshot(["pshm"]).objects["pshm"][0]
    directory = devshm.open_directory(str(namespace.SHM))
    with lease.leased(directory, b"x", (item.device, item.inode)) as held:
        replace("pshm")
        new = path_of("pshm").stat().st_ino
        with Aside(directory) as aside:
            assert "changed since it was listed" == aside.put(item, b"x", held)
    os.close(directory)
    assert new == path_of("pshm").stat().st_ino


def test_file_with_two_names_is_not_taken_for_one_that_somebody_opened() -> None:
    make("psem")
    (namespace.SHM / "sem.y").hardlink_to(path_of("psem"))
    with actors.opened(path_of("psem")):
        assert "2 kept\n" == here("rm", "psem", "--all", "--yes").err
    assert "2 removed\n" == here("rm", "psem", "--all", "--yes").err
    assert [] == os.listdir(namespace.SHM)


def knock(path: Path) -> bool:
    """Try to open a file; whether somebody else has a lease."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except BlockingIOError:
        return True
    return False


def test_who_opens_a_file_by_its_other_name_keeps_it_both() -> None:
    make("pshm")
    (namespace.SHM / "y").hardlink_to(path_of("pshm"))
    one, other = sorted(Host().snapshot(["pshm"]).objects["pshm"], key=lambda item: item.ref)
    directory = devshm.open_directory(str(namespace.SHM))
    with Aside(directory) as aside:
        assert "" == aside.put(one, b"x")
        assert actors.as_user(os.geteuid(), partial(knock, namespace.SHM / "y"))
        assert "" == aside.put(other, b"y")
        aside.settle()
        assert ["kept", "kept"] == [aside.end(item)[0] for item in (one, other)]
    os.close(directory)
    assert ["x", "y"] == sorted(os.listdir(namespace.SHM))
