"""`pytest --ipc-leaks`: which test left what behind, as its own run of pytest says it."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live import cli, namespace
from tests.live.leaky import IN_CHILD, IN_DAEMON, QUEUE_HELD, SEGMENT, SIX

pytest_plugins = ["pytester"]

REPORT, FAIL = "--ipc-leaks=report", "--ipc-leaks=fail"
SIX_KINDS = ["msg", "pmsg", "psem", "pshm", "sem", "shm"]
CLEAN = """
def test_clean():
    import sysv_ipc
    sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1).remove()
"""
SEGMENT_FIXTURE = """
import pytest, sysv_ipc

@pytest.fixture(scope="{scope}")
def held():
    segment = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096)
    segment.detach()
    yield
    {ending}

def test_first(held):
    pass

def test_second(held):
    pass
"""
SERVER = """
import pytest, subprocess, sys

SERVER = '''
import sys, sysv_ipc
for _ in sys.stdin:
    segment = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=65536)
    print("made", flush=True)
{ending}
'''

@pytest.fixture(scope="session")
def server():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.stdin.close()

def test_first(server):
    server.stdin.write("go\\n")
    server.stdin.flush()
    assert "made\\n" == server.stdout.readline()

def test_second():
    pass
"""


def function(code: str, name: str = "test_leak") -> str:
    body = "\n".join(f"    {line}" for line in code.splitlines())
    return f"def {name}():\n{body}\n"


def found(result: pytest.RunResult, word: str = "LEFT") -> list[tuple[str, str]]:
    """Who left a thing behind, and the thing's kind."""
    lines = [re.fullmatch(rf"{word} (.+) - (\w+):\S+ \(.+\): .+", line) for line in summary(result)]
    return sorted((line[1], line[2]) for line in lines if line)


def summary(result: pytest.RunResult) -> list[str]:
    """The lines of the section at the end; none without it."""
    lines = iter(result.outlines)
    started = any("IPC objects left behind" in line and line.startswith("===") for line in lines)
    section = itertools.takewhile(lambda line: not line.startswith("==="), lines)
    return [line for line in section if line] if started else []


def leaks(by: str, *kinds: str) -> list[tuple[str, str]]:
    return [(by, kind) for kind in kinds]


def test_each_of_the_six_kinds_is_reported_with_the_test_that_left_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=CLEAN + function(SIX))
    result = pytester.runpytest_subprocess(REPORT)
    result.assert_outcomes(passed=2)
    assert 0 == result.ret
    unsure = found(result, "PERHAPS")
    assert leaks("test_it.py::test_leak", *SIX_KINDS) == sorted(found(result) + unsure)
    if namespace.sees_everybody():  # root is told by the kernel who makes a file
        assert [] == unsure


def test_a_leak_is_told_with_size_creator_and_command(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=function("import os; print(f'pid={os.getpid()}')\n" + SEGMENT))
    result = pytester.runpytest_subprocess(REPORT, "-s")
    pid = re.search(r"pid=(\d+)", result.stdout.str())
    assert pid
    (line,) = summary(result)
    assert re.fullmatch(rf"LEFT test_it.py::test_leak - shm:\d+ \(\S+, 64K\): created by {pid[1]} \(python\S*\)", line)


@pytest.mark.parametrize("code", [IN_CHILD.format(SEGMENT), IN_DAEMON], ids=["child", "daemon"])
def test_what_its_children_and_daemons_made_is_the_tests(code: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=function(code) + CLEAN)
    assert leaks("test_it.py::test_leak", "shm") == found(pytester.runpytest_subprocess(REPORT))


def test_what_other_processes_make_meanwhile_is_nobodys_leak(pytester: pytest.Pytester) -> None:
    """The test opens one pipe and waits at the other; between them, this process makes all six kinds."""
    for name in ("begun", "made"):
        os.mkfifo(pytester.path / name)
    pytester.makepyfile(test_it=function("open('begun', 'w').close(); open('made').close()", "test_waits"))
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", FAIL], cwd=pytester.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    (pytester.path / "begun").read_text()
    exec(SIX)  # noqa: S102
    (pytester.path / "made").write_text("")
    out, _ = running.communicate(timeout=cli.TIMEOUT)
    assert 0 == running.returncode, out
    if namespace.sees_everybody():
        assert b"left behind" not in out
    assert b"LEFT " not in out
    assert {"leak", "sem.leak"} == set(os.listdir("/dev/shm"))


def test_fail_is_an_error_of_the_test_that_left_it_and_of_no_other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=CLEAN + function(SEGMENT) + function("pass", "test_after"))
    result = pytester.runpytest_subprocess(FAIL)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_leak*", "LEFT test_it.py::test_leak - shm:*"])
    assert leaks("test_it.py::test_leak", "shm") == found(result)


def test_a_failing_test_keeps_its_own_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=function(SEGMENT + "\nassert 1 == 2"))
    result = pytester.runpytest_subprocess(FAIL)
    result.assert_outcomes(failed=1, errors=1)
    assert leaks("test_it.py::test_leak", "shm") == found(result)


