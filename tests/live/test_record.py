"""The record of removals: every line whole and in its place, or nothing is removed."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import sysv_ipc

from ipcctl.errors import RecordUnwritable
from ipcctl.kernel.logfile import LogFile
from tests.live import covered, namespace
from tests.live.cli import run
from tests.live.test_harness import rows

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

FULL = "No space left on device"


def make(count: int) -> None:
    for _ in range(count):
        sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(
        "[defaults]\nmin_idle = 0\nprotect = []\n"
        f'[[rule]]\nname = "queues"\nkinds = "msg"\nusers = {os.getuid()}\naction = "remove"\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A directory with room for one page."""
    directory = tmp_path / "small"
    directory.mkdir()
    namespace.mount("tmpfs", directory, "tmpfs", 0, "size=4k")
    yield directory
    namespace.umount(directory)


@pytest.fixture
def command(request: pytest.FixtureRequest, policy: Path) -> list[str | Path]:
    return ["rm", "--all", "--yes"] if request.param == "rm" else ["clean", "--policy", policy]


both = pytest.mark.parametrize("command", ["rm", "clean"], indirect=True)


@both
def test_record_holds_who_what_why_by_which_rule_and_the_result(command: list[str | Path], tmp_path: Path) -> None:
    queue = sysv_ipc.MessageQueue(0x2A, sysv_ipc.IPC_CREX, mode=0o640)
    queue.send(b"12345")
    (listed,) = json.loads(run("ls", "--json").out)["objects"]
    del listed["qbytes"]
    done = run(*command, "--log", tmp_path / "log", env={"SUDO_USER": "alice"})
    assert 0 == done.code, done.err
    before, after = told(tmp_path / "log")
    assert ("removing", "removed") == (before["result"], after["result"])
    assert {**before, "result": "removed", "time": after["time"]} == after
    assert listed == {name: value for name, value in after["object"].items() if name != "qbytes"}
    by, is_clean = after["by"], command[0] == "clean"
    assert (os.getuid(), "alice") == (by["uid"], by["sudo_user"])
    assert by["loginuid"] is None or isinstance(by["loginuid"], int)
    assert (command[0], "queues" if is_clean else None) == (after["command"], after["rule"])
    assert (str(command[2]) if is_clean else None) == after["policy"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", after["time"])
    assert after["why"]
    assert after["saved"] is None
    assert 0o600 == (tmp_path / "log").stat().st_mode & 0o777


@both
@pytest.mark.parametrize("where", ["missing/log", ".", "link", "fifo"])
def test_log_that_cannot_be_opened_means_that_nothing_is_removed(
    command: list[str | Path], tmp_path: Path, where: str
) -> None:
    make(1)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo")
    result = run(*command, "--log", tmp_path / where)
    assert (1, 1) == (result.code, len(rows("msg")))
    assert f"cannot write the record {tmp_path / where}" in result.err
    assert not (tmp_path / "elsewhere").exists()


@both
def test_disk_that_is_full_before_the_first_line_keeps_everything(command: list[str | Path], small: Path) -> None:
    make(2)
    (small / "log").write_text("x" * 4095 + "\n")
    result = run(*command, "--log", small / "log")
    assert (1, 2) == (result.code, len(rows("msg")))
    assert f"cannot write the record {small / 'log'}: {FULL}" in result.err


@both
@pytest.mark.parametrize("room", [10, 1500])
def test_disk_that_fills_up_ends_the_run_with_nothing_gone_untold(
    command: list[str | Path], small: Path, room: int
) -> None:
    """With room for 10 bytes a line is cut short; with 1500 there is a whole one, and another is cut."""
    make(9)
    refs = {f"msg:{row[1]}" for row in rows("msg")}
    (small / "log").write_text("x" * (4095 - room) + "\n")
    result = run(*command, "--log", small / "log")
    gone = refs - {f"msg:{row[1]}" for row in rows("msg")}
    *lines, torn = (small / "log").read_text().split("\n")[1:]
    assert (1, True) == (result.code, FULL in result.err), result.err
    assert torn
    assert gone <= {json.loads(line)["object"]["ref"] for line in lines}
    assert (room > 1000) == bool(gone)
    assert gone == set(re.findall(r"^(msg:\d+) .* removed", result.out, re.MULTILINE))
    # once there is room, the line that was cut short spoils no other
    namespace.mount("tmpfs", small, None, 0x20, "size=64k")  # MS_REMOUNT
    assert 0 == run(*command, "--log", small / "log").code
    assert [] == rows("msg")
    more = [json.loads(line) for line in (small / "log").read_text().split("\n")[len(lines) + 2 :] if line]
    removed = [(ref, result) for ref in refs - gone for result in ("removed", "removing")]
    assert sorted(removed) == sorted((line["object"]["ref"], line["result"]) for line in more)


@both
@pytest.mark.parametrize("lines", [2, 4])
def test_disk_that_fills_up_beside_files_hides_none_that_is_gone(
    command: list[str | Path], policy: Path, tmp_path: Path, small: Path, lines: int
) -> None:
    """Files go several at once: the first lines of all are written before, or none goes. There is room for `lines`."""
    policy.write_text(policy.read_text().replace('"msg"', '"pshm"'))
    (namespace.SHM / "psm_0").touch()
    assert 0 == run(*command, "--log", tmp_path / "log").code
    room = lines * (tmp_path / "log").read_text().index("\n") + 99
    names = {"psm_1", "psm_2", "psm_3"}
    for name in names:
        (namespace.SHM / name).touch()
    (small / "log").write_text("x" * (4095 - room) + "\n")
    result = run(*command, "--log", small / "log")
    gone = names - set(os.listdir(namespace.SHM))
    assert (1, names if lines > len(names) else set()) == (result.code, gone)
    assert gone == set(re.findall(r"^pshm:/(psm_\d) .* removed", result.out, re.MULTILINE))
    told = [json.loads(line) for line in (small / "log").read_text().split("\n")[1:-1]]
    assert gone <= {line["object"]["name"][1:] for line in told if line["result"] == "removing"}


def test_line_after_a_rotation_goes_to_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path))
    log.write("one")
    path.rename(tmp_path / "log.1")
    log.write("two")
    path.unlink()
    log.write("three")
    assert ("one\n", "three\n") == ((tmp_path / "log.1").read_text(), path.read_text())
    path.rename(tmp_path / "log.2")
    path.touch(0o640)  # logrotate's create
    log.write("four")
    assert ("three\n", "four\n") == ((tmp_path / "log.2").read_text(), path.read_text())
    os.truncate(path, 0)  # copytruncate
    log.write("five")
    assert "five\n" == path.read_text()
    tmp_path.joinpath("log").unlink()
    path.mkdir()
    with pytest.raises(RecordUnwritable, match="Is a directory"):
        log.write("six")


