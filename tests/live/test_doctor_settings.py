"""Checks of doctor on limits, rights and settings of a real namespace; its commands do mend what they find."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors, namespace
from tests.live.cli import run, run_program
from tests.live.examined import doctor, make_writable, obey, read, set_limit, severity, the
from tests.live.test_ls_views import no_mqueue_mount
from tests.live.test_ps import posix_queue, segment

if TYPE_CHECKING:
    from collections.abc import Callable

MS_REMOUNT = 0x20


def test_lowered_limit_is_full_and_the_command_makes_room() -> None:
    for _ in range(5):
        sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    set_limit("kernel/sem", "250 32000 32 6")
    assert ("warning", "semmni: 5 of 6 sets in use (83 %)") == tuple(
        the("limits")[it] for it in ("severity", "finding")
    )
    assert ("warning", "1 more semaphore set before semget(2) fails with ENOSPC") == tuple(
        the("room")[it] for it in ("severity", "finding")
    )
    sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    with pytest.raises(OSError, match="No space left"):
        sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    full = the("room")
    assert "critical" == full["severity"]
    obey(full["mend"][-1])
    sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    assert ["ok", "ok"] == [finding["severity"] for finding in doctor("room", "limits")]


def test_every_limit_that_fills_up_is_noticed() -> None:
    segment()
    sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX)
    posix_queue()
    for name in ("kernel/shmmni", "kernel/msgmni", "fs/mqueue/queues_max"):
        set_limit(name, "1")
    calls = [finding["finding"].split(": ")[1].split("(")[0] for finding in doctor("room")]
    assert ["shmget", "msgget", "an ordinary user's mq_open"] == calls
    for finding in doctor("room"):
        obey(finding["mend"][-1])
    assert "ok" == severity("room")


def test_limit_as_high_as_the_kernel_takes_it_gets_no_command_that_would_fail() -> None:
    ctl = ctypes.CDLL(None)
    made = sum(ctl.msgget(0, 0o1600) >= 0 for _ in range(27000))
    set_limit("kernel/msgmni", "32768")
    finding = the("limits")
    assert (27000, f"msgmni: {made} of 32768 queues in use (82 %)") == (made, finding["finding"])
    assert ["ipcctl rm msg --orphaned --dry-run"] == finding["mend"]
    assert "ipcmni_extend on the kernel's command line allows 16777216" in finding["evidence"][1]
    with pytest.raises(OSError, match="Invalid argument"):
        set_limit("kernel/msgmni", "32769")


def test_full_dev_shm_is_critical_and_room_is_not() -> None:
    namespace.mount("tmpfs", namespace.SHM, "tmpfs", MS_REMOUNT, "size=1m")
    (namespace.SHM / "psm_1").write_bytes(bytes(850 << 10))
    assert "warning" == severity("devshm")
    (namespace.SHM / "psm_2").write_bytes(bytes(152 << 10))
    finding = the("devshm")
    assert "critical" == finding["severity"]
    assert ["filled by root 1004.0 KiB"] == finding["evidence"]
    if namespace.current().other_uids:  # mount(8) remounts nothing in a user namespace
        obey(finding["mend"][-1])
        assert "ok" == severity("devshm")


def test_own_limit_on_bytes_in_queues_is_that_of_the_shell() -> None:
    posix_queue()
    narrow = (
        "import os, resource as r, sys; r.setrlimit(r.RLIMIT_MSGQUEUE, (250, 250)); os.execv(sys.argv[1], sys.argv[1:])"
    )
    arguments = [sys.executable, "-m", "ipcctl", "doctor", "--check=rlimit", "--json"]
    (finding,) = read(run_program([sys.executable, "-c", narrow, *arguments]))
    assert "critical" == finding["severity"]
    assert "root: 208 bytes of 250 bytes" in finding["finding"]
    assert "ok" == severity("rlimit")


def test_limit_of_another_user_is_that_of_his_process_with_the_queue_open(strangers: tuple[int, int]) -> None:
    alice, _ = strangers

    def hold() -> object:
        import resource

        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (1000, 1000))
        return posix_ipc.MessageQueue("/hers", posix_ipc.O_CREX, max_messages=2, max_message_size=310)

    with actors.actor(hold, uid=alice):
        finding = the("rlimit")
        assert f"{alice}: 812 bytes of 1000 bytes" in finding["finding"]
    assert "ok" == severity("rlimit"), "she runs nothing that could reach a limit"
    with actors.actor(lambda: None, uid=alice):
        assert "ok" == severity("rlimit"), "a process of hers without the queue has the usual limit"


def test_objects_of_root_open_to_everybody_are_closed_by_the_commands() -> None:
    refs = make_writable()
    for _ in range(2):  # five are named, five commands given
        finding = the("writable")
        assert "warning" == finding["severity"]
        for command in finding["mend"][1:]:
            obey(command)
    assert "ok" == severity("writable")
    assert 6 == len(refs)
    modes = {item["perms"] for item in json.loads(run("ls", "--json").out)["objects"]}
    assert {"0664", "0600", "0620"} == modes, "nothing but the bit was changed"


def test_object_of_an_ordinary_user_open_to_everybody_is_his_own_affair(strangers: tuple[int, int]) -> None:
    actors.as_user(strangers[0], lambda: sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, mode=0o666) and None)
    assert "ok" == severity("writable")


def test_missing_mqueue_mount_blinds_an_ordinary_user_and_not_root(strangers: tuple[int, int]) -> None:
    with no_mqueue_mount():
        assert "info" == severity("mqueue")
        result = run("doctor", "--json", "--check=mqueue", "--check=rlimit", uid=strangers[0])
        assert ["warning", "unknown"] == [finding["severity"] for finding in read(result)]
        assert "cannot be seen" in read(result)[0]["finding"]
        posix_queue()
        assert "warning" == severity("mqueue")


@pytest.fixture
def host_tree(tmp_path: Path, strangers: tuple[int, int]) -> Callable[..., list[str]]:
    """Make a tree with a logind, a service of alice's and her segment; the options that lead there."""

    def make(
        conf: str | None = None, cgroup: str = "0::/system.slice/db.service", comm: str = "systemd-logind"
    ) -> list[str]:
        shutil.rmtree(tmp_path, ignore_errors=True)
        proc, etc = tmp_path / "proc", tmp_path / "etc/systemd"
        etc.mkdir(parents=True)
        shutil.copytree(Path(__file__).parents[1] / "fixtures/modern/proc", proc)
        for pid, name in ((100, comm), (200, "db")):
            (proc / str(pid)).mkdir(parents=True)
            (proc / str(pid) / "stat").write_text(f"{pid} ({name}) S 1 {pid} {pid} 0 -1 4194560{' 0' * 12} 500 0 0\n")
            (proc / str(pid) / "cgroup").write_text(cgroup + "\n")
        os.chown(proc / "200", strangers[0], strangers[0])
        for empty in ("shm", "mqueue"):
            (tmp_path / empty).mkdir()
        if conf is not None:
            (etc / "logind.conf").write_text(conf)
        return [f"--{name}={tmp_path / name}" for name in ("proc", "shm", "mqueue")] + [f"--system={tmp_path}"]

    return make


