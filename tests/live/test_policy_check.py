"""What `policy check` says is what `clean` does, and what it cannot read it refuses."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from tests.live import actors, namespace
from tests.live.cli import run
from tests.live.test_harness import rows

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
[defaults]
min_idle = 0
protect = []
max_objects = {limit}

[[protect]]
name = "licence-server"
keys = ["0x4c49*"]

[[rule]]
name = "segments"
kinds = "shm"
users = {uid}
action = "remove"

[[rule]]
name = "queues"
kinds = ["msg", "pmsg"]
users = {uid}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(uid=os.getuid(), limit=1000))
    path.chmod(0o600)
    return path


def test_check_counts_what_a_run_then_does(policy: Path) -> None:
    for key in (0x4C490001, 1, 2, 3):
        sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, size=4096).detach()
    held = sysv_ipc.SharedMemory(4, sysv_ipc.IPC_CREX, size=4096)
    sysv_ipc.MessageQueue(5, sysv_ipc.IPC_CREX)
    with actors.attached(held.id):
        held.detach()
        told = run("policy", "check", policy)
        document = json.loads(run("policy", "check", policy, "--json").out)
        done = json.loads(run("clean", "--policy", policy, "--json").out)["objects"]
    expected = {
        "segments": {"would_remove": 3, "reported": 0, "in_use": 1, "protected": 1},
        "queues": {"would_remove": 0, "reported": 1, "in_use": 0, "protected": 0},
    }
    words = ("would_remove", "reported", "in_use", "protected")
    assert expected == {rule["rule"]: {word: rule[word] for word in words} for rule in document["rules"]}
    assert "  now: 3 to remove, 1 to keep: in use, 1 to keep: protected\n" in told.out
    assert "  now: 1 to report\n" in told.out
    assert ["kept", "kept", "removed", "removed", "removed", "reported"] == sorted(it["result"] for it in done)
    assert (1, 1000, None) == tuple(document[name] for name in ("version", "max_objects", "max_bytes"))
    assert (["licence-server"], str(policy)) == tuple(document[it] for it in ("protected", "policy"))
    if namespace.sees_everybody():
        assert [] == document["gaps"]
    assert ["shm"] == document["rules"][0]["kinds"]
    assert document["rules"][0]["says"] in told.out
    (warning,) = document["warnings"]
    assert f"ipcctl: warning: {warning}\n" == told.err


def test_check_warns_that_a_limit_would_stop_the_run(policy: Path) -> None:
    policy.write_text(POLICY.format(uid=os.getuid(), limit=1))
    for _ in range(2):
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096).detach()
    result = run("policy", "check", policy)
    assert 0 == result.code
    assert "as things are it would remove 2 objects, max_objects is 1: it would stop" in result.err


def test_lines_are_broken_between_words_on_a_terminal(policy: Path) -> None:
    piped, shown = run("policy", "check", policy), run("policy", "check", policy, tty=True, columns=50)
    for whole, broken in ((piped.out, shown.out), (piped.err, shown.err)):
        assert max(map(len, broken.splitlines())) <= 50 < max(map(len, whole.splitlines()))
        assert whole.split() == broken.split()


@pytest.mark.parametrize("what", ["missing", "directory", "fifo", "binary"])
@pytest.mark.parametrize("command", [["policy", "check"], ["clean", "--policy"]])
def test_what_is_no_policy_file_is_refused(tmp_path: Path, command: list[str], what: str) -> None:
    sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    path = tmp_path / what
    if what == "directory":
        path.mkdir(mode=0o700)
    elif what == "fifo":
        os.mkfifo(path, 0o600)
    elif what == "binary":
        path.write_bytes(b"[defaults]\n\xff\xfe")
        path.chmod(0o600)
    said = {
        "missing": f"cannot read the policy {path}: No such file or directory",
        "directory": f"cannot read the policy {path}: Is a directory",
        "fifo": f"cannot read the policy {path}: it is no regular file",
        "binary": f"{path}:2: no TOML: byte 0xff is not UTF-8",
    }
    with open(path, "r+b", buffering=0) if what == "fifo" else open(os.devnull, "rb"):
        result = run(*command, path)
    assert (2, "", 1) == (result.code, result.out, len(rows("msg")))
    assert result.err.startswith(f"ipcctl: {said[what]}\n  hint: ")


@pytest.mark.parametrize("name", ["policy", "directory on the way"])
def test_policy_that_somebody_else_could_change_is_refused_as_root(
    tmp_path: Path, policy: Path, name: str, strangers: tuple[int, int]
) -> None:
    sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096).detach()
    if name == "policy":
        os.chown(policy, strangers[0], -1)
    else:
        tmp_path.chmod(0o777)
    for command in (["policy", "check"], ["clean", "--policy"]):
        result = run(*command, policy)
        assert (1, 1) == (result.code, len(rows("shm")))
        assert "policy file not trusted: " in result.err
    tmp_path.chmod(0o700)


def test_ordinary_user_cleans_his_own_by_his_own_policy(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    for uid in strangers:
        actors.as_user(uid, lambda: sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).id)
    policy = namespace.SHM / "policy.toml"  # where everybody can read
    policy.write_text(POLICY.format(uid=f"[{alice}, {bob}]", limit=9).replace('pmsg"]', 'pmsg"]\naction = "remove"'))
    policy.chmod(0o666)
    result = run("clean", "--policy", policy, uid=alice)
    assert (1, [str(bob)]) == (result.code, [row[7] for row in rows("msg")])
    assert "only its owner, its creator or root may remove it" in result.out


def test_help_of_the_group_is_not_cut() -> None:
    (line,) = run("policy", "--help").out.split("Commands:\n")[1].splitlines()
    assert "..." not in line
