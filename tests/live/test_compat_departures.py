"""Every row of the table of departures in ipcctl-compat(7) is true of ipcctl."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from tests import manual
from tests.live import cli, namespace, population
from tests.live.original import IS_2_41

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = manual.ROOT / "man" / "ipcctl-compat.7"


def rows() -> list[str]:
    """The calls that the table tells of."""
    text = PAGE.read_text(encoding="utf-8").partition(".Sh DEPARTURES")[2]
    return [line.removeprefix(".It ") for line in text.splitlines() if line.startswith(".It ")]


def left() -> list[list[str]]:
    return [[*row.values()] for kind in ("shm", "sem", "msg") for row in population.rows(kind)]


def refused(*command: str, says: str) -> Callable[[Path], None]:
    def check(_: Path) -> None:
        for key in (1, 2, 3):
            population._made(population.libc.shmget(key, 1, 0o3600))
        sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX)
        before = left()
        result = cli.run(*command)
        assert (1, "", before) == (result.code, result.out, left())
        assert says in result.err

    return check


def over_sysvipc(source: Path, target: Path) -> cli.Result:
    namespace.mount(str(source), target, None, namespace.MS_BIND)
    try:
        return cli.run("ipcs")
    finally:
        namespace.umount(target)


def empty_table(tmp_path: Path) -> None:
    (tmp_path / "shm").touch()
    result = over_sysvipc(tmp_path / "shm", Path("/proc/sysvipc/shm"))
    assert (1, "ipcs: /proc/sysvipc/shm: empty: not even a heading line\n") == (result.code, result.err)
    assert "Semaphore Arrays" in result.out


def no_tables(tmp_path: Path) -> None:
    result = over_sysvipc(tmp_path, Path("/proc/sysvipc"))
    assert 1 == result.code
    assert "ipcs: /proc/sysvipc/msg does not exist\n" in result.err


def broken_semaphore(_: Path) -> None:
    (namespace.SHM / "sem.x").touch()
    (namespace.SHM / "sem.good").write_bytes(bytes(32))
    result = cli.run("ipcrm", "--all=psem")
    assert 0 == result.code
    assert "ipcrm: left alone: psem:/x: " in result.err
    assert [namespace.SHM / "sem.x"] == list(namespace.SHM.iterdir())


def directory_in_shm(_: Path) -> None:
    (namespace.SHM / "a directory").mkdir()
    (namespace.SHM / "file").touch()
    assert cli.Result(0, "", "") == cli.run("ipcrm", "--all=pshm")
    assert [namespace.SHM / "a directory"] == list(namespace.SHM.iterdir())


def taken_name(_: Path) -> None:
    (namespace.SHM / "taken").write_bytes(bytes(100_000))
    result = cli.run("ipcmk", "-m", "1", "-n", "/taken")
    assert (1, "ipcmk: create POSIX shared memory failed: File exists\n") == (result.code, result.err)
    assert 100_000 == (namespace.SHM / "taken").stat().st_size


def only_system_v(_: Path) -> None:
    assert 0 == cli.run("ipcmk", "-m", "1", "-q", "-s", "-n", "x", "-M", "1", "-Q", "-S", "1").code
    assert cli.Result(0, "", "") == cli.run("ipcrm", "-a")
    assert [] == left()
    assert {"x", "sem.x"} == {path.name for path in namespace.SHM.iterdir()}
    assert ["x"] == [path.name for path in namespace.current().mqueue.iterdir()]


def taken_over(_: Path) -> None:
    make = ("ipcmk", "-q", "-s", "-n", "/taken", "-p", "600")
    assert cli.Result(0, "POSIX message queue name: /taken\nPOSIX semaphore name: /taken\n", "") == cli.run(*make)
    assert (1, "") == cli.run(*make)[:2]
    assert (1, "") == cli.run("ipcmk", "-s", "-n", "/taken")[:2]


def queue_without_slash(_: Path) -> None:
    assert cli.Result(0, "POSIX message queue name: taken\n", "") == cli.run("ipcmk", "-q", "-n", "taken")
    assert cli.Result(0, "", "") == cli.run("ipcrm", "--posix-mqueue", "taken")
    assert [] == list(namespace.current().mqueue.iterdir())


def said_once(_: Path) -> None:
    (namespace.SHM / "a").touch()
    assert cli.Result(0, "removing POSIX shared memory `a'\n", "") == cli.run("ipcrm", "-v", "--all=pshm")


def nothing_asked(_: Path) -> None:
    assert cli.Result(0, "", "") == cli.run("ipcrm")


def exact_fraction(_: Path) -> None:
    assert 0 == cli.run("ipcmk", "-M", "1.10K").code
    assert ["1126"] == [row["size"] for row in population.rows("shm")]


def flags_in_mode(_: Path) -> None:
    assert 0 == cli.run("ipcmk", "-M", "4096", "-p", "4600").code
    assert ["600"] == [row["perms"] for row in population.rows("shm")]


def helps_with_posix(_: Path) -> None:
    for command in ("ipcrm", "ipcmk"):
        assert "--posix-shmem" in cli.run(command, "--help").out


CHECKS: dict[str, Callable[[Path], None]] = {
    "ipcrm -a shm": refused("ipcrm", "-a", "shm", says="ipcrm: unknown argument: shm: nothing was removed"),
    "ipcrm shm ''": refused("ipcrm", "shm", "", says="ipcrm: invalid id: \n"),
    "ipcrm shm 4294967297": refused("ipcrm", "shm", "4294967297", says="ipcrm: invalid id: 4294967297\n"),
    "ipcrm -M 0x100000001": refused("ipcrm", "-M", "0x100000001", says="ipcrm: invalid key (0x100000001)"),
    "ipcrm -m 1 -m x": refused("ipcrm", "-m", "1", "-m", "x", says="ipcrm: failed to parse argument: 'x'\n"),
    "ipcrm shm 1 x": refused("ipcrm", "shm", "1", "x", says="ipcrm: invalid id: x\n"),
    "ipcs -s -i -1": refused("ipcs", "-s", "-i", "-1", says="ipcs: invalid id (-1)"),
    "ipcs -m -i -1": refused("ipcs", "-m", "-i", "-1", says="ipcs: invalid id (-1)"),
    "ipcs, /proc/sysvipc empty": empty_table,
    "ipcs, no /proc/sysvipc": no_tables,
    "ipcrm -a": only_system_v,
    "ipcrm": nothing_asked,
    "ipcrm --all=psem": broken_semaphore,
    "ipcrm --all=pshm": directory_in_shm,
    "ipcmk -m 1 -n /taken": taken_name,
    "ipcmk -q -s -n /taken": taken_over,
    "ipcmk -q -n taken": queue_without_slash,
    "ipcrm --posix-shmem a/b": refused(
        "ipcrm", "-a", "--posix-shmem", "a/b", says="ipcrm: invalid name (a/b): a name is one slash and then no other"
    ),
    "ipcrm -v --all=pshm": said_once,
    "ipcmk -M 1.10K": exact_fraction,
    "ipcmk -M 4096 -p 4600": flags_in_mode,
    "ipcmk -Q -p 9": refused("ipcmk", "-Q", "-p", "9", says="ipcmk: failed to parse mode: '9'"),
    "ipcrm -M ''": refused("ipcrm", "-M", "", says="ipcrm: failed to parse argument: ''\n"),
    "ipcrm --help, ipcmk --help": helps_with_posix,
}


def test_the_table_and_the_checks_have_the_same_rows() -> None:
    assert list(CHECKS) == rows()


@pytest.mark.parametrize("row", CHECKS)
def test_row_of_the_table_is_true(row: str, tmp_path: Path) -> None:
    CHECKS[row](tmp_path)


POSIX = {
    "ipcmk -m 10 -n /d": (0, "POSIX shared memory name: /d\n", ""),
    "ipcmk -m 10 -n d": (0, "POSIX shared memory name: d\n", ""),
    "ipcmk -m 10 -q -s -n /d": (
        0,
        "POSIX shared memory name: /d\nPOSIX message queue name: /d\nPOSIX semaphore name: /d\n",
        "",
    ),
    "ipcmk -q": (1, "", "ipcmk: name is required for POSIX IPC\nTry 'ipcmk --help' for more information.\n"),
    "ipcmk -n d": (1, "", "ipcmk: bad usage\nTry 'ipcmk --help' for more information.\n"),
    "ipcmk -m 0 -n /d": (0, "POSIX shared memory name: /d\n", ""),
    "ipcrm --posix-shmem a": (0, "", ""),
    "ipcrm -v --posix-shmem a": (0, "removing POSIX shared memory `a'\n", ""),
    "ipcrm -v --posix-semaphore /b --posix-mqueue /c": (
        0,
        "removing POSIX semaphore `/b'\nremoving POSIX message queue `/c'\n",
        "",
    ),
    "ipcrm -v --posix-semaphore nope": (1, "removing POSIX semaphore `nope'\n", "ipcrm: name `nope' not found\n"),
    "ipcrm --posix-mqueue /nope": (1, "", "ipcrm: name `/nope' not found\n"),
    "ipcrm --all=pshm": (0, "", ""),
    "ipcrm --all=psem": (0, "", ""),
    "ipcrm --all=pmsg": (0, "", ""),
}
"""What util-linux 2.41.5 answers where there are a segment a, a semaphore b and a queue c."""


def posix_objects() -> set[tuple[str, int]]:
    return {
        (str(path), path.stat().st_mode)
        for root in (namespace.SHM, namespace.current().mqueue)
        for path in root.iterdir()
    }


def make_posix() -> None:
    namespace.enter()
    (namespace.SHM / "a").write_bytes(bytes(100))
    (namespace.SHM / "sem.b").write_bytes(bytes(32))
    posix_ipc.MessageQueue("/c", posix_ipc.O_CREX).close()


@pytest.mark.parametrize("call", POSIX)
def test_posix_options_answer_as_those_of_2_41(call: str) -> None:
    make_posix()
    assert POSIX[call] == cli.run(*call.split())
    if IS_2_41:
        left_here = posix_objects()
        make_posix()
        assert POSIX[call] == cli.run_program(call.split())
        assert posix_objects() == left_here


def test_objects_of_posix_are_made_and_removed_by_name() -> None:
    made = cli.run("ipcmk", "-m", "1K", "-q", "-s", "-n", "x", "-p", "600")
    assert (0, "") == (made.code, made.err)
    assert {"x", "sem.x"} == {path.name for path in namespace.SHM.iterdir()}
    gone = cli.run("ipcrm", "--posix-shmem", "x", "--posix-semaphore", "/x", "--posix-mqueue", "/x")
    assert cli.Result(0, "", "") == gone
    assert [] == [*namespace.SHM.iterdir(), *namespace.current().mqueue.iterdir()]
    assert 1 == cli.run("ipcrm", "--posix-shmem", "x").code
