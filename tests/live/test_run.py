"""`ipcctl run`: what a command left behind is its own, whoever of its descendants made it, and nobody else's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.cli import app
from ipcctl.cli.watched import run_directly
from tests.live import cli, namespace
from tests.live.conversation import INTERRUPT, talk
from tests.live.leaky import IN_CHILD, IN_DAEMON, QUEUE_HELD, SEGMENT, SIX

if TYPE_CHECKING:
    from collections.abc import Iterator

BY_EXEC = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', {!r}])"
KILLED = "{}; import os; os.kill(os.getpid(), 9)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def run(tmp_path: Path, *command: str, options: tuple[str, ...] = (), **how: Any) -> tuple[cli.Result, dict[str, Any]]:
    report = tmp_path / "report.json"
    report.touch()
    report.chmod(0o666)
    tmp_path.chmod(0o755)
    done = cli.run("run", *options, "--report", report, "--", *command, **how)
    return done, json.loads(report.read_text() or "{}")


def refs(leaks: list[dict[str, Any]]) -> list[str]:
    return sorted(leak["kind"] for leak in leaks)


def test_each_of_the_six_kinds_is_reported(tmp_path: Path) -> None:
    done, report = run(tmp_path, *python(SIX))
    assert 0 == done.code
    assert "" == done.out
    assert ["msg", "pmsg", "psem", "pshm", "sem", "shm"] == refs(report["leaks"] + report["perhaps"])
    if namespace.current().other_uids:  # root is told by the kernel who makes a file
        assert [] == report["perhaps"]
        assert "left 6 objects, 68K behind" in done.err


def test_an_ordinary_user_is_told_of_all_that_the_command_held_for_a_moment(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    report = Path("/dev/shm") / "report-of-alice"  # there before: no leak
    report.touch()
    report.chmod(0o666)
    held = SIX.replace(".close_fd()", "") + "import time; time.sleep(0.5)"
    held = held.replace('posix_ipc.MessageQueue("/leak", posix_ipc.O_CREX).close()', QUEUE_HELD)
    done = cli.run("run", "--report", report, "--", *python(held), uid=alice)
    assert 0 == done.code, done.err
    found = json.loads(report.read_text())
    assert ["msg", "pmsg", "psem", "pshm", "sem", "shm"] == refs(found["leaks"])


def test_an_ordinary_user_is_told_apart_of_files_that_were_closed_at_once(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    report = Path("/dev/shm") / "report-of-alice"
    report.touch()
    report.chmod(0o666)
    cli.run("run", "--report", report, "--", *python(SIX), uid=alice)
    found = json.loads(report.read_text())
    assert {"msg", "psem", "sem", "shm"} <= set(refs(found["leaks"]))
    assert ["msg", "pmsg", "psem", "pshm", "sem", "shm"] == refs(found["leaks"] + found["perhaps"])


@pytest.mark.parametrize(
    "code", [IN_CHILD.format(SEGMENT), IN_DAEMON, BY_EXEC.format(SEGMENT), KILLED.format(SEGMENT)],
    ids=["fork", "daemon", "exec", "killed"],
)  # fmt: skip
def test_whoever_of_the_descendants_made_it_it_is_the_commands(code: str, tmp_path: Path) -> None:
    _, report = run(tmp_path, *python(code))
    (leak,) = report["leaks"]
    assert ("shm", 65536) == (leak["kind"], leak["size"])
    assert [leak["cpid"]] == leak["pids"]


def test_a_process_that_lives_for_a_moment_only_is_known(tmp_path: Path) -> None:
    _, report = run(tmp_path, "sh", "-c", "for i in 1 2 3; do (ipcmk -M 4096 >/dev/null); done")
    assert ["shm"] * 3 == refs(report["leaks"])


@pytest.fixture
def paused() -> Iterator[tuple[list[str], Any]]:
    """A command that makes nothing until told to end, and the way to tell when it runs."""
    started, ended = os.pipe(), os.pipe()
    code = f"import os; os.write({started[1]}, b'x'); os.read({ended[0]}, 1)"

    def meanwhile(options: tuple[str, ...], make: Any) -> cli.Result:
        process = subprocess.Popen(
            [sys.executable, "-m", "ipcctl", "run", *options, "--", sys.executable, "-c", code],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=(started[1], ended[0]),
        )  # fmt: skip
        os.read(started[0], 1)
        make(process.pid)
        os.write(ended[1], b"x")
        out, err = process.communicate(timeout=cli.TIMEOUT)
        return cli.Result(process.returncode, out, err)

    yield [], meanwhile
    for end in (*started, *ended):
        os.close(end)


def test_what_other_processes_make_meanwhile_is_not_blamed_on_the_command(paused: Any) -> None:
    _, meanwhile = paused
    done = meanwhile(("--clean", "--fail"), lambda _: exec(SIX))  # noqa: S102  the same, by another process
    assert 0 == done.code
    assert "left nothing behind" in done.err
    assert 1 == len(list(Path("/dev/shm").glob("leak")))
    for kind in ("shm", "sem", "msg"):
        assert 2 == len(Path(f"/proc/sysvipc/{kind}").read_text().splitlines()), kind


def test_an_object_without_any_process_on_record_is_listed_apart_and_kept(tmp_path: Path) -> None:
    done, report = run(tmp_path, "sh", "-c", "ipcmk -Q >/dev/null", options=("--clean", "--fail"))
    assert (0, [], ["msg"]) == (done.code, report["leaks"], refs(report["perhaps"]))
    assert "perhaps of sh, perhaps not" in done.err
    assert 2 == len(Path("/proc/sysvipc/msg").read_text().splitlines())


def test_what_was_there_before_and_what_was_removed_are_no_leaks(tmp_path: Path) -> None:
    before = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
    code = (
        f"import sysv_ipc; sysv_ipc.attach(sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX).id).remove(); s={before.id}"
    )
    done, report = run(tmp_path, *python(code), options=("--fail",))
    assert (0, [], []) == (done.code, report["leaks"], report["perhaps"])


def test_clean_removes_what_was_left_and_keeps_what_is_in_use(tmp_path: Path) -> None:
    held = (
        "import posix_ipc, os, mmap\n"
        "m = posix_ipc.SharedMemory('/held', posix_ipc.O_CREX, size=4096)\n"
        "posix_ipc.Semaphore('/free', posix_ipc.O_CREX).close()\n"
        "if os.fork() == 0:\n os.setsid(); os.close(0); os.close(1); os.close(2)\n import time; time.sleep(60)\n"
        "print(os.getpid())"
    )
    done, report = run(tmp_path, *python(held), options=("--clean",))
    results = {leak["ref"]: (leak["result"], leak["use"]) for leak in report["leaks"]}
    assert "removed" == results["psem:/free"][0]
    kept, use = results["pshm:/held"]
    assert "kept" == kept
    assert use.startswith("in-use")
    assert ["held"] == os.listdir("/dev/shm")
    assert "in-use" in done.err
    for holder in use.split():  # the daemon: its number stands in the evidence
        if holder.strip("(),").isdigit() and _is_child_of_init(int(holder.strip("(),"))):
            os.kill(int(holder.strip("(),")), signal.SIGKILL)


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("shm", "sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100).detach()"),
        ("sem", "sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX).release()"),
        ("msg", "sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).send(b'x')"),
    ],
)
def test_clean_keeps_what_a_daemon_of_the_command_is_on_record_for(kind: str, made: str) -> None:
    reading, writing = os.pipe()
    daemon = (
        "import os, sysv_ipc\n"
        "ready, tell = os.pipe()\n"
        "if os.fork():\n os.read(ready, 1)\n os._exit(0)\n"
        f"os.setsid()\n{made}\nos.write(tell, b'.')\n"
        f"os.closerange(0, 3); os.close(tell); os.read({reading}, 1)"
    )
    command = [sys.executable, "-m", "ipcctl", "run", "--clean", "--", *python(daemon)]
    done = subprocess.run(command, pass_fds=[reading], capture_output=True, text=True, check=True, timeout=cli.TIMEOUT)
    assert len(Path(f"/proc/sysvipc/{kind}").read_text().splitlines()) > 1
    assert " kept " in done.stderr
    assert "idle: " in done.stderr
    os.close(reading)
    os.close(writing)  # ends it


def _is_child_of_init(pid: int) -> bool:
    try:
        return b"time.sleep(60)" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_leak_ends_with_99_when_asked(tmp_path: Path) -> None:
    assert 99 == run(tmp_path, *python(SEGMENT), options=("--fail",))[0].code
    assert 0 == run(tmp_path, "true", options=("--fail",))[0].code


@pytest.mark.parametrize(
    ("command", "code"),
    [(("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137), (("sh", "-c", "kill $$"), 143),
     (("no-such-program",), 127), (("/etc/passwd",), 126)],
)  # fmt: skip
def test_the_status_of_the_command_is_passed_on(command: tuple[str, ...], code: int) -> None:
    assert code == cli.run("run", "--", *command).code


def test_a_directory_of_path_that_may_not_be_searched_hides_nothing(strangers: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    path = {"PATH": f"{tmp_path / 'closed'}:{os.environ['PATH']}"}
    done = cli.run("run", "--", "no-such-program", uid=strangers[0], env=path)
    assert (127, "ipcctl: cannot run 'no-such-program': No such file or directory\n") == (done.code, done.err)


def test_files_put_aside_by_the_cleaning_do_not_end_an_ordinary_users_run(strangers: tuple[int, int]) -> None:
    code = "import posix_ipc; posix_ipc.Semaphore('/leak', posix_ipc.O_CREX).close()"
    done = cli.run("run", "--clean", "--", *python(code), uid=strangers[0])
    assert 0 == done.code
    assert " removed " in done.err
    assert [] == os.listdir("/dev/shm")


@pytest.mark.parametrize(
    "options",
    [("--clean", "--fail"), ("--report=r.json", "--fail"), ("--report", "r.json"), ("--report", "--fail"), ("--",), ()],
)
def test_options_are_read_alike_with_typer_and_without(options: tuple[str, ...]) -> None:
    command = ("echo", "--", "--fail")
    calls: list[dict[str, Any]] = []

    def note(command: list[str], **given: Any) -> int:
        calls.append({"command": command, **given})
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ipcctl.cli.watched.run_watched", note)
        patch.setattr("ipcctl.cli.run.run_watched", note)
        assert 0 == run_directly([*options, *command]) == app.run(["run", *options, *command])
    assert list(command) == calls[0]["command"]
    assert calls[0] == calls[1]


@pytest.mark.parametrize("arguments", [("-h",), ("--help", "true"), ("--no-such", "true"), ("--report",), ("-",), ()])
def test_help_and_mistakes_are_for_typer(arguments: tuple[str, ...]) -> None:
    assert run_directly(list(arguments)) is None


@pytest.mark.parametrize("arguments", [(), ("--",), ("--", ""), ("--report", "/no/such/place", "--", "touch", "x")])
def test_without_a_command_nothing_is_run(arguments: tuple[str, ...]) -> None:
    done = cli.run("run", *arguments)
    assert (2, "") == (done.code, done.out)
    assert "hint" in done.err
    assert not Path("x").exists()


def test_streams_are_the_commands() -> None:
    done = cli.run("run", "--", "sh", "-c", "cat; echo to-stderr >&2", stdin="typed")
    assert "typed" == done.out
    assert "to-stderr\nipcctl: sh left nothing behind\n" == done.err


def test_options_after_the_command_are_its_own() -> None:
    assert "--fail\n" == cli.run("run", "echo", "--fail").out


def test_the_terminal_is_the_commands() -> None:
    code = "import os, sys; sys.stdout.write(str(os.tcgetpgrp(0) == os.getpgrp()) + input())"
    done = cli.run("run", "--", *python(code), stdin="typed\n", tty=True)
    assert (0, "Truetyped") == (done.code, done.out)
    assert "left nothing behind" in done.err


def test_a_key_on_the_terminal_reaches_the_command_once() -> None:
    """The command stops ipcctl until it has the key's signal; what is passed on of it then comes before SIGUSR1."""
    code = (
        "import os, signal, sys\nboth = {signal.SIGINT, signal.SIGUSR1}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, both)\nos.kill(os.getppid(), signal.SIGSTOP)\n"
        "sys.stderr.write('ready\\n')\nsignal.sigwait({signal.SIGINT})\n"
        "os.kill(os.getppid(), signal.SIGUSR1)\nos.kill(os.getppid(), signal.SIGCONT)\n"
        "sys.exit(40 + signal.sigwait(both))"
    )
    with talk("run", "--", *python(code)) as command:
        command.until("ready")
        command.type(INTERRUPT)
        assert 40 + signal.SIGUSR1 == command.end().code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    code = (
        f"import signal, sys\nsignal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\nsignal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "ipcctl", "run", "--", *python(code)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert "ready\n" == process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=cli.TIMEOUT)
    assert (42, "ipcctl: python left nothing behind\n") == (process.returncode, err.replace("python3", "python"))


def test_a_command_that_stops_itself_is_a_stopped_job() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ipcctl", "run", "--", "sh", "-c", "kill -STOP $$; exit 5"], stderr=subprocess.PIPE
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=cli.TIMEOUT)
    assert 5 == process.returncode


