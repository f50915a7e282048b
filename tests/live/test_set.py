"""`ipcctl set` on the kernel: what is asked for changes, and nobody is hurt by it unasked."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.alter import Alterer, Wanted
from ipcctl.act.judge import Judge
from ipcctl.errors import Refused
from ipcctl.kernel import change, creation
from ipcctl.kernel.host import Host
from tests import manual
from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.cli import Result, run, run_program

if TYPE_CHECKING:
    from collections.abc import Callable

MAKE: dict[str, Callable[[], object]] = {
    "shm:0": lambda: creation.create_segment(7, 5000, 0o600),
    "sem:0": lambda: creation.create_semaphore_set(7, 3, 0o600),
    "msg:0": lambda: creation.create_queue(7, 0o600),
    "pshm:/x": lambda: creation.create_posix_segment("/x", 5000, 0o600),
    "psem:/x": lambda: creation.create_posix_semaphore("/x", 1, 0o600),
    "pmsg:/x": lambda: creation.create_posix_queue("/x", 0o600),
}


def record(ref: str) -> dict[str, Any]:
    """What `show` says of an object."""
    (found,) = json.loads(run("show", ref, "--json").out)["objects"]
    assert isinstance(found, dict)
    return found


def values(ref: str = "sem:0") -> list[int]:
    return [semaphore["value"] for semaphore in record(ref)["semaphores"]]


def changed(*words: str, **how: Any) -> list[tuple[str, Any, Any]]:
    """Field, before and after, as `set WORDS --json` tells."""
    result = run("set", *words, "--json", **how)
    assert 0 == result.code, result.err
    (found,) = json.loads(result.out)["objects"]
    return [(step["field"], step["before"], step["after"]) for step in found["changes"]]


def refused(result: Result, *said: str, code: int = 1) -> None:
    assert (code, "") == (result.code, result.out), result.err
    for words in said:
        assert words in result.err


@pytest.mark.parametrize("ref", MAKE)
def test_owner_and_mode_of_every_kind_change_together(ref: str, strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    MAKE[ref]()
    steps = changed(ref, "--mode", "0640", "--owner", f"{alice}:{bob}")
    assert [("perms", "0600", "0640"), ("uid", 0, alice), ("gid", 0, bob)] == steps
    after = record(ref)
    assert ("0640", alice, bob) == (after["perms"], after["uid"], after["gid"])


def test_group_changes_alone(strangers: tuple[int, int]) -> None:
    MAKE["sem:0"]()
    assert [("gid", 0, strangers[0])] == changed("sem:0x7", "--owner", f":{strangers[0]}")


def test_limit_lock_value_and_size_change() -> None:
    for make in MAKE.values():
        make()
    assert [("qbytes", record("msg:0")["qbytes"], 4096)] == changed("msg:0", "--qbytes", "4K")
    assert [("locked", False, True)] == changed("shm:0", "--lock")
    assert ["locked"] == record("shm:0")["status"]
    assert [("locked", True, False)] == changed("shm:0", "--unlock")
    assert [("value", 1, 2**31 - 1)] == changed("psem:/x", "--value", str(2**31 - 1))
    assert [("size", 5000, 9000)] == changed("pshm:/x", "--size", "9000")
    assert [("size", 9000, 10)] == changed("pshm:/x", "--size", "10")
    assert 10 == (namespace.SHM / "x").stat().st_size


def test_semaphores_change_one_by_one_or_all_at_once() -> None:
    MAKE["sem:0"]()
    assert [("value", 0, 5), ("value", 0, 32767)] == changed("sem:0", "--value", "2=5", "--value", "0=32767")
    assert [32767, 0, 5] == values()
    assert 2 == len(changed("sem:0", "--values", "1,2,5"))
    assert [1, 2, 5] == values()


def test_before_and_after_are_shown_and_dry_run_changes_nothing() -> None:
    MAKE["sem:0"]()
    table = ["FIELD     BEFORE  AFTER", "perms     0600    0666", "value[1]  0       3"]
    for option, said in (("--dry-run", "would be changed"), ("--json", ""), ("--yes", "is so already")):
        result = run("set", "sem:0", "--mode", "666", "--value", "1=3", option)
        assert 0 == result.code, result.err
        if option == "--dry-run":
            assert (table, [0, 0, 0]) == (result.out.splitlines(), values())
        assert said in result.err
    assert ("0666", [0, 3, 0]) == (record("sem:0")["perms"], values())


def test_object_in_use_needs_a_word_first() -> None:
    MAKE["shm:0"]()
    with actors.attached(0):
        refused(run("set", "shm:0", "--mode", "666"), "no terminal to confirm on", "1 attachment", "--yes", code=2)
        assert "0600" == record("shm:0")["perms"]
        assert 0 == run("set", "shm:0", "--mode", "666", "--dry-run").code
        no = run("set", "shm:0", "--mode", "666", tty=True, stdin="n\n")
        assert (1, True) == (no.code, "not confirmed; nothing was changed" in no.err)
        assert "0600" == record("shm:0")["perms"]
        yes = run("set", "shm:0", "--mode", "666", tty=True, stdin="y\n", env={"NO_COLOR": "1"})
        assert (0, "", True) == (yes.code, yes.out, "Set shm:0, which is in use (1 attachment" in yes.err)
        assert "0600    0666" in yes.err  # the plan; the same again would tell nothing
        assert "0666" == record("shm:0")["perms"]
        assert 0 == run("set", "shm:0", "--mode", "640", "--yes").code


def test_name_of_a_process_never_reaches_the_terminal_raw() -> None:
    MAKE["pshm:/x"]()

    def hold() -> int:
        Path("/proc/self/comm").write_text("\x1b[31m", encoding="ascii")
        return os.open(namespace.SHM / "x", os.O_RDONLY)

    with actors.actor(hold):
        for words in (("--size", "10"), ("--mode", "666")):
            err = run("set", "pshm:/x", *words).err
            assert "\x1b" not in err
            assert r"(\x1b[31m) has it open" in err


def test_who_waits_for_a_semaphore_is_let_go_by_a_value() -> None:
    MAKE["sem:0"]()
    with actors.waiting(0) as waiter:
        refused(run("set", "sem:0", "--value", "0=1"), "no terminal", code=2)
        assert 0 == run("set", "sem:0", "--value", "0=1", "--yes").code
        waiter.stop()
        assert 0 == waiter.status


@pytest.mark.parametrize("hold", [actors.mapped, actors.opened])
def test_mapped_memory_is_never_cut_off_without_force(hold: Any) -> None:
    MAKE["pshm:/x"]()
    with hold(namespace.SHM / "x"):
        for options in ([], ["--yes"], ["--dry-run"]):
            refused(run("set", "pshm:/x", "--size", "10", *options), "is not made smaller (in-use: ", "SIGBUS")
        refused(run("set", "pshm:/x", "--size", "10", "--force"), "no terminal", code=2)
        assert 5000 == (namespace.SHM / "x").stat().st_size
        assert [("size", 5000, 9000)] == changed("pshm:/x", "--size", "9000", "--yes")
        assert [("size", 9000, 10)] == changed("pshm:/x", "--size", "10", "--yes", "--force")


def test_who_maps_it_after_the_check_is_noticed() -> None:
    MAKE["pshm:/x"]()
    host = Host()
    (item,) = host.snapshot(["pshm"]).objects["pshm"]
    want = Wanted(None, None, None, None, 10, None, None, {}, whole=False)
    with Judge(host, ["pshm"]) as judge:
        alterer = Alterer(host, item, want, judge)
        alterer.check(force=False)
        with actors.mapped(namespace.SHM / "x"), pytest.raises(Refused, match="in use since it was looked at"):
            alterer.carry_out(alterer.plan(), force=False)
    assert 5000 == (namespace.SHM / "x").stat().st_size


def test_who_cannot_know_whether_it_is_mapped_does_not_make_it_smaller(strangers: tuple[int, int]) -> None:
    creation.create_posix_segment("/x", 5000, 0o666)
    (namespace.SHM / "x").chmod(0o666)
    with actors.mapped(namespace.SHM / "x", uid=strangers[1]):
        refused(run("set", "pshm:/x", "--size", "10", uid=strangers[0]), "is not made smaller (unknown: ")
    assert 5000 == (namespace.SHM / "x").stat().st_size


def test_posix_queue_changes_without_a_mount() -> None:
    MAKE["pmsg:/x"]()
    command = f'umount "{namespace.current().mqueue}" && exec "{sys.executable}" -m ipcctl set pmsg:/x --mode 644'
    result = run_program(["unshare", "-m", "sh", "-c", command])
    if "mount" in result.err:
        pytest.skip("only root can look through a mount of its own")
    assert (0, "0644") == (result.code, record("pmsg:/x")["perms"])


@pytest.mark.parametrize("ref", MAKE)
def test_object_of_another_user_stays_and_who_could_is_said(ref: str, strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    MAKE[ref]()
    run("set", ref, "--owner", str(bob))
    result = run("set", ref, "--mode", "666", uid=alice)
    refused(result, f"{ref} belongs to uid {bob}; nothing was changed", f"hint: uid {bob} or root may set it")
    assert "0600" == record(ref)["perms"]


def test_user_without_the_right_to_alter_is_told_who_has_it(strangers: tuple[int, int]) -> None:
    MAKE["sem:0"]()
    run("set", "sem:0", "--mode", "644")
    result = run("set", "sem:0", "--value", "0=1", uid=strangers[0])
    refused(result, "cannot set the values of sem:0: no right to alter it", "root may, and who its mode lets (0644)")
    MAKE["psem:/x"]()
    refused(run("set", "psem:/x", "--value", "3", uid=strangers[0]), "cannot set value of psem:/x: Permission denied")
    assert ([0, 0, 0], 1) == (values(), record("psem:/x")["value"])


def test_ordinary_user_cannot_pass_msgmnb_nor_give_a_file_away(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    for ref in ("msg:0", "pshm:/x"):
        actors.as_user(alice, MAKE[ref])
    refused(run("set", "msg:0", "--qbytes", "1M", uid=alice), "cannot set qbytes of msg:0: it is over msgmnb")
    refused(run("set", "pshm:/x", "--owner", str(bob), uid=alice), f"pshm:/x stays with uid {alice}")
    refused(run("set", "pshm:/x", "--owner", f":{bob}", uid=alice), "only root can give a POSIX object away")
    assert [("uid", alice, bob)] == changed("msg:0", "--owner", str(bob), uid=alice)


@pytest.mark.parametrize("ref", MAKE)
def test_root_of_a_container_is_told_what_he_lacks(ref: str, strangers: tuple[int, int]) -> None:
    actors.as_user(strangers[0], MAKE[ref])
    command = [sys.executable, "-m", "ipcctl", "set", ref, "--mode", "666"]
    result = run_program(["setpriv", "--bounding-set=-all", *command])
    if "setpriv: " in result.err:
        pytest.skip(result.err)
    refused(result, f"cannot set the mode of {ref}: it belongs to another user, and this root lacks the capability")


def test_lock_over_the_limit_is_explained(strangers: tuple[int, int]) -> None:
    actors.as_user(strangers[0], lambda: creation.create_segment(7, 5000, 0o600))
    command = [sys.executable, "-m", "ipcctl", "set", "shm:0", "--lock"]
    for limit, said in (("0", "RLIMIT_MEMLOCK is 0"), ("4", "it is larger than RLIMIT_MEMLOCK")):
        shell = ["bash", "-c", f'ulimit -l {limit} && exec "$@"', "bash", *command]
        refused(run_program(shell, uid=strangers[0]), said)


def test_growing_beyond_dev_shm_is_refused() -> None:
    MAKE["pshm:/x"]()
    free = os.statvfs(namespace.SHM)
    size, more = (
        (free.f_bavail + 3) * free.f_frsize,
        (free.f_blocks + 3) * free.f_frsize - os.stat("/dev/shm/x").st_size,
    )
    refused(run("set", "pshm:/x", "--size", str(size)), f"mount -o remount,size={more} /dev/shm")


def test_a_link_is_not_followed() -> None:
    victim = namespace.SHM / "victim"
    victim.write_bytes(b"precious")
    victim.chmod(0o600)
    (namespace.SHM / "x").symlink_to(victim)
    refused(run("set", "pshm:/x", "--mode", "666"), "no such object: pshm:/x; nothing was changed")
    assert 0o600 == victim.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("sem:0", 2, "nothing says what to set"),
        ("sem:0 --json --yes", 2, "nothing says what to set"),
        ("sem:7 --mode 600", 1, "no such object: sem:7; nothing was changed"),
        ("sem:x --mode 600", 2, "bad reference 'sem:x'"),
        ("sem:0 --mode 999", 2, "bad mode '999'"),
        ("sem:0 --owner nobody-of-that-name", 2, "unknown user"),
        ("sem:0 --value 0=32768", 2, "bad value '32768'"),
        ("sem:0 --value 3=1", 2, "sem:0 has no semaphore 3"),
        ("sem:0 --value 1", 2, "bad value '1'"),
        ("sem:0 --values 1,2", 2, "2 values for 3 semaphores"),
        ("sem:0 --values 1,2,3,4", 2, "4 values for 3 semaphores"),
        ("sem:0 --values 1,2,3 --value 0=1", 2, "--value and --values together"),
        ("sem:0 --values 1,2,32768", 2, "bad value '32768'"),
        ("sem:0 --lock", 2, "--lock/--unlock says nothing about a semaphore set"),
        ("shm:0 --unlock --qbytes 5", 2, "--qbytes says nothing about a shared memory segment"),
        ("shm:0 --size 5", 2, "--size says nothing about a shared memory segment"),
        ("msg:0 --qbytes 0", 2, "bad number of bytes '0'"),
        ("pshm:/x --size 0", 2, "bad size '0'"),
        ("pshm:x --size 5", 2, "bad reference 'pshm:x'"),
        ("psem:/x --value -1", 2, "bad value '-1'"),
        ("psem:/x --value 2147483648", 2, "bad value '2147483648'"),
        ("psem:/x --value 1 --value 2", 2, "--value is given twice"),
        ("pmsg:/x --format csv --mode 600", 2, "formats: table plain json"),
    ],
)
def test_bad_request_is_refused_and_quoted(words: str, code: int, said: str) -> None:
    for make in MAKE.values():
        make()
    before = run("ls", "--json").out
    result = here("set", *words.split())
    assert (code, "") == (result.code, result.out)
    assert said in result.err
    assert before == run("ls", "--json").out


def test_object_that_was_replaced_meanwhile_is_left_alone() -> None:
    """The kernel call compares the inode: another file with the name is another object."""
    MAKE["pshm:/x"]()
    status = (namespace.SHM / "x").stat()
    posix_ipc.unlink_shared_memory("/x")
    (namespace.SHM / "y").touch()  # the inode number is not given again
    MAKE["pshm:/x"]()
    directory = os.open(namespace.SHM, os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        change.set_file(directory, "pshm", "/x", mode=0o666, identity=(status.st_dev, status.st_ino))
    with pytest.raises(FileNotFoundError):
        change.set_size(directory, "/x", 1, identity=(status.st_dev, status.st_ino))
    os.close(directory)
    assert ("0600", 5000) == (record("pshm:/x")["perms"], record("pshm:/x")["size"])


def test_every_field_of_the_document_is_in_the_manual() -> None:
    MAKE["sem:0"]()
    (found,) = json.loads(run("set", "sem:0", "--value", "0=1", "--json").out)["objects"]
    assert set() == {*found, *found["changes"][0]} - manual.words(manual.ROOT / "man" / "ipcctl.1")


def test_semaphore_of_a_program_takes_the_value() -> None:
    semaphore = sysv_ipc.Semaphore(0x2A, sysv_ipc.IPC_CREX)
    assert [("value", 0, 2)] == changed("sem:0x2a", "--value", "0=2")
    semaphore.acquire(timeout=0)
    assert 1 == semaphore.value
