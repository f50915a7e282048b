"""Killed at any stage, a cleanup that saves leaves each object or its complete file, and nothing gone untold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.act.archive.check import check_archive
from ipcctl.cli.main import main
from ipcctl.kernel.host import Host
from tests.live import namespace
from tests.live.saved import PATTERN, make_segment
from tests.live.traced import traced

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
[defaults]
min_idle = 0
protect = []
save_dir = "{saved}"
action = "{action}"

[[rule]]
name = "all"
users = {uid}
"""


def make_one_of_each() -> None:
    make_segment(5000)
    sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=3)
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).send(PATTERN[:500])
    (namespace.SHM / "x").write_bytes(PATTERN)
    queue = posix_ipc.MessageQueue("/x", posix_ipc.O_CREX, max_messages=1, max_message_size=8)
    queue.send(b"1")
    queue.close()


def present() -> set[str]:
    return {item.ref for items in Host().snapshot().objects.values() for item in items}


@pytest.mark.parametrize("action", ["remove", "save-and-remove"])
def test_cleanup_killed_before_any_of_its_calls_leaves_nothing_untold_or_unsaved(tmp_path: Path, action: str) -> None:
    saved, policy, log = tmp_path / "saved", tmp_path / "policy.toml", tmp_path / "log"
    saved.mkdir(mode=0o700)
    policy.write_text(POLICY.format(saved=saved, action=action, uid=os.getuid()))
    policy.chmod(0o600)
    for call in range(1, 999):
        namespace.enter()
        make_one_of_each()
        before = present()
        for path in (*saved.iterdir(), *tmp_path.glob("log")):
            path.unlink()
        went = traced(lambda: main(["clean", "--policy", str(policy), "--log", str(log)]), kill_at=call)
        gone = before - present()
        whole = {check_archive(str(path)).header.object.ref for path in saved.iterdir() if path.suffix != ".part"}
        told = {json.loads(line)["object"]["ref"] for line in log.read_text().splitlines()} if log.exists() else set()
        assert action == "remove" or gone <= whole, went.calls
        assert gone <= told, went.calls
        if went.code is not None:
            break
    if action == "remove":
        assert (0, set(), set()) == (went.code, present(), whole)
    else:  # the messages of a POSIX queue cannot be read without taking them
        assert (1, {"pmsg:/x"}, gone) == (went.code, present(), whole)
    assert 3 * len(gone) < call