def test_private_gives_the_command_a_namespace_in_which_all_is_its_own(tmp_path: Path) -> None:
    posix_ipc.Semaphore("/outside", posix_ipc.O_CREX).close()
    code = "import os; assert os.listdir('/dev/shm') == []\n" + SIX
    done, report = run(
        tmp_path, "sh", "-c", 'ipcmk -Q >/dev/null; exec "$@"', "sh", *python(code), options=("--private",)
    )
    assert 0 == done.code, done.err
    assert ["msg", "msg", "pmsg", "psem", "pshm", "sem", "shm"] == refs(report["leaks"])
    assert ["sem.outside"] == os.listdir("/dev/shm")
    assert 1 == len(Path("/proc/sysvipc/shm").read_text().splitlines())


def test_the_report_says_what_ran_and_how_it_ended(tmp_path: Path) -> None:
    _, report = run(tmp_path, "sh", "-c", "kill -9 $$")
    assert (1, ["sh", "-c", "kill -9 $$"], None, 9) == tuple(
        report[name] for name in ("version", "command", "status", "signal")
    )


def test_where_the_kernel_keeps_no_record_what_lives_is_seen_and_the_limit_is_said(
    strangers: tuple[int, int],
) -> None:
    """A sandbox that refuses perf_event_open(2), made with the kernel's own means."""
    del strangers
    code = (
        "import ipcctl.kernel.lineage as l; l._CALLS.clear()\n"
        "from ipcctl.cli.main import main; import sys\n"
        f"sys.exit(main(['run', '--', sys.executable, '-c', {SEGMENT + '; import time; time.sleep(0.3)'!r}]))"
    )
    done = cli.run_program(python(code))
    assert "left 1 object, 64K behind" in done.err
    assert "short-lived processes can be missed" in done.err
