"""Objects of any content, owner, mode, key and name come back byte for byte from the file they were saved to."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ipcctl.kernel import change, content, creation
from ipcctl.kernel.host import Host
from ipcctl.model.detail import Message
from ipcctl.model.names import escape
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.saved import facts, files

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
MSGMAX, MSGMNB = 8192, 16384  # what a new namespace begins with
SEMVMX = 32767

round_trips = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

keys = st.integers(1, 2**32 - 1)
modes = st.integers(0, 0o777)
owners = st.integers(0, 2**32 - 2)
names = st.binary(min_size=1, max_size=40).filter(
    lambda raw: not set(raw) & set(b"/\0") and raw not in (b".", b"..") and not raw.startswith((b"sem.", b".ipcctl-"))
)
messages = st.lists(st.tuples(st.integers(1, 2**63 - 1), st.binary(max_size=200)), max_size=60)
pieces = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 200_000)), max_size=6)


def owned(owner: int, group: int) -> tuple[int, int]:
    """Somebody else where this test run may be anybody, else nobody else."""
    return (owner, group) if namespace.current().other_uids else (0, 0)


def there_and_back(tmp_path: Path, ref: str) -> None:
    directory = tmp_path / "saved"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    before = facts()
    result = here("rm", ref, "--yes", "--save", str(directory), "--drain")
    assert 0 == result.code, (result, before)
    assert not any(Host().snapshot().objects.values())
    result = here("restore", *files(directory))
    assert (0, "1 restored\n") == (result.code, result.err)
    assert before == facts()


def written(size: int, places: list[tuple[float, int]]) -> list[tuple[int, bytes]]:
    """Offsets and random bytes within *size*."""
    return [(at, os.urandom(min(length, size - at))) for at, length in ((int(where * size), n) for where, n in places)]


@given(keys, st.integers(1, 3 * MIB), pieces, modes, owners, owners)
@example(1, 1, [(0, 1)], 0, 0, 0)
@example(2**32 - 1, 4097, [(0, 5000)], 0o777, 1, 2**32 - 2)
@example(7, MIB + 1, [(0, 2 * MIB)], 0o600, 0, 0)
@example(7, 5 * 4096, [(0.21, 1), (0.61, 4097)], 0o600, 0, 0)  # pages 1, 3 and 4
@round_trips
def test_system_v_segment(  # noqa: PLR0913, PLR0917  all there is to it
    tmp_path: Path, key: int, size: int, places: list[tuple[float, int]], mode: int, owner: int, group: int
) -> None:
    namespace.enter()
    made = creation.create_segment(key, size, 0o600)
    with content.attached(made, size, write=True) as it:
        for at, piece in written(size, places):
            it.view[at : at + len(piece)] = piece
    uid, gid = owned(owner, group)
    change.SysvChange().set("shm", made, uid=uid, gid=gid, mode=mode)
    there_and_back(tmp_path, f"shm:0x{key:x}")


@given(keys, st.lists(st.integers(0, SEMVMX), min_size=1, max_size=40), modes, owners)
@example(1, [0], 0, 0)
@example(1, list(range(1000)), 0, 0)
@example(1, [SEMVMX] * 1000, 0, 0)
@round_trips
def test_semaphore_set(tmp_path: Path, key: int, values: list[int], mode: int, owner: int) -> None:
    namespace.enter()
    made = creation.create_semaphore_set(key, len(values), 0o600)
    change.SysvChange().set_values(made, values)
    change.SysvChange().set("sem", made, uid=owned(owner, 0)[0], mode=mode)
    there_and_back(tmp_path, f"sem:0x{key:x}")


@given(keys, messages, st.integers(0, MSGMNB), modes, owners)
@example(1, [(2**63 - 1, bytes(MSGMAX)), (1, os.urandom(MSGMAX))], MSGMNB, 0, 0)
@example(1, [(1, b"")] * 300, 1, 0, 0)
@round_trips
def test_system_v_queue(  # noqa: PLR0913, PLR0917
    tmp_path: Path, key: int, sent: list[tuple[int, bytes]], qbytes: int, mode: int, owner: int
) -> None:
    namespace.enter()
    made = creation.create_queue(key, 0o600)
    for kind, text in sent:
        content.send(made, Message(kind, text))
    change.SysvChange().set("msg", made, uid=owned(owner, 0)[0], mode=mode, qbytes=qbytes)
    there_and_back(tmp_path, f"msg:0x{key:x}")


@given(names, st.integers(0, 3 * MIB), pieces, modes, owners, owners)
@example(b"\xff \n\x1b\\x", 5000, [(0, 5000)], 0, 0, 0)
@example(b"empty", 0, [], 0o600, 0, 0)
@round_trips
def test_posix_segment(  # noqa: PLR0913, PLR0917
    tmp_path: Path, raw: bytes, size: int, places: list[tuple[float, int]], mode: int, owner: int, group: int
) -> None:
    namespace.enter()
    path = os.fsencode(namespace.SHM) + b"/" + raw
    with open(path, "wb") as file:
        file.truncate(size)
        for at, piece in written(size, places) if size else ():
            file.seek(at)
            file.write(piece)
    os.chown(path, *owned(owner, group))
    os.chmod(path, mode)
    there_and_back(tmp_path, f"pshm:{escape('/' + os.fsdecode(raw))}")


@given(names, st.integers(0, 2**31 - 1), modes, owners)
@round_trips
def test_posix_semaphore(tmp_path: Path, raw: bytes, value: int, mode: int, owner: int) -> None:
    namespace.enter()
    name = "/" + os.fsdecode(raw)
    creation.create_posix_semaphore(name, value, 0o600)
    change.set_file(os.open(namespace.SHM, os.O_PATH), "psem", name, uid=owned(owner, 0)[0], mode=mode)
    there_and_back(tmp_path, f"psem:{escape(name)}")


@given(
    st.integers(1, 10),
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(0, 32767), st.binary(max_size=200)), max_size=10),
    modes,
    owners,
)
@example(1, 1, [(0, b"")], 0, 0)
@example(10, 8192, [(priority, os.urandom(8192)) for priority in (0, 32767, 5, 5, 0, 5, 32767, 1, 5, 2)], 0o600, 0)
@round_trips
def test_posix_queue(  # noqa: PLR0913, PLR0917
    tmp_path: Path, maxmsg: int, msgsize: int, sent: list[tuple[int, bytes]], mode: int, owner: int
) -> None:
    namespace.enter()
    queue = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=maxmsg, max_message_size=msgsize)
    for priority, text in sent[:maxmsg]:
        queue.send(text[:msgsize], priority=priority)
    queue.close()
    path = namespace.current().mqueue / "x"
    os.chown(path, owned(owner, 0)[0], 0)
    path.chmod(mode)
    there_and_back(tmp_path, "pmsg:/x")


@pytest.mark.parametrize("size", [1, 4097, 3 * MIB + 5])
def test_user_who_sees_no_holes_saves_and_restores_his_segment(strangers: tuple[int, int], size: int) -> None:
    """Without CAP_CHECKPOINT_RESTORE a System V segment is read through its attachment."""

    def go() -> tuple[bytes, bytes, int]:
        with tempfile.TemporaryDirectory() as directory:
            made = creation.create_segment(7, size, 0o600)
            with content.attached(made, size, write=True) as it:
                assert it.file is None
                for at, piece in written(size, [(0.1, 5000), (0.5, MIB)]):
                    it.view[at : at + len(piece)] = piece
                before = bytes(it.view)
            assert 0 == here("rm", "shm:0x7", "--yes", "--save", directory).code
            (saved,) = os.listdir(directory)
            stored = os.stat(f"{directory}/{saved}").st_size
            assert 0 == here("restore", f"{directory}/{saved}").code
        with content.attached(_only("shm").id, size) as it:
            return before, bytes(it.view), stored

    before, after, stored = actors.as_user(strangers[0], go)
    assert before == after
    assert stored < 2 * MIB


@pytest.mark.parametrize("kind", ["shm", "pshm"])
def test_holes_of_a_gibibyte_stay_holes(tmp_path: Path, kind: str) -> None:
    """Read on the way, they would become memory; stored, a file."""
    directory = tmp_path / "saved"
    directory.mkdir(mode=0o700)
    middle, text = 777_777_777, b"in the middle"
    if kind == "shm":
        made = creation.create_segment(7, GIB, 0o600)
        with content.attached(made, GIB, write=True) as it:
            it.view[middle : middle + len(text)] = text
    else:
        with (namespace.SHM / "x").open("wb") as out:
            out.truncate(GIB)
            out.seek(middle)
            out.write(text)
    ref = "shm:0x7" if kind == "shm" else "pshm:/x"
    assert 0 == here("save", ref, "-d", str(directory)).code
    if kind == "pshm" or namespace.current().other_uids:  # else no right to see where the holes are
        assert MIB >= _memory(kind), "reading made memory of holes"
    assert 0 == here("rm", ref, "--yes").code
    (saved,) = files(directory)
    assert 10_000 > os.stat(saved).st_size
    assert 0 == here("restore", saved).code
    assert MIB >= _memory(kind), "holes became memory"
    if kind == "pshm":
        with (namespace.SHM / "x").open("rb") as back:
            back.seek(middle)
            assert text == back.read(len(text))
    else:
        with content.attached(_only(kind).id, GIB) as it:
            assert text == bytes(it.view[middle : middle + len(text)])


def _only(kind: str) -> Any:
    (item,) = Host().snapshot([kind]).objects[kind]
    return item


def _memory(kind: str) -> int:
    """Bytes that the only segment takes."""
    return int(_only(kind).rss if kind == "shm" else _only(kind).allocated)