def test_a_failing_teardown_keeps_its_own_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SEGMENT_FIXTURE.format(scope="function", ending="raise ValueError('of its own')"))
    result = pytester.runpytest_subprocess(FAIL, "-k", "first")
    result.assert_outcomes(passed=1, errors=1, deselected=1)
    result.stdout.fnmatch_lines(["E * ValueError: of its own"])
    assert leaks("test_it.py::test_first", "shm") == found(result)


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_a_wider_fixture_may_hold_objects_until_it_is_torn_down(scope: str, pytester: pytest.Pytester) -> None:
    removed = SEGMENT_FIXTURE.format(scope=scope, ending="segment.remove()")
    if scope == "class":
        removed = removed.replace("def test_first(held):\n    pass\n\ndef test_second(held)", "def test_only(held)")
    pytester.makepyfile(removed)
    result = pytester.runpytest_subprocess(FAIL)
    assert (0, []) == (result.ret, summary(result))


@pytest.mark.parametrize("scope", ["module", "session"])
def test_what_a_wider_fixture_leaves_is_its_own_leak(scope: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SEGMENT_FIXTURE.format(scope=scope, ending="pass"))
    result = pytester.runpytest_subprocess(FAIL)
    result.assert_outcomes(passed=2, errors=1)
    (line,) = summary(result)
    assert line.startswith(f"LEFT {scope} fixture held")
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_second*"])


def test_what_the_fixtures_of_a_test_leave_is_the_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SEGMENT_FIXTURE.format(scope="function", ending="segment.remove()"))
    assert [] == summary(pytester.runpytest_subprocess(FAIL))
    pytester.makepyfile(test_it=SEGMENT_FIXTURE.format(scope="function", ending="pass").partition("def test_second")[0])
    assert leaks("test_it.py::test_first", "shm") == found(pytester.runpytest_subprocess(FAIL))


@pytest.mark.parametrize(("ending", "left"), [("segment.remove()", []), ("", [("session fixture server", "shm")])])
def test_what_a_fixtures_server_makes_for_a_test_is_the_fixtures(
    ending: str, left: list[tuple[str, str]], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(SERVER.format(ending=ending))
    result = pytester.runpytest_subprocess(FAIL)
    assert left == found(result)
    result.assert_outcomes(passed=2, errors=len(left))


def test_what_an_import_leaves_is_the_sessions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SEGMENT + "\n" + CLEAN)
    result = pytester.runpytest_subprocess(FAIL)
    result.assert_outcomes(passed=1)
    assert (pytest.ExitCode.TESTS_FAILED, leaks("the session", "shm")) == (result.ret, found(result))


def test_what_no_process_is_on_record_for_is_told_apart_and_fails_nothing(pytester: pytest.Pytester) -> None:
    unused = "import sysv_ipc; sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)"
    pytester.makepyfile(test_it=function(unused))
    result = pytester.runpytest_subprocess(FAIL)
    assert (0, []) == (result.ret, found(result))
    assert leaks("test_it.py::test_leak", "msg") == found(result, "PERHAPS")


def test_an_ordinary_user_is_told_of_what_a_test_still_holds(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    file = Path("/dev/shm/test_of_alice.py")  # there before: no leak
    held = SIX.replace(".close_fd()", "").replace("posix_ipc.SharedMemory(", "memory = posix_ipc.SharedMemory(")
    held = held.replace('posix_ipc.MessageQueue("/leak", posix_ipc.O_CREX).close()', f"global queue; {QUEUE_HELD}")
    file.write_text(function("global memory\n" + held))
    file.chmod(0o644)
    options = ["-p", "no:cacheprovider", "--rootdir=/dev/shm", REPORT]
    done = cli.run_program([sys.executable, "-B", "-m", "pytest", *options, str(file)], uid=alice)
    result = pytest.RunResult(done.code, done.out.splitlines(), done.err.splitlines(), 0.0)
    assert leaks("test_of_alice.py::test_leak", *SIX_KINDS) == found(result), done.out


def modules_of_ours(pytester: pytest.Pytester, *options: str, **how: Any) -> set[str]:
    text = "import sys; print('ours:', *sorted(name for name in sys.modules if name.startswith('ipcctl')))"
    pytester.makepyfile(function(text, "test_modules"))
    for name, value in how.items():
        pytester._monkeypatch.setenv(name, value)
    result = pytester.runpytest_subprocess("-s", *options)
    (line,) = [line for line in result.outlines if "ours:" in line]
    return set(line.partition("ours:")[2].rstrip(". ").split())


def test_nothing_of_it_is_loaded_unless_asked_for(pytester: pytest.Pytester) -> None:
    assert {"ipcctl", "ipcctl.pytest_plugin"} == modules_of_ours(pytester)
    assert "ipcctl.kernel.lineage" in modules_of_ours(pytester, REPORT)


def test_it_is_found_by_its_name_where_plugins_are_not_loaded_by_themselves(pytester: pytest.Pytester) -> None:
    assert set() == modules_of_ours(pytester, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "ipcctl.act.watch" in modules_of_ours(pytester, "-p", "ipcctl", REPORT)


def test_a_word_that_it_does_not_know_is_refused(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--ipc-leaks=often")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*--ipc-leaks: invalid choice: 'often' (choose from*report*fail*)*"])
