"""Real programs and their objects: alive, stopped, killed. Nothing that one of them needs may be called orphaned."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.here import command as here
from tests.live import programs
from tests.live.cli import TIMEOUT, run
from tests.live.examined import doctor
from tests.live.users import ALICE, BOB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("strangers")  # postgres and www-data are other users


def judged(uid: int | None = None) -> dict[str, tuple[str, str]]:
    """The verdict on every object and whose it is, as root or somebody else sees it."""
    result = run("ls", "--verdict", "--json", "-o", "ref,verdict,producer", uid=uid)
    assert 0 == result.code, result.err
    return {item["ref"]: (item["verdict"], item["producer"]) for item in json.loads(result.out)["objects"]}


def verdicts(uid: int | None = None) -> set[str]:
    return {verdict for verdict, _ in judged(uid).values()}


LEFT_OR_STUCK = ("orphans", "dest", "unlinked", "queues", "locks")


def assert_needed(*uids: int) -> None:
    """There are objects, none is orphaned in anybody's eyes, doctor finds no fault and rm --orphaned takes none."""
    before = judged()
    assert before
    for uid in (None, BOB, *uids):
        assert "orphaned" not in verdicts(uid), judged(uid)
    assert "nothing matches; nothing was removed\n" == here("rm", "--orphaned", "--min-idle=0s", "--yes").err
    assert before.keys() == judged().keys()
    assert {"ok"} == {finding["severity"] for finding in doctor(*LEFT_OR_STUCK)}, doctor(*LEFT_OR_STUCK)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    with programs.cluster() as directory:
        yield directory


@pytest.mark.parametrize("memory", ["posix", "sysv"])
def test_running_postgres_holds_all_it_has_and_leaves_nothing_when_stopped(cluster: Path, memory: str) -> None:
    with programs.postgres(cluster, f"dynamic_shared_memory_type={memory}") as server:
        assert {("in-use", "postgresql")} == set(judged().values())
        assert_needed(programs.account("postgres").pw_uid)
        assert "removed" not in here("rm", "--all", "--yes").err.replace("nothing was removed", "")
        assert "2" == programs.ask_postgres(cluster, "select 1 + 1")
        server.stop(signal.SIGINT)
        assert {} == judged()


@pytest.mark.parametrize("memory", ["posix", "sysv"])
def test_killed_postgres_leaves_orphans_that_go(cluster: Path, memory: str) -> None:
    with programs.postgres(cluster, f"dynamic_shared_memory_type={memory}") as server:
        segment = next(ref for ref in judged() if ref.startswith("shm:"))
        server.kill()
        assert {("orphaned", "postgresql")} == set(judged().values())
        assert {segment} <= judged(BOB).keys(), "nattch is for everybody to see"
        assert "orphaned" == judged(BOB)[segment][0]
        assert segment in here("ls", "--orphaned", "--producer=postgresql", "-o", "ref", "--no-headings").out.split()
        assert 0 == here("rm", "--orphaned", "--min-idle=0s", "--yes").code
        assert {} == judged()


def test_backend_that_outlives_its_postmaster_keeps_what_it_has(cluster: Path) -> None:
    with programs.postgres(cluster) as server:
        workers = server.workers
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        server.process.kill()
        server.process.wait(TIMEOUT)
        try:
            assert_needed(programs.account("postgres").pw_uid)
        finally:
            programs.kill(workers)
        assert {"orphaned"} == verdicts()


def test_semaphores_of_apache_are_needed_as_long_as_one_of_its_processes_lives() -> None:
    with programs.apache() as server:
        assert {("in-use", "apache"), ("idle", "apache")} == set(judged().values())
        assert_needed(programs.account("www-data").pw_uid)
        assert "semop" in here("ps", "-o", "call,comm", "--user", "www-data").out
        before = server.workers
        programs.kill(before)  # it starts others
        deadline = time.monotonic() + TIMEOUT
        while not (orphans := [pid for pid in server.workers if pid not in before]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.process.kill()
        server.process.wait(TIMEOUT)
        try:
            assert_needed(programs.account("www-data").pw_uid)
        finally:
            programs.kill(orphans)
        assert {("orphaned", "apache")} == set(judged().values())
        assert 2 == len(here("ls", "sem", "--orphaned", "--user=www-data", "--no-headings").out.splitlines())


def test_apache_that_is_stopped_leaves_nothing() -> None:
    with programs.apache() as server:
        server.stop(signal.SIGTERM)
        assert {} == judged()


SHARED_MEMORY = """
import sys, time
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(create=True, size=5000)
print("ready", file=sys.stderr, flush=True)
time.sleep(600)
"""
SEMAPHORE = """
import multiprocessing, sys, time
lock = multiprocessing.get_context("spawn").Lock()
print("ready", file=sys.stderr, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("program", "kind"), [(SHARED_MEMORY, "pshm"), (SEMAPHORE, "psem")])
@pytest.mark.parametrize("uid", [None, ALICE])
def test_memory_and_locks_of_multiprocessing_are_needed_until_it_is_killed(
    program: str, kind: str, uid: int | None
) -> None:
    with programs.python(program, uid) as it:
        (ref,) = judged()
        assert ref.startswith(f"{kind}:/")
        assert ("in-use", "python") == judged()[ref]
        assert_needed(ALICE)
        it.kill()  # its resource tracker too, which would tidy up
        assert {ref: ("orphaned", "python")} == judged()
        assert ("orphaned" if uid == ALICE else "unknown") == judged(ALICE)[ref][0], "exact for his own"
        assert 0 == here("rm", "--orphaned", "--producer=python", "--min-idle=0s", "--yes").code
        assert {} == judged()
