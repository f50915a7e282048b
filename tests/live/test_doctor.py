"""Checks of doctor on what real processes left or wait for, seen by root and by others; and the command itself."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from ipcctl.policy.checks import CHECKS
from tests.live import actors, namespace
from tests.live.cli import run, run_program
from tests.live.examined import doctor, make_writable, obey, read, severity, the
from tests.live.test_ps import posix_queue, segment

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600


def calm() -> str:
    """What is said where nothing was found, but processes that cannot be seen would matter."""
    return "ok" if namespace.current().other_uids else "unknown"


def test_nothing_is_wrong_in_a_fresh_namespace() -> None:
    findings = doctor()
    assert dict.fromkeys(CHECKS, "ok") == {finding["check"]: finding["severity"] for finding in findings}


def test_orphan_is_reported_with_its_owner_and_goes_by_the_command(mqueue: Path) -> None:
    posix_queue()
    assert "ok" == severity("orphans"), "used within the last minute"
    os.utime(mqueue / "jobs", (time.time() - HOUR, time.time() - HOUR))
    finding = the("orphans")
    assert ("warning", ["root: 1 pmsg, 0 bytes"], ["pmsg:/jobs"]) == tuple(
        finding[it] for it in ("severity", "evidence", "refs")
    )
    with actors.mq_opened("/jobs"):
        assert "ok" == severity("orphans")
    assert 0 == run(*finding["mend"][-1].split()[1:], "--yes").code
    assert [] == os.listdir(mqueue)


def test_segment_marked_dest_is_told_with_its_holder_until_he_lets_go() -> None:
    shmid = segment()
    with actors.attached(shmid) as it:
        assert "ok" == severity("dest")
        sysv_ipc.remove_shared_memory(shmid)
        finding = the("dest")
        assert ("info", [f"shm:{shmid}"]) == (finding["severity"], finding["refs"])
        assert f"held by {it.pid} (" in finding["evidence"][0]
    assert "ok" == severity("dest")


def test_memory_without_a_name_is_told_with_its_holder() -> None:
    path = namespace.SHM / "psm_gone"
    path.write_bytes(bytes(1 << 20))
    with actors.mapped(path) as it:
        assert "ok" == severity("unlinked")
        path.unlink()
        finding = the("unlinked")
        assert "info" == finding["severity"]
        assert f"pshm:/psm_gone (deleted): 1.0 MiB of root, held by {it.pid} (" in finding["evidence"][0]
    assert "ok" == severity("unlinked")


def test_sender_on_a_full_queue_is_critical_until_somebody_receives() -> None:
    queue = sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX)
    with actors.receiving(queue.id):
        assert "ok" == severity("queues")
    with actors.sending(queue.id) as it:
        finding = the("queues")
        assert ("critical", [f"msg:{queue.id}"]) == (finding["severity"], finding["refs"])
        assert f"blocked: {it.pid} (" in finding["evidence"][0]
        assert ["holds 16 messages, 16384 of 16384 bytes", "nobody ever received from it"] == finding["evidence"][1:]
    queue.receive()
    with actors.sending(queue.id):
        assert ("warning", f"its last receiver, process {os.getpid()}, lives") == (
            severity("queues"), the("queues")["evidence"][2],
        )  # fmt: skip
    assert calm() == severity("queues"), "full, and nobody is blocked"


def test_last_receiver_that_died_makes_a_blocked_sender_critical() -> None:
    queue = sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX)
    queue.send(b"x")
    with actors.actor(queue.receive) as reader:
        pid = reader.pid
    with actors.sending(queue.id):
        finding = the("queues")
    assert ("critical", f"its last receiver, process {pid}, is gone") == (finding["severity"], finding["evidence"][2])


def test_posix_sender_is_critical_while_no_other_process_has_the_queue_open() -> None:
    name = posix_queue()
    with actors.mq_sending(name) as it:
        finding = the("queues")
        assert finding["evidence"][2].startswith("no other process ")
        assert finding["severity"] == ("critical" if namespace.current().other_uids else "warning")
        assert f"blocked: {it.pid} (" in finding["evidence"][0]
        with actors.mq_opened(name):
            assert "warning" == severity("queues")
    assert calm() == severity("queues")


def test_lock_whose_owner_was_killed_is_critical_and_the_command_gives_it_back() -> None:
    lock = sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, initial_value=1)
    with actors.actor(lock.acquire) as owner:
        with actors.waiting(lock.id):
            assert "ok" == severity("locks"), "its owner lives"
        owner.kill()
        assert "ok" == severity("locks"), "nobody waits"
        with actors.waiting(lock.id) as it:
            finding = the("locks")
            assert ("critical", [f"sem:{lock.id}"]) == (finding["severity"], finding["refs"])
            assert f"value 0, last operation by process {owner.pid}, gone" == finding["evidence"][0]
            assert finding["evidence"][1].startswith(f"waiting on the set: {it.pid} (")
            obey(finding["mend"][-1])
            deadline = time.monotonic() + actors.PATIENCE
            while lock.waiting_for_nonzero:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert "ok" == severity("locks")


def test_semaphore_that_waits_for_its_first_use_is_no_lost_lock() -> None:
    with actors.actor(lambda: sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, initial_value=0)):
        pass  # it was set to 0 by a process that is gone
    with actors.waiting(sysv_ipc.Semaphore(1).id):
        assert "ok" == severity("locks")


def test_ordinary_user_is_told_of_gaps_and_nothing_unseen_is_called_well(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    queue = sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX, mode=0o600)
    closed = sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, mode=0o600, initial_value=1)
    closed.acquire()
    path = namespace.SHM / "psm_gone"
    path.write_bytes(bytes(1 << 20))
    with ExitStack() as staying:
        staying.enter_context(actors.sending(queue.id, uid=0))
        path.chmod(0o644)
        staying.enter_context(actors.mapped(path, uid=bob))
        path.unlink()
        result = run("doctor", "--json", "--check=queues", "--check=locks", "--check=unlinked", uid=alice)
    assert {"queues": "unknown", "locks": "unknown", "unlinked": "unknown"} == {
        finding["check"]: finding["severity"] for finding in read(result)
    }
    assert "could not be looked into" in result.err
    assert ["holders"] == [gap["what"] for gap in json.loads(result.out)["gaps"]]


def test_user_gets_his_own_lock_and_queue_found(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    lock = sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, mode=0o666, initial_value=1)
    with actors.actor(lock.acquire, uid=alice):
        pass
    queue = sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX, mode=0o666)
    with actors.waiting(lock.id, uid=alice), actors.sending(queue.id, uid=alice):
        found = {finding["check"]: finding["severity"] for finding in doctor("queues", "locks", uid=alice)}
    assert {"queues": "critical", "locks": "critical"} == found


def test_unknown_check_is_refused_and_all_are_named() -> None:
    result = run("doctor", "--check", "limits", "--check", "Limits")
    assert (2, "") == result[:2]
    assert f"unknown check 'Limits'\n  hint: checks: {' '.join(CHECKS)}" in result.err


@pytest.mark.parametrize("options", [("--format", "csv"), ("--json", "--format", "plain"), ("extra",), ("--check",)])
def test_wrong_usage_is_refused(options: tuple[str, ...]) -> None:
    assert (2, "") == run("doctor", *options)[:2]


def test_lines_of_a_pipe_and_the_page_of_a_terminal_say_the_same() -> None:
    make_writable()
    lines = run("doctor", columns=40).out
    assert "warning: writable: everybody may write to 6 objects of privileged owners\n    shm:0: 0666" in lines
    assert "\x1b" not in lines
    page = run("doctor", tty=True, columns=80, env={"NO_COLOR": "1"})
    assert 0 == page.code
    assert "\x1b[3" not in page.out
    for line in lines.splitlines():
        if line.startswith("    $ "):
            assert line.strip() in page.out, "a command can be copied whole"
    assert "1 warning, 11 ok" == page.out.splitlines()[-1]
    assert "WARNING" in page.out


def test_check_reads_only_what_it_needs() -> None:
    program = "import sys; from ipcctl.cli.main import main; main(['doctor', '--check', 'mqueue']); print(*sys.modules)"
    loaded = run_program([sys.executable, "-c", program]).out.split()
    assert {"rich", "psutil", "prometheus_client"}.isdisjoint(loaded)
    assert {"ipcctl.policy.checks"} <= set(loaded)
