"""What was saved comes back byte for byte, or nothing does; what is not saved is not removed."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import posix_ipc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipcctl.act.archive.check import check_archive
from ipcctl.cli.main import main
from ipcctl.errors import BadArchive
from ipcctl.kernel import change, content, creation
from ipcctl.kernel.host import Host
from ipcctl.kernel.sysv import SysvControl
from ipcctl.model.detail import Message
from tests.cli.here import command as here
from tests.live import actors, namespace

REFS = ["shm:0x7", "sem:0x7", "msg:0x7", "pshm:/x", "psem:/x", "pmsg:/x"]
PATTERN = b"edge" * 999


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    it = tmp_path / "saved"
    it.mkdir(mode=0o700)
    return it


def make_segment(size: int) -> None:
    made = creation.create_segment(7, size, 0o640)
    with content.attached(made, size, write=True) as it:
        it.view[max(0, size - len(PATTERN)) :] = PATTERN[:size]


def make_all() -> None:
    """One filled object of each kind, key 7 or name /x."""
    make_segment(5_000_000)
    change.SysvChange().set_values(creation.create_semaphore_set(7, 1000, 0o606), list(range(1000)))
    queue = creation.create_queue(7, 0o600)
    for message in messages():
        content.send(queue, message)
    (namespace.SHM / "x").write_bytes(bytes(8192) + PATTERN + bytes(5000))
    creation.create_posix_semaphore("/x", 4, 0o600)
    queue_x = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=8, max_message_size=64)
    for number in range(6):
        queue_x.send(b"\0\xff%d" % number, priority=number % 3)
    queue_x.close()


def messages() -> list[Message]:
    return [Message(2**62, b""), Message(1, bytes(range(256))), Message(2, b"\0"), Message(1, b"last")]


def facts() -> dict[str, Any]:
    """Everything that is to come back."""
    seen: dict[str, Any] = {**Host().snapshot().objects}
    found: dict[str, Any] = {
        kind: [
            {name: getattr(it, name, None) for name in ("key", "name", "mode", "uid", "gid", "size", "nsems", "qbytes")}
            for it in items
        ]
        for kind, items in seen.items()
    }
    for it in seen["shm"]:
        with content.attached(it.id, it.size) as segment:
            found["shm"].append(bytes(segment.view))
    found["sem"] += [change.SysvChange().values(it.id) for it in seen["sem"]]
    found["msg"] += [SysvControl().peek(it.id, 99, 8192) for it in seen["msg"]]
    found["pshm"] += [(namespace.SHM / it.name[1:]).read_bytes() for it in seen["pshm"]]
    found["psem"] += [it.value for it in seen["psem"]]
    for it in seen["pmsg"]:
        queue = posix_ipc.MessageQueue(it.name)
        taken = [queue.receive(0) for _ in range(queue.current_messages)]
        for text, priority in taken:
            queue.send(text, priority=priority)
        found["pmsg"].append(taken)
        queue.close()
    return found


def files(directory: Path) -> list[str]:
    return sorted(str(path) for path in directory.iterdir())


def test_saving_leaves_everything_as_it_was(directory: Path) -> None:
    make_all()
    before = facts()
    assert 0 == here("save", *REFS, "-d", str(directory), "--drain").code
    assert before == facts()
    assert 6 == len(files(directory))


def test_every_kind_comes_back_after_its_removal(directory: Path) -> None:
    make_all()
    before = facts()
    result = here("rm", *REFS, "--yes", "--save", str(directory), "--drain", "--json")
    assert 0 == result.code, result.err
    assert files(directory) == sorted(record["saved"] for record in json.loads(result.out)["objects"])
    assert [] == [item for items in Host().snapshot().objects.values() for item in items]
    result = here("restore", *files(directory))
    assert (0, "6 restored\n") == (result.code, result.err)
    assert before == facts()


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, (1 << 20) + 1, 3_333_333])
def test_segment_of_any_size_comes_back(directory: Path, size: int) -> None:
    made = creation.create_segment(7, size, 0o600)
    noise = random.Random(size)
    with content.attached(made, size, write=True) as it:
        for _ in range(20):
            start = noise.randrange(size)
            piece = noise.randbytes(min(10_000, size - start))
            it.view[start : start + len(piece)] = piece
    before = facts()
    assert 0 == here("rm", "shm:0x7", "--yes", "--save", str(directory)).code
    assert 0 == here("restore", *files(directory)).code
    assert before == facts()


def test_holes_of_a_gibibyte_stay_holes(directory: Path) -> None:
    file = namespace.SHM / "x"
    with file.open("wb") as out:
        out.truncate(1 << 30)
        out.seek(777_777_777)
        out.write(b"in the middle")
    assert 0 == here("rm", "pshm:/x", "--yes", "--save", str(directory)).code
    (saved,) = files(directory)
    assert 10_000 > os.stat(saved).st_size
    assert 0 == here("restore", saved).code
    assert (1 << 30, 8) == (file.stat().st_size, file.stat().st_blocks)


def test_taken_key_is_refused_replaced_or_avoided(directory: Path) -> None:
    make_segment(10)
    here("save", "shm:0x7", "-d", str(directory))
    (saved,) = files(directory)
    result = here("restore", saved)
    assert 1 == result.code
    assert "shm:0x00000007 exists" in result.err
    assert 0 == here("restore", saved, "--as-key", "0x8").code
    assert 0 == here("restore", saved, "--replace").code
    assert [7, 8] == sorted(item.key for item in Host().snapshot(["shm"]).objects["shm"])  # type: ignore[union-attr]
    with actors.attached(Host().snapshot(["shm"]).objects["shm"][0].id):  # type: ignore[union-attr]
        assert 1 == here("restore", saved, "--as-key", "0x8", "--replace").code


def test_one_refused_file_restores_none(directory: Path) -> None:
    make_all()
    here("rm", *REFS, "--yes", "--save", str(directory), "--drain")
    creation.create_queue(7, 0o600)
    assert 1 == here("restore", *files(directory)).code
    assert ["msg"] == [kind for kind, items in Host().snapshot().objects.items() if items]


def test_full_disk_keeps_the_object(directory: Path) -> None:
    namespace.mount("tmpfs", directory, "tmpfs", 0, "size=64k,mode=700")
    try:
        (namespace.SHM / "x").write_bytes(os.urandom(300_000))
        result = here("rm", "pshm:/x", "--yes", "--save", str(directory))
        assert 1 == result.code
        assert "not saved, so not removed: No space left on device" in result.out
        assert (True, []) == ((namespace.SHM / "x").exists(), files(directory))
    finally:
        namespace.umount(directory)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_is_refused_with_a_reason(directory: Path, data: st.DataObject) -> None:
    whole = directory / "whole"
    if not whole.exists():
        make_all()
        here("save", "pshm:/x", "-d", str(directory))
        Path(files(directory)[0]).rename(whole)
    raw = bytearray(whole.read_bytes())
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
    else:
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] ^= data.draw(st.integers(1, 255))
    (directory / "damaged").write_bytes(raw)
    with pytest.raises(BadArchive, match="damaged: "):
        check_archive(str(directory / "damaged"))


def killed_at(call: int, arguments: list[str]) -> bool:
    """Run a command in a child that dies as by kill -9 at its n-th call of the OS; whether it came that far."""
    pid = os.fork()
    if pid == 0:
        left = [call]

        def fatal(name: str) -> None:
            real = getattr(os, name)

            def wrapped(*args: Any, **named: Any) -> Any:
                left[0] -= 1
                if not left[0]:
                    os._exit(99)
                return real(*args, **named)

            setattr(os, name, wrapped)

        for name in ("open", "writev", "write", "pwrite", "fsync", "rename", "unlink", "close"):
            fatal(name)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        sys.stdin = None
        os._exit(main(arguments))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 99


@pytest.mark.parametrize("ref", ["shm:0x7", "pshm:/x"])
def test_killed_at_any_stage_either_the_object_or_its_whole_file_is_there(directory: Path, ref: str) -> None:
    kind = ref.partition(":")[0]
    for call in range(1, 400):
        if not Host().snapshot([kind]).objects[kind]:
            make_segment(9000) if kind == "shm" else (namespace.SHM / "x").write_bytes(PATTERN)
        for path in directory.iterdir():
            path.unlink()
        died = killed_at(call, ["rm", ref, "--yes", "--save", str(directory)])
        there = Host().snapshot([kind]).objects[kind]
        whole = [name for name in files(directory) if not name.endswith(".part")]
        for name in whole:
            check_archive(name)
        assert there or whole, call
        if not died:
            break
    assert not died
