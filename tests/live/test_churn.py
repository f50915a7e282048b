"""ls and rm while another process creates and removes objects as fast as it can."""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections import Counter, deque
from pathlib import Path

import posix_ipc

from tests.live import namespace
from tests.live.actors import actor
from tests.live.cli import run
from tests.live.population import libc, rows

SECONDS = float(os.environ.get("IPCCTL_CHURN_SECONDS", "6"))
"""The minute is run with IPCCTL_CHURN_SECONDS=60."""
MIX = {"msg": 8000, "sem": 8000, "shm": 1900, "pshm": 1000, "psem": 1000, "pmsg": 100}
"""20,000 objects alive at any moment; the oldest of a kind goes when a new one comes."""
VICTIM = 7
"""One object in so many has a key 0x7a... or a name victim-..., which is what rm is told to remove."""
CREX = 0o3600
ENOENT, EINVAL, EIDRM, EEXIST = 2, 22, 43, 17

libc.mq_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p]


class Churner:
    """Makes and removes objects, and counts those that somebody else had removed though nobody named them."""

    def __init__(self) -> None:
        self.alive: dict[str, deque[tuple[int | str, bool]]] = {kind: deque() for kind in MIX}
        self.count = 0
        self.lost = 0
        self.victims_lost = 0
        self.small = (ctypes.c_long * 8)(0, 1, 1)

    def fill(self) -> None:
        for kind, wanted in MIX.items():
            for _ in range(wanted):
                self.create(kind)

    def for_ever(self, report: Path) -> None:
        """Go round the kinds, each as often as it has objects, and keep `report` up to date."""
        kinds = [kind for kind, wanted in MIX.items() for _ in range(wanted // 100)]
        while True:
            for kind in kinds:
                self.remove(kind)
                self.create(kind)
            draft = report.with_suffix(".draft")
            draft.write_text(json.dumps([self.count, self.lost, self.victims_lost]))
            draft.replace(report)

    def create(self, kind: str) -> None:
        self.count += 1
        named = self.count % VICTIM == 0
        key = ctypes.c_int((0x7A000000 if named else 0x11000000) + self.count % 0xFFFFFF).value
        name = f"{'victim' if named else 'other'}-{self.count}"
        if kind == "msg":
            made: int | str = libc.msgget(key, CREX)
        elif kind == "sem":
            made = libc.semget(key, 1, CREX)
        elif kind == "shm":
            made = libc.shmget(key, 1, CREX)
        elif kind == "pmsg":
            descriptor = libc.mq_open(b"/" + name.encode(), os.O_CREAT | os.O_RDWR, 0o600, bytes(self.small))
            os.close(descriptor)
            made = name
        else:
            path = namespace.SHM / ("sem." * (kind == "psem") + name)
            path.write_bytes(bytes(32))
            made = str(path)
        assert made != -1, os.strerror(ctypes.get_errno())
        self.alive[kind].append((made, named))

    def remove(self, kind: str) -> None:
        made, named = self.alive[kind].popleft()
        gone = False
        if kind == "pmsg":
            try:
                posix_ipc.unlink_message_queue(f"/{made}")
            except posix_ipc.ExistentialError:
                gone = True
        elif isinstance(made, str):
            try:
                os.unlink(made)
            except FileNotFoundError:
                gone = True
        else:
            call = {"msg": lambda: libc.msgctl(made, 0, None), "sem": lambda: libc.semctl(made, 0, 0, 0)}
            gone = call.get(kind, lambda: libc.shmctl(made, 0, None))() == -1
        self.lost += gone and not named
        self.victims_lost += gone and named


def keep_still() -> set[str]:
    """Objects of every kind that nobody touches."""
    libc.msgget(0x22000001, CREX)
    libc.semget(0x22000001, 3, CREX)
    libc.shmget(0x22000001, 100, CREX)
    (namespace.SHM / "still").write_bytes(b"x")
    (namespace.SHM / "sem.still").write_bytes(bytes(32))
    posix_ipc.MessageQueue("/still", posix_ipc.O_CREX).close()
    return {"msg:0", "sem:0", "shm:0", "pshm:/still", "psem:/still", "pmsg:/still"}


def test_nothing_unnamed_is_removed_and_nothing_breaks_while_20_000_objects_churn(tmp_path: Path) -> None:
    still, report = keep_still(), tmp_path / "report"
    churner = Churner()
    results: Counter[str] = Counter()
    listed = 0
    with actor(churner.fill, sleep=lambda: churner.for_ever(report)) as churning:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            shown = run("ls", "--json")
            assert (0, "") == (shown.code, shown.err)
            refs = [item["ref"] for item in json.loads(shown.out)["objects"]]
            assert still <= set(refs)
            listed += len(refs)
            results["ls"] += 1
            assert "Traceback" not in run("ls").err
            for options in (["--key", "0x7a*"], ["--name", "victim-*"]):
                removed = run("rm", *options, "--yes", "--json")
                assert 0 == removed.code, removed.err
                for item in json.loads(removed.out)["objects"]:
                    assert item.get("key", item.get("name", "")).startswith(("0x7a", "/victim-"))
                    results[item["result"]] += 1
            for command in (["users", "--json"], ["limits", "--json"]):
                assert 0 == run(*command).code
        assert "State:\tZ" not in Path(f"/proc/{churning.pid}/status").read_text(), "the churner gave up"
        made, lost, victims_lost = json.loads(report.read_text())
    print(f"{made} objects made, {lost} lost, {victims_lost} victims found gone; {listed} listed; {dict(results)}")  # noqa: T201
    assert made > sum(MIX.values())
    assert 0 == lost
    assert results["removed"] > 0
    assert 0 < victims_lost <= results["removed"]
    assert len(rows("msg")) > 1000
    assert set(results) <= {"ls", "removed", "already gone", "kept"}
    if results["kept"]:
        assert results["kept"] < results["removed"]
