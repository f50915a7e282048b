"""ipcctl-clean.service: its capabilities and its filter of system calls are enough, and none is there for nothing."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.kernel.host import Host
from tests.live import actors, namespace
from tests.live.users import ALICE

if TYPE_CHECKING:
    from collections.abc import Sequence

UNIT = Path(__file__).parents[2] / "packaging" / "systemd" / "ipcctl-clean.service"
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
POLICY = """
[defaults]
min_idle = 0
save_dir = "{saved}"
action = "save-and-remove"

[[rule]]
name = "alice"
users = {uid}
orphaned = true
"""


def directives(name: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]


CAPABILITIES = [name.removeprefix("CAP_").lower() for name in " ".join(directives("CapabilityBoundingSet")).split()]
SAID = {
    "sys_admin": "without CAP_SYS_ADMIN System V objects of other users cannot be removed",
    "ipc_owner": "without CAP_IPC_OWNER System V objects of other users cannot be looked into or saved",
    "dac_read_search": "without CAP_DAC_READ_SEARCH files of other users can neither be probed nor saved",
    "sys_ptrace": "could not be looked into; root with CAP_SYS_PTRACE sees more",
    "lease": "without CAP_LEASE the kernel does not tell whether files of other users are in use",
}


@pytest.fixture
def command(tmp_path: Path, strangers: tuple[int, int]) -> list[str]:  # noqa: ARG001  skips alike
    """A cleanup, as the unit has it, that finds every kind of object of alice, orphaned."""

    def make() -> None:
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=5000).detach()
        sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX).release()
        sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).send(b"x")
        posix_ipc.MessageQueue("/mine", posix_ipc.O_CREX)
        for name in ("mine", "sem.mine"):
            (namespace.SHM / name).write_bytes(bytes(32))
            (namespace.SHM / name).chmod(0o600)

    actors.as_user(ALICE, make)
    saved, policy = tmp_path / "saved", tmp_path / "policy.toml"
    saved.mkdir(mode=0o700)
    policy.write_text(POLICY.format(saved=saved, uid=ALICE))
    policy.chmod(0o600)
    return [sys.executable, "-m", "ipcctl", "clean", "--policy", str(policy), "--log", str(tmp_path / "log")]


def confined(command: Sequence[str], capabilities: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run with these capabilities only, and where memory is never writable and executable."""
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    bounding = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    return subprocess.run(
        ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", "--no-new-privs", *command],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0),  # an old kernel: -1
    )


def kinds_left() -> set[str]:
    return {kind for kind, items in Host().snapshot().objects.items() if items}


def test_capabilities_of_the_unit_are_enough(command: list[str], tmp_path: Path) -> None:
    done = confined(command, CAPABILITIES)
    assert (0, "", set()) == (done.returncode, done.stderr, kinds_left()), done.stdout
    assert 6 == len(os.listdir(tmp_path / "saved"))


@pytest.mark.parametrize("missing", CAPABILITIES)
def test_what_a_missing_capability_prevents_is_said(command: list[str], missing: str) -> None:
    done = confined(command, [name for name in CAPABILITIES if name != missing])
    all_seen = (
        "no process seen has it open or mapped" in done.stdout
    )  # no lease is needed where nothing is out of sight
    assert kinds_left() or (missing == "lease" and all_seen)
    assert SAID[missing] in done.stderr


def calls_of(group: str) -> set[str]:
    """The system calls of a group such as @system-service, as this systemd has it."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = [line.strip() for line in done.stdout.splitlines()[1:] if not line.lstrip().startswith("#")]
    return {call for name in names for call in (calls_of(name) if name.startswith("@") else {name})}


def test_filter_of_the_unit_lets_every_call_pass(command: list[str], tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze") or not shutil.which("strace"):
        pytest.skip("no systemd-analyze or no strace")
    passed = calls_of("@default") | {"execve"}  # these always do
    for words in directives("SystemCallFilter"):
        some = {call for group in words.removeprefix("~").split() for call in calls_of(group)}
        passed = passed - some if words.startswith("~") else passed | some
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-qq", "-o", trace, *command, "--syslog"], capture_output=True, check=False)
    assert 1 == done.returncode  # there is no system log, but it was looked for
    done = subprocess.run(["strace", "-f", "-qq", "-A", "-o", trace, *command], capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)
    called = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
    assert {"shmctl", "semctl", "msgctl", "renameat2", "fsync", "flock", "connect"} <= called
    assert set() == called - passed


def test_units_are_right_and_lead_to_manual_pages(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze") or not shutil.which("man"):
        pytest.skip("no systemd-analyze or no man")
    manual = tmp_path / "man"
    for page in ("ipcctl-clean.8", "ipcctl-policy.5"):
        (manual / f"man{page[-1]}").mkdir(parents=True, exist_ok=True)
        shutil.copy(UNIT.parents[2] / "man" / page, manual / f"man{page[-1]}")
    for suffix in ("service", "timer"):
        shutil.copy(UNIT.with_suffix(f".{suffix}"), tmp_path)
    units = [str(tmp_path / UNIT.with_suffix(f".{suffix}").name) for suffix in ("service", "timer")]
    environment = os.environ | {"MANPATH": str(manual)}
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, env=environment
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