def test_several_writers_and_a_rotation_lose_and_mix_nothing(tmp_path: Path) -> None:
    path, writers, lines = tmp_path / "log", 4, 400
    pids = []
    for writer in range(writers):
        pid = os.fork()
        if pid == 0:
            try:
                log = LogFile(str(path))
                for line in range(lines):
                    log.write(f"{writer} {line} " + "x" * 700)
                os._exit(0)
            finally:
                os._exit(1)
        pids.append(pid)
    rotated = 0
    while pids:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            assert 0 == status
            pids.remove(pid)
        elif path.exists():
            path.rename(tmp_path / f"log.{rotated}")
            rotated += 1
    found = [line.split()[:2] for name in tmp_path.glob("log*") for line in name.read_text().splitlines()]
    assert rotated
    assert writers * lines == len(found) == len({tuple(words) for words in found})


@pytest.fixture
def system_log() -> Iterator[socket.socket]:
    with covered.system_log() as listening:
        yield listening


@both
def test_system_log_gets_the_same_lines_as_notices_of_a_daemon(
    command: list[str | Path], tmp_path: Path, system_log: socket.socket
) -> None:
    make(1)
    done = run(*command, "--syslog", "--log", tmp_path / "log")
    assert 0 == done.code, done.err
    for line in (tmp_path / "log").read_text().splitlines():
        head, _, message = system_log.recv(65536).decode().partition("]: ")
        assert re.fullmatch(r"<29>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ipcctl\[\d+", head)
        assert line == message


@both
def test_system_log_that_does_not_listen_means_that_nothing_is_removed(
    command: list[str | Path], system_log: socket.socket
) -> None:
    make(1)
    system_log.close()
    result = run(*command, "--syslog")
    assert (1, 1) == (result.code, len(rows("msg")))
    assert "cannot write to the system log: /dev/log: Connection refused" in result.err
