"""The scripts of packaging/clean do what they say: run by sh with a squeue that answers, and by a real PAM session."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sysv_ipc

from tests.live import actors, covered
from tests.live.cli import program
from tests.live.test_harness import rows
from tests.live.users import ALICE, BOB

if TYPE_CHECKING:
    from collections.abc import Iterator

CLEAN = Path(__file__).parents[2] / "packaging" / "clean"
OWN, OTHER = 4711, 4712
"""Jobs."""
ACCOUNTS = f"root:x:0:0::/root:/bin/sh\npostgres:x:105:105::/:/bin/sh\nalice:x:{ALICE}:{ALICE}::/:/bin/sh\n"


@pytest.fixture
def accounts(strangers: tuple[int, int]) -> Iterator[None]:  # noqa: ARG001  skips alike
    """An /etc in which alice has a name."""
    with covered.covered(covered.ETC, "passwd", "pam.d"):
        (covered.ETC / "passwd").write_text(ACCOUNTS)
        (covered.ETC / "pam.d").mkdir()
        yield


def script(directory: Path, name: str) -> Path:
    """A copy of an example that keeps its record in `directory` and finds this `ipcctl`."""
    path = directory / name
    text = (CLEAN / name).read_text()
    assert "/var/log" in text
    path.write_text(text.replace("/var/log", str(directory)).replace("\nPATH=", f"\nPATH={program(directory)}:", 1))
    path.chmod(0o755)
    return path


def make_objects() -> dict[str, int]:
    """A queue and a segment of alice, and one of each that is not to be touched."""
    made = {}
    for uid in (ALICE, BOB, 105, 0):
        made[f"queue {uid}"] = actors.as_user(uid, lambda: sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).id)
        made[f"segment {uid}"] = actors.as_user(uid, lambda: sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX).id)
    return made


def left(made: dict[str, int]) -> set[str]:
    ids = {("queue", int(row[1])) for row in rows("msg")} | {("segment", int(row[1])) for row in rows("shm")}
    return {name for name, number in made.items() if (name.split()[0], number) in ids}


@pytest.mark.parametrize(
    ("squeue", "user", "said"),
    [
        ("", "alice", ""),
        (f"echo {OWN}", "alice", ""),  # the job that ends may still be listed
        (f"echo {OTHER}", "alice", f"alice has job {OTHER} here"),
        (f"echo {OWN}; echo {OTHER}", "alice", f"alice has job {OTHER} here"),
        ("exit 1", "alice", "squeue failed"),
        (f"echo {OWN}; exit 1", "alice", "squeue failed"),
        (None, "alice", "squeue failed"),
        ("", "root", "root is a system user"),
        ("", "postgres", "postgres is a system user"),
        ("", "nobody-here", "no user nobody-here"),
        ("", "", "SLURM_JOB_USER is not set"),
    ],
)
@pytest.mark.usefixtures("accounts")
def test_slurm_epilog_removes_what_the_last_job_left(tmp_path: Path, squeue: str | None, user: str, said: str) -> None:
    made = make_objects()
    epilog = script(tmp_path, "slurm-epilog")
    if squeue is not None:
        fake = tmp_path / "bin" / "squeue"
        fake.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/asked\n{squeue}\n')
        fake.chmod(0o755)
    variables = {"SLURM_JOB_USER": user, "SLURM_JOB_ID": str(OWN), "SLURMD_NODENAME": "n17"}
    with actors.attached(made[f"segment {ALICE}"]):
        done = subprocess.run([epilog], env=variables, capture_output=True, text=True, check=False)
    assert 0 == done.returncode  # anything else drains the node
    gone = set(made) - left(made)
    if said:
        assert (set(), f"ipcctl epilog: {said}; nothing was removed\n") == (gone, done.stderr.splitlines(True)[-1])
    else:
        assert ({f"queue {ALICE}"}, "1 kept, 1 removed\n", "") == (gone, done.stderr, done.stdout)
        assert "--user=alice --nodelist=n17" in (tmp_path / "asked").read_text()
        assert 2 == (tmp_path / "ipcctl-epilog.log").read_text().count(f'"ref": "msg:{made[f"queue {ALICE}"]}"')


@pytest.mark.parametrize(
    ("kind", "user"),
    [
        ("close_session", "alice"),
        ("open_session", "alice"),
        ("close_session", "root"),
        ("close_session", "postgres"),
        ("close_session", "nobody-here"),
        ("close_session", None),
    ],
)
@pytest.mark.usefixtures("accounts")
def test_session_end_acts_on_the_end_of_a_session_of_a_person(tmp_path: Path, kind: str, user: str | None) -> None:
    made = make_objects()
    variables = {"PAM_TYPE": kind} | ({} if user is None else {"PAM_USER": user})
    done = subprocess.run([script(tmp_path, "pam-session-end")], env=variables, capture_output=True, check=False)
    acts = (kind, user) == ("close_session", "alice")
    assert (0, b"") == (done.returncode, done.stdout)
    assert [b"1 removed", b"1 object could not be judged (ipcctl ls --verdict)"] * acts == done.stderr.splitlines()
    assert ({f"segment {ALICE}"} if acts else set()) == set(made) - left(made)  # the queue has nobody on record


@pytest.mark.usefixtures("accounts")
def test_session_end_is_run_by_a_real_session(tmp_path: Path) -> None:
    modules = list(Path("/lib").glob("*/security/pam_exec.so"))
    if not shutil.which("su") or not modules:
        pytest.skip("no su or no pam_exec")
    made = make_objects()
    (covered.ETC / "pam.d" / "su").write_text(
        "auth required pam_permit.so\naccount required pam_permit.so\n"
        f"session optional pam_exec.so quiet {script(tmp_path, 'pam-session-end')}\n"
    )
    done = subprocess.run(
        ["su", "alice", "-c", "ipcmk -M 100 >/dev/null && ipcs -m | grep -c ^0x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "5\n") == (done.returncode, done.stdout), done.stderr
    assert {f"segment {ALICE}"} == set(made) - left(made)
    assert 3 == len(rows("shm"))  # the one of the session went too
