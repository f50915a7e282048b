"""Run doctor and read what it finds; do what it recommends."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sysv_ipc

from tests.live import namespace
from tests.live.cli import run

if TYPE_CHECKING:
    from tests.live.cli import Result


def doctor(*checks: str, uid: int | None = None) -> list[dict[str, Any]]:
    """What the checks of these names find; the exit status must fit."""
    return read(run("doctor", "--json", *(f"--check={check}" for check in checks), uid=uid))


def read(result: Result) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(result.out)["findings"]
    critical = any(finding["severity"] == "critical" for finding in findings)
    assert int(critical) == result.code, result.err
    return findings


def the(check: str, uid: int | None = None) -> dict[str, Any]:
    (finding,) = doctor(check, uid=uid)
    assert check == finding["check"]
    return finding


def severity(check: str, uid: int | None = None) -> str:
    return str(the(check, uid)["severity"])


def obey(command: str) -> None:
    """Run a command that doctor gave, as a person would paste it."""
    name = shlex.split(command)[0]
    if name == "sysctl":  # procps may be missing: what it writes is what counts
        key, _, value = shlex.split(command)[2].partition("=")
        set_limit(key.replace(".", "/"), value)
        return
    if name == "ipcctl":
        done = run(*shlex.split(command)[1:], "--yes")
        assert 0 == done.code, done.err
        return
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    subprocess.run(["sh", "-euc", command], check=True)


def set_limit(name: str, value: str) -> None:
    """Write a limit of this IPC namespace."""
    try:
        Path(f"/proc/sys/{name}").write_text(value)
    except PermissionError:
        pytest.skip("this kernel lets only real root change the limits of an IPC namespace")


def make_writable() -> list[str]:
    """One object of each kind that everybody may write."""
    sysv_ipc.SharedMemory(1, sysv_ipc.IPC_CREX, mode=0o666, size=1).detach()
    sysv_ipc.Semaphore(1, sysv_ipc.IPC_CREX, mode=0o602)
    sysv_ipc.MessageQueue(1, sysv_ipc.IPC_CREX, mode=0o622)
    for path in (namespace.SHM / "it's", namespace.SHM / "sem.\x1b x", namespace.current().mqueue / "q"):
        path.touch()
        if path.parent == namespace.SHM:
            path.write_bytes(bytes(32))
        path.chmod(0o666)
    return ["shm:0", "sem:0", "msg:0", "pshm:/it's", r"psem:/\x1b x", "pmsg:/q"]
