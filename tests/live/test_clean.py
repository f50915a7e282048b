"""Clean on real objects: what the policy says and no more, one run at a time, nothing without its record."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors, covered, namespace, users
from tests.live.cli import program, run
from tests.live.test_harness import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRON = Path(__file__).parents[2] / "packaging" / "cron.d" / "ipcctl-clean"

EXAMPLE = Path(__file__).parents[2] / "packaging" / "clean" / "policy.toml"
POLICY = (
    "[defaults]\nmin_idle = 0\nprotect = []\n"
    '[[rule]]\nname = "queues"\nkinds = "msg"\nusers = {users}\naction = "remove"\n'
)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(users=os.getuid()))
    path.chmod(0o600)
    return path


def make(count: int) -> None:
    for _ in range(count):
        sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)


def test_example_policy_is_accepted(tmp_path: Path) -> None:
    copy = tmp_path / "policy.toml"
    copy.write_text(EXAMPLE.read_text())
    copy.chmod(0o600)
    result = run("policy", "check", copy)
    assert (0, "") == (result.code, result.err)


def test_empty_environment_removes_exactly_what_check_announced(policy: Path, strangers: tuple[int, int]) -> None:
    make(3)
    sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX)
    for uid in strangers:
        actors.as_user(uid, lambda: make(2))
    assert "3 to remove" in run("policy", "check", policy).out
    command = ["env", "-i", sys.executable, "-c", f"import sys; sys.path.insert(0, {str(users.package_root())!r})"]
    command[-1] += "; from ipcctl.cli.main import main; sys.exit(main())"
    done = subprocess.run([*command, "clean", "--policy", policy], check=False, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert (4, 1) == (len(rows("msg")), len(rows("sem")))


def test_real_cron_removes_exactly_what_check_announced(tmp_path: Path, strangers: tuple[int, int]) -> None:
    if not shutil.which("cron"):
        pytest.skip("cron is not installed")
    alice, bob = strangers
    for uid in (*strangers, os.getuid()):
        actors.as_user(uid, lambda: make(2))
        (namespace.SHM / f"torch_9999999_{uid}").touch()
        os.chown(namespace.SHM / f"torch_9999999_{uid}", uid, uid)
    sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX)
    text = POLICY.format(users=f"[{alice}, {bob}]") + (
        f'[[rule]]\nname = "files"\nproducer = "pytorch"\nusers = {alice}\norphaned = true\naction = "remove"\n'
    )
    line = CRON.read_text().replace("#17 * * * *", "@reboot").replace("/var/log", str(tmp_path)).rstrip("\n")
    assert ("@reboot" in line, f"--log {tmp_path}" in line) == (True, True)
    os.mkfifo(tmp_path / "done")
    with covered.covered(covered.ETC, "cron.d", "crontab", "ipcctl"), covered.covered(Path("/run")):
        etc = {
            "crontab": "",
            "cron.d/ipcctl-clean": f'MAILTO=""\n{line}; echo $? >{tmp_path}/done\n'.replace(
                "\nPATH=", f"\nPATH={program(tmp_path)}:"
            ),
            "ipcctl/policy.toml": text,
        }
        for name, content in etc.items():
            (covered.ETC / name).parent.mkdir(exist_ok=True)
            (covered.ETC / name).write_text(content)
        told = json.loads(run("policy", "check", "/etc/ipcctl/policy.toml", "--json").out)
        before = objects()
        done = os.open(tmp_path / "done", os.O_RDONLY | os.O_NONBLOCK)
        daemon = subprocess.Popen(["cron", "-f", "-L", "0"], stderr=subprocess.DEVNULL)
        try:
            assert select.select([done], [], [], 60)[0]
            assert b"0\n" == os.read(done, 9)
        finally:
            os.close(done)
            daemon.terminate()
            daemon.wait()
    record = [json.loads(line) for line in (tmp_path / "ipcctl-clean.log").read_text().splitlines()]
    removed = {line["object"]["ref"]: line["rule"] for line in record if line["result"] == "removed"}
    assert before - objects() == set(removed)
    assert {rule["rule"]: rule["would_remove"] for rule in told["rules"]} == dict(Counter(removed.values()))
    assert {"queues": 4, "files": 1} == dict(Counter(removed.values()))


def objects() -> set[str]:
    return {row["ref"] for row in json.loads(run("ls", "--json").out)["objects"]}


@pytest.mark.parametrize(
    ("limit", "said"),
    [("max_objects = 2", "3 objects, max_objects is 2"), ("max_bytes = 11", "12 bytes, max_bytes is 11")],
)
def test_limit_stops_a_run_before_anything_is_removed(policy: Path, limit: str, said: str) -> None:
    for _ in range(3):
        sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).send(b"1234")
    policy.write_text(policy.read_text().replace("[defaults]", f"[defaults]\n{limit}"))
    for dry in ([], ["--dry-run"]):
        result = run("clean", "--policy", policy, *dry)
        assert (1, 3) == (result.code, len(rows("msg")))
        assert f"it would remove {said}; nothing was removed" in result.err
        assert 3 == result.out.count("would remove")


def test_dry_run_writes_nothing_but_the_plan(policy: Path, tmp_path: Path) -> None:
    make(2)
    files = (f"--log={tmp_path / 'log'}", f"--textfile={tmp_path / 'clean.prom'}", "--syslog")
    result = run("clean", "--policy", policy, "--dry-run", *files)
    assert (0, "", 2) == (result.code, result.err, result.out.count("would remove"))
    assert (2, ["policy.toml"]) == (len(rows("msg")), os.listdir(tmp_path))


def test_what_is_in_use_is_kept_of_every_kind(policy: Path, mqueue: Path) -> None:
    text = policy.read_text().replace('kinds = "msg"\n', "")
    policy.write_text(text)
    segment = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX)
    semaphores, queue = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX), sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    posix_ipc.MessageQueue("/used", posix_ipc.O_CREX).close()
    for name in ("used", "sem.used"):
        (namespace.SHM / name).write_bytes(bytes(32))
    with (
        actors.attached(segment.id),
        actors.waiting(semaphores.id),
        actors.receiving(queue.id),
        actors.mapped(namespace.SHM / "used"),
        actors.opened(namespace.SHM / "sem.used"),
        actors.mq_opened("/used"),
    ):
        segment.detach()
        before = objects()
        kept = json.loads(run("clean", "--policy", policy, "--json").out)["objects"]
        assert before == objects() == {row["ref"] for row in kept}
    assert [("kept", True)] * 6 == [(row["result"], row["why"].startswith("in-use: ")) for row in kept]
    assert 0 == run("clean", "--policy", policy).code
    assert set() == objects()
    assert [] == os.listdir(mqueue)


@contextlib.contextmanager
def held_up(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[], str]]]:
    """A run that has begun to remove and goes on when its record is read; calling the second lets it end."""
    make(100)  # more lines than a socket holds
    with covered.system_log() as listening:
        command = [sys.executable, "-m", "ipcctl", "clean", "--syslog", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def finish() -> str:
            reading = threading.Thread(
                target=lambda: [None for _ in iter(lambda: listening.recv(65536), b"")], daemon=True
            )
            reading.start()
            out = process.communicate(timeout=60)[0]
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"", "/dev/log")
            reading.join()
            return out

        listening.recv(65536)
        try:
            yield process, finish
        finally:
            process.kill()
            process.communicate()


def test_second_run_leaves_at_once_and_one_that_waits_comes_next(policy: Path) -> None:
    with held_up("--policy", policy) as (first, finish):
        second = run("clean", "--policy", policy)
        assert (1, "") == (second.code, second.out)
        assert f"another run is under way (process {first.pid}); nothing was done" in second.err
        assert "--wait" in second.err
        assert 0 == run("clean", "--policy", policy, "--dry-run").code  # which needs no lock
        command = [sys.executable, "-m", "ipcctl", "clean", "--policy", str(policy), "--wait", "--json"]
        third = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not re.search(rf"-> FLOCK .* {third.pid} ", Path("/proc/locks").read_text()):
            assert third.poll() is None
            time.sleep(0.01)
        make(1)  # it looks only when its turn has come
        assert 100 == finish().count("removed")
        assert 0 == first.returncode
        out, err = third.communicate(timeout=60)
    assert f"ipcctl: another run is under way (process {first.pid}); waiting\n" in err
    assert (0, ["removed"]) == (third.returncode, [it["result"] for it in json.loads(out)["objects"]])
    assert [] == rows("msg")


def saving(policy: Path, directory: Path) -> None:
    text = policy.read_text().replace('"remove"', f'"save-and-remove"\nsave_dir = "{directory}"')
    policy.write_text(text)


def test_saves_before_it_removes(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir(mode=0o700)
    saving(policy, tmp_path / "saved")
    sysv_ipc.MessageQueue(0x2A, sysv_ipc.IPC_CREX).send(b"kept for ever", type=7)
    done = run("clean", "--policy", policy, "--json", "--log", tmp_path / "log")
    (removed,) = json.loads(done.out)["objects"]
    assert ([], removed["saved"]) == (rows("msg"), json.loads((tmp_path / "log").read_text().splitlines()[1])["saved"])
    assert 0 == run("restore", removed["saved"]).code
    assert (b"kept for ever", 7) == sysv_ipc.MessageQueue(0x2A).receive()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (None, "cannot save into {}: No such file or directory"),
        (0o777, "save directory not trusted: others can write {}"),
    ],
)
def test_save_directory_that_is_missing_or_in_other_hands_stops_the_run(
    policy: Path, tmp_path: Path, mode: int | None, said: str
) -> None:
    make(1)
    directory = tmp_path / "saved"
    if mode is not None:
        directory.mkdir()
        directory.chmod(mode)
    saving(policy, directory)
    result = run("clean", "--policy", policy)
    assert (1, "", 1) == (result.code, result.out, len(rows("msg")))
    assert said.format(directory) in result.err


def test_save_directory_that_vanishes_meanwhile_keeps_what_is_not_saved(policy: Path, tmp_path: Path) -> None:
    directory = tmp_path / "saved"
    directory.mkdir(mode=0o700)
    saving(policy, directory)
    with held_up("--policy", policy) as (process, finish):
        saved = list(directory.glob("*.ipcctl"))
        shutil.rmtree(directory)
        out = finish()
    left = len(rows("msg"))
    assert (1, left) == (process.returncode, out.count("not saved, so not removed: "))
    assert f"{directory} was removed meanwhile" in out
    assert 0 < left <= 100 - len(saved)