def logout(options: list[str]) -> tuple[str, str]:
    (finding,) = read(run("doctor", "--json", "--check=removeipc", *options))
    return finding["severity"], " ".join(finding["evidence"])


def test_logout_takes_a_services_objects_unless_a_file_says_no(
    host_tree: Callable[..., list[str]], tmp_path: Path
) -> None:
    options = host_tree()
    assert "warning" == logout(options)[0]
    assert "RemoveIPC=yes by its default" in logout(options)[1]
    host_tree("[Login]\n#RemoveIPC=no\n")
    assert "warning" == logout(options)[0]
    host_tree("[Login]\nRemoveIPC=no\n")
    assert "ok" == logout(options)[0]
    for place, text in (("usr/lib", "yes"), ("etc", "no")):  # the same name: /etc wins
        directory = tmp_path / place / "systemd/logind.conf.d"
        directory.mkdir(parents=True)
        (directory / "50-ipc.conf").write_text(f"[Login]\nRemoveIPC={text}\n")
    assert "ok" == logout(options)[0]
    late = tmp_path / "run/systemd/logind.conf.d/90.conf"
    late.parent.mkdir(parents=True)
    late.write_text("\n[Login]\n  RemoveIPC = YES\n")
    assert ("warning", f"RemoveIPC=yes by {late} line 3") == (logout(options)[0], logout(options)[1].split(" uid")[0])


def test_logout_spares_those_who_are_no_service_or_system_user(
    host_tree: Callable[..., list[str]], tmp_path: Path, strangers: tuple[int, int]
) -> None:
    assert "ok" == logout(host_tree(cgroup="0::/user.slice/user-61001.slice/session-1.scope"))[0]
    assert "ok" == logout(host_tree(comm="systemd"))[0]
    options = host_tree()
    (tmp_path / "etc/login.defs").write_text(f"# no\nSYS_UID_MAX\t{strangers[0]}\n")
    assert "ok" == logout(options)[0]
