"""Clean on real objects: what the policy says and no more, one run at a time, nothing without its record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sysv_ipc

from ipcctl.kernel.lock import only_run
from tests.live import actors, users
from tests.live.cli import run
from tests.live.test_harness import rows

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


def test_policy_that_others_can_write_is_refused(policy: Path) -> None:
    make(1)
    policy.chmod(0o666)
    result = run("clean", "--policy", policy)
    assert (1, 1) == (result.code, len(rows("msg")))
    assert "others can write" in result.err


def test_limit_stops_a_run_before_anything_is_removed(policy: Path) -> None:
    make(3)
    policy.write_text(policy.read_text().replace("[defaults]", "[defaults]\nmax_objects = 2"))
    result = run("clean", "--policy", policy)
    assert (1, 3) == (result.code, len(rows("msg")))
    assert "it would remove 3 objects, max_objects is 2; nothing was removed" in result.err


def test_second_run_leaves_at_once(policy: Path) -> None:
    make(1)
    with only_run("clean", wait=False):
        result = run("clean", "--policy", policy)
    assert (1, 1) == (result.code, len(rows("msg")))
    assert f"another run is under way (process {os.getpid()})" in result.err
    assert 0 == run("clean", "--policy", policy).code


KILLED_AT = (
    "import os, signal, sys, ipcctl.act.record as r, ipcctl.act.remove as m, ipcctl.cli.main as c\n"
    "left = [int(sys.argv.pop(1))]\n"
    "def wrap(place, name):\n"
    "    old = getattr(place, name)\n"
    "    def new(*a):\n"
    "        left[0] -= 1\n"
    "        if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
    "        try: return old(*a)\n"
    "        finally:\n"
    "            left[0] -= 1\n"
    "            if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
    "    setattr(place, name, new)\n"
    "wrap(r.Record, '_write'); wrap(m.Remover, '_system_v')\n"
    "sys.exit(c.main())\n"
)


@pytest.mark.parametrize("point", range(1, 13))
def test_kill_at_any_point_leaves_no_removal_without_record(policy: Path, tmp_path: Path, point: int) -> None:
    make(2)
    refs = {f"msg:{row[1]}" for row in rows("msg")}
    words = [str(point), "clean", "--policy", str(policy), "--log", str(tmp_path / "log")]
    done = subprocess.run([sys.executable, "-c", KILLED_AT, *words], check=False, capture_output=True)
    assert -signal.SIGKILL == done.returncode
    gone = refs - {f"msg:{row[1]}" for row in rows("msg")}
    log = tmp_path / "log"
    told = {json.loads(line)["object"]["ref"] for line in log.read_text().splitlines()} if log.exists() else set()
    assert gone <= told
