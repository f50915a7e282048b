"""`ipcctl create` on the kernel: what is made is new and whole, and nothing half-made stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.create import create
from ipcctl.act.wishes import wish
from ipcctl.errors import Refused
from ipcctl.kernel.ftok import key_of
from ipcctl.kernel.host import Host
from tests.cli.here import command as here
from tests.live import namespace
from tests.live.cli import run, run_program
from tests.live.examined import set_limit


def made(*words: str, **how: Any) -> dict[str, Any]:
    """The record that `create WORDS --json` prints."""
    result = run("create", *words, "--json", **how)
    assert (0, "") == (result.code, result.err)
    (record,) = json.loads(result.out)["objects"]
    assert isinstance(record, dict)
    return record


def everything() -> list[Any]:
    """What this namespace holds, read without ipcctl."""
    tables = [
        len(Path(f"/proc/sysvipc/{kind}").read_text(encoding="ascii").splitlines()) - 1
        for kind in ("shm", "sem", "msg")
    ]
    return [*tables, sorted(os.listdir(namespace.SHM)), sorted(os.listdir(namespace.current().mqueue))]


def refused(*words: str, code: int = 1, **how: Any) -> str:
    """What `create WORDS` says; it fails and leaves everything as it was."""
    before = everything()
    result = run("create", *words, **how)
    assert (code, "") == (result.code, result.out), result.err
    assert before == everything()
    return result.err


def test_private_segment_is_printed_by_its_id_and_readable_by_its_owner_only() -> None:
    result = run("create", "shm", "--size", "64K")
    assert (0, "shm:0\n", "") == result
    (record,) = json.loads(run("ls", "shm", "--json").out)["objects"]
    assert (65536, "0x00000000", "0600") == (record["size"], record["key"], record["perms"])


def test_every_kind_is_made_as_asked(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    common = ["--mode", "0641", "--owner", f"{alice}:{bob}"]
    records = [
        made("shm", "--size", "5000", "--key", "0xdeadbeef", *common),
        made("sem", "--nsems", "3", "--value", "1=7", "--key", "0xdeadbeef", *common),
        made("msg", "--qbytes", "4K", "--key", "0xdeadbeef", *common),
        made("pshm", "/x", "--size", "5000", *common),
        made("psem", "/x", "--value", "9", *common),
        made("pmsg", "/x", "--maxmsg", "3", "--msgsize", "50", *common),
    ]
    assert {("0641", alice, bob)} == {(record["perms"], record["uid"], record["gid"]) for record in records}
    assert {"0xdeadbeef"} == {record["key"] for record in records[:3]}
    shm, sem, msg, pshm, psem, pmsg = records
    assert (5000, 3, 4096, 5000, 9) == (shm["size"], sem["nsems"], msg["qbytes"], pshm["size"], psem["value"])
    assert (3, 50) == (pmsg["maxmsg"], pmsg["msgsize"])
    seen = json.loads(run("show", sem["ref"], "--json").out)["objects"][0]["semaphores"]
    assert [0, 7, 0] == [semaphore["value"] for semaphore in seen]


def test_values_say_how_many_semaphores_there_are() -> None:
    assert 3 == made("sem", "--values", "1,1,0", "--key", "0x2a")["nsems"]
    shown = json.loads(run("show", "sem:0x2a", "--json").out)["objects"][0]
    assert [1, 1, 0] == [semaphore["value"] for semaphore in shown["semaphores"]]


def test_the_umask_takes_nothing_from_the_mode() -> None:
    before = os.umask(0o077)
    try:
        assert {"0666"} == {made(*words, "--mode", "666")["perms"] for words in (("pmsg", "/x"), ("psem", "/x"))}
    finally:
        os.umask(before)


def test_one_size_of_a_posix_queue_leaves_the_other_as_the_system_has_it() -> None:
    limits = json.loads(run("limits", "--json").out)["limits"]
    msgsize = next(limit["max"] for limit in limits if limit["limit"] == "msgsize_max")
    record = made("pmsg", "/x", "--maxmsg", "2")
    assert (2, True) == (record["maxmsg"], 0 < record["msgsize"] <= msgsize)
    assert 100 == made("pmsg", "/y", "--msgsize", "100")["msgsize"]


def test_key_is_the_one_of_ftok(tmp_path: Path) -> None:
    for words in (("shm", "--size", "1"), ("sem",), ("msg",)):
        assert f"0x{key_of(str(tmp_path), 65):08x}" == made(*words, "--ftok", f"{tmp_path}:A")["key"]


@pytest.mark.parametrize("size", [1, 4096, 3_000_001])
def test_content_comes_from_a_file_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    file = tmp_path / "content"
    file.write_bytes(content)
    record = made("shm", "--from", str(file))
    assert size == record["size"]
    memory = sysv_ipc.attach(record["id"])
    assert content == memory.read(size)
    memory.detach()
    assert size == made("pshm", "/x", "--from", str(file))["size"]
    assert content == (namespace.SHM / "x").read_bytes()


def test_content_of_a_pipe_needs_a_size_and_the_rest_is_zero() -> None:
    assert "--size is missing" in refused("pshm", "/x", "--from", "-", stdin="hello", code=2)
    made("pshm", "/x", "--from", "-", "--size", "8", stdin="hello")
    assert b"hello\0\0\0" == (namespace.SHM / "x").read_bytes()


def test_file_that_becomes_shorter_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "content"
    file.write_bytes(b"x" * 100)
    texts = {f"--{name}": None for name in ("from", "size", "key", "ftok", "owner", "mode", "huge")}
    before = everything()
    with wish(Host(), "shm", None, {**texts, "--from": str(file)}) as wished:
        os.truncate(file, 50)
        with pytest.raises(Refused, match="became shorter while it was read"):
            create(Host(), wished)
    assert before == everything()


def test_posix_queue_is_made_without_a_mount_and_without_the_right_to_one() -> None:
    """Without capabilities root is an ordinary user, whose uid is 0."""
    script = f'umount "{namespace.current().mqueue}" && exec setpriv --bounding-set=-all "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "ipcctl", "create", "pmsg", "/x"]
    result = run_program([*command, "--mode", "640", "--maxmsg", "3", "--json"])
    if "setpriv: " in result.err:
        pytest.skip(result.err)
    document = json.loads(result.out)
    assert (0, ["pmsg"]) == (result.code, [gap["what"] for gap in document["gaps"]])
    assert ("pmsg:/x", 3, None) == tuple(document["objects"][0][field] for field in ("ref", "maxmsg", "mtime"))
    assert ("0640", 3) == tuple(
        json.loads(run("ls", "pmsg", "--json").out)["objects"][0][f] for f in ("perms", "maxmsg")
    )
    assert "pmsg:/x exists; nothing was created" in run_program(command).err


@pytest.mark.parametrize("words", [("shm",), ("pshm", "/x")])
def test_content_that_does_not_fit_leaves_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "content"
    file.write_bytes(b"x" * 11)
    assert "holds 11 bytes, the object 10 bytes" in refused(*words, "--from", str(file), "--size", "10")
    assert "standard input holds more" in refused(*words, "--from", "-", "--size", "10", stdin="x" * 11)


@pytest.mark.parametrize("words", [("shm",), ("pshm", "/x")])
def test_what_is_half_made_goes_when_it_is_interrupted(words: tuple[str, ...]) -> None:
    before = everything()
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "ipcctl", "create", *words, "--from", "-", "--size", "3M"]
    with subprocess.Popen(command, stdin=reading, stdout=subprocess.PIPE) as process:
        os.close(reading)
        os.write(writing, b"x")
        for _ in range(32):  # 64K a time: the last goes in when most was read
            os.write(writing, b"x" * 65536)
        assert before != everything()
        process.send_signal(signal.SIGTERM)
        assert 128 + signal.SIGTERM == process.wait(30)
        os.close(writing)
    assert before == everything()


TAKEN = {
    "shm:0x0000002a exists: shm:0, of root, size 100": ("shm", "--size", "1", "--key", "0x2a"),
    "sem:0x0000002a exists: sem:0, of root, 1 sem": ("sem", "--key", "0x2A"),
    "msg:0x0000002a exists: msg:0, of root, 0 msg": ("msg", "--key", "0x0000002a"),
    "pshm:/x exists: of root, size 100": ("pshm", "/x", "--size", "1"),
    "psem:/x exists: of root, value 0": ("psem", "/x"),
    "pmsg:/x exists: of root, 0 msg": ("pmsg", "/x"),
}


@pytest.mark.parametrize("said", TAKEN)
def test_what_exists_is_shown_and_never_changed(said: str) -> None:
    segment = sysv_ipc.SharedMemory(0x2A, sysv_ipc.IPC_CREX, size=100)
    segment.write(b"precious")
    sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX)
    sysv_ipc.MessageQueue(0x2A, sysv_ipc.IPC_CREX)
    (namespace.SHM / "x").write_bytes(b"precious" + bytes(92))
    posix_ipc.Semaphore("/x", posix_ipc.O_CREX).close()
    posix_ipc.MessageQueue("/x", posix_ipc.O_CREX).close()
    err = refused(*TAKEN[said])
    assert said in err
    assert "hint: ipcctl show " in err
    assert b"precious" == segment.read(8) == (namespace.SHM / "x").read_bytes()[:8]


def test_what_is_no_object_but_has_the_name_is_left_alone() -> None:
    victim = namespace.SHM / "victim"
    victim.write_bytes(b"precious")
    (namespace.SHM / "x").symlink_to(victim)
    (namespace.SHM / "sem.x").write_bytes(b"short")
    (namespace.SHM / "y").mkdir()
    for words in (("pshm", "/x", "--size", "1"), ("pshm", "/y", "--size", "1"), ("psem", "/x")):
        assert "has this name" in refused(*words)
    assert b"precious" == victim.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "words", "said", "setting"),
    [
        *[
            (
                "kernel/shmmax",
                "4096",
                ("shm", "--size", size),
                f"shmmax is 4096 bytes, {much} would be",
                "kernel.shmmax",
            )
            for size, much in (("4097", "4097"), ("1E", str(2**60)))
        ],
        ("kernel/shmmni", "0", ("shm", "--size", "1"), "shmmni is 0", "kernel.shmmni"),
        ("kernel/sem", "3 100 10 5", ("sem", "--nsems", "4"), "semmsl is 3", "kernel.sem"),
        ("kernel/sem", "3 2 10 5", ("sem", "--nsems", "3"), "semmns is 2", "kernel.sem"),
        ("kernel/msgmni", "0", ("msg",), "msgmni is 0", "kernel.msgmni"),
    ],
)
def test_limit_in_the_way_is_named_with_its_setting(
    name: str, value: str, words: tuple[str, ...], said: str, setting: str
) -> None:
    set_limit(name, value)
    err = refused(*words)
    assert said in err
    assert f"sysctl -w {setting}=" in err


def test_ordinary_user_is_told_what_he_may_not(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    for words, said in (
        (("msg", "--qbytes", "1M"), "msgmnb is"),
        (("pmsg", "/x", "--maxmsg", "1000"), "msg_max is"),
        (("pmsg", "/x", "--msgsize", "1M"), "msgsize_max is"),
        (("pshm", "/x", "--size", "1", "--owner", str(bob)), f"pshm:/x belongs to uid {bob}"),
        (("psem", "/x", "--owner", f":{bob}"), "only root can give a POSIX object away"),
    ):
        assert said in refused(*words, uid=alice)
    assert (bob, alice) == tuple(made("sem", "--owner", str(bob), uid=alice)[field] for field in ("uid", "cuid"))


def test_more_than_dev_shm_has_left_is_refused() -> None:
    free = os.statvfs(namespace.SHM)
    size, enough = (free.f_bavail + 1) * free.f_frsize, (free.f_blocks + 1) * free.f_frsize
    assert f"mount -o remount,size={enough} /dev/shm" in refused("pshm", "/x", "--size", str(size))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shm", "--size", "1", "--huge", "64K"), "there are no huge pages of that size"),
        (("shm", "--size", "1E", "--huge", "default"), "not enough huge pages are free"),
    ],
)
def test_huge_pages_that_are_not_there_are_named(words: tuple[str, ...], said: str) -> None:
    if not os.path.isdir("/sys/kernel/mm/hugepages") or os.path.isdir("/sys/kernel/mm/hugepages/hugepages-64kB"):
        pytest.skip("this kernel has none, or has the ones asked for")
    message = refused(*words)
    assert said in message or (not namespace.sees_everybody() and "this user may not use huge pages" in message)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("queue", 2, "unknown kind 'queue'"),
        ("shm", 2, "--size is missing"),
        ("shm --size 0", 2, "bad size '0'"),
        ("shm --size -1", 2, "bad size '-1'"),
        ("shm --size big", 2, "bad size 'big'"),
        ("shm --size 1 --key 42", 2, "bad key '42'"),
        ("shm --size 1 --key 0x0", 2, "bad key '0x0'"),
        ("shm --size 1 --key 0x100000000", 2, "bad key '0x100000000'"),
        ("shm --size 1 --key 0x2a --ftok /:A", 2, "--key and --ftok together"),
        ("shm --size 1 --ftok /", 2, "bad --ftok '/'"),
        ("shm --size 1 --ftok /:0", 2, "bad project id '0'"),
        ("shm --size 1 --ftok /:256", 2, "bad project id '256'"),
        ("shm --size 1 --ftok /nowhere:1", 1, "no key from '/nowhere': No such file"),
        ("shm --size 1 --mode 0800", 2, "bad mode '0800'"),
        ("shm --size 1 --mode 1777", 2, "bad mode '1777'"),
        ("shm --size 1 --mode rw", 2, "bad mode 'rw'"),
        ("shm --size 1 --owner nobody-of-that-name", 2, "unknown user 'nobody-of-that-name'"),
        ("shm --size 1 --owner root:nobody-of-that-name", 2, "unknown group 'nobody-of-that-name'"),
        ("shm --size 1 --owner :", 2, "bad owner ':'"),
        ("shm --size 1 --huge 3M", 2, "bad size of huge pages '3M'"),
        ("shm --from /nowhere", 1, "cannot read '/nowhere': No such file"),
        ("shm --from /", 1, "cannot read '/': Is a directory"),
        ("shm --from /dev/null", 2, "--size is missing"),
        ("shm /x --size 1", 2, "a shared memory segment has no name"),
        ("shm --size 1 --qbytes 5", 2, "--qbytes says nothing about a shared memory segment"),
        ("sem --nsems 0", 2, "bad number of semaphores '0'"),
        ("sem --nsems -1", 2, "bad number of semaphores '-1'"),
        ("sem --nsems 4294967297", 2, "bad number of semaphores"),
        ("sem --nsems 2 --values 1,2,3", 2, "3 values for 2 semaphores"),
        ("sem --values 1,32768", 2, "bad value '32768'"),
        ("sem --values 1,,2", 2, "bad value ''"),
        ("sem --value 0=32768", 2, "bad value '32768'"),
        ("sem --value 5", 2, "bad value '5'"),
        ("sem --value 1=1", 2, "no semaphore 1 among 1"),
        ("sem --nsems 2 --value 1=1 --value 1=2", 2, "semaphore 1 is given twice"),
        ("msg --qbytes 0", 2, "bad number of bytes '0'"),
        ("pshm --size 1", 2, "needs a name"),
        ("pshm x --size 1", 2, "does not begin with a slash"),
        ("pshm /a/b --size 1", 2, "no name of an object"),
        ("pshm /x", 2, "--size is missing"),
        ("pshm /x --size 0", 2, "bad size '0'"),
        ("pshm /x --size 1 --key 0x2a", 2, "--key says nothing about a POSIX shared memory object"),
        ("pshm /sem.x --size 1", 1, "would be taken for a named semaphore"),
        ("psem /x --value 2147483648", 2, "bad value '2147483648'"),
        ("psem /x --value -1", 2, "bad value '-1'"),
        ("psem /x --value 1 --value 2", 2, "--value is given twice"),
        ("pmsg /x --maxmsg 0", 2, "bad number of messages '0'"),
        ("pmsg /x --msgsize 0", 2, "bad size '0'"),
    ],
)  # fmt: skip
def test_bad_wish_is_refused_and_quoted(words: str, code: int, said: str) -> None:
    before = everything()
    result = here("create", *words.split())
    assert (code, "") == (result.code, result.out)
    assert said in result.err
    assert before == everything()


def test_empty_file_has_no_size_to_take(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "is empty" in refused("pshm", "/x", "--from", str(tmp_path / "empty"), code=2)
