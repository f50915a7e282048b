"""What people get wrong, and what goes wrong around them: a clear message, an exit code, and nothing changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from tests.cli.here import command as here
from tests.live import actors, namespace
from tests.live.cli import Result, run, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = f"{sys.executable} -m ipcctl"


@pytest.fixture(autouse=True)
def population() -> Iterator[None]:
    """Ids 0 and 1, key 1 and everything a careless reader could hit; the same must be there afterwards."""
    for key in (0x52, 1):
        sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, size=100).detach()
        sysv_ipc.Semaphore(key, sysv_ipc.IPC_CREX)
        sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX)
    posix_ipc.MessageQueue("/name", posix_ipc.O_CREX).close()
    (namespace.SHM / "name").write_bytes(b"x")
    before = everything()
    yield
    assert before == everything()


def everything() -> list[object]:
    """What this namespace holds, read without ipcctl."""
    ids = [
        line.split()[:2]
        for kind in ("shm", "sem", "msg")
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
    ]
    return [*ids, sorted(os.listdir(namespace.current().mqueue)), sorted(os.listdir(namespace.SHM))]


def refused(result: Result, *said: str) -> None:
    """Wrong usage: exit 2, nothing on stdout, a message and a hint that say all of `said`."""
    assert (2, "") == (result.code, result.out)
    assert result.err.startswith("ipcctl: ")
    assert "\n  hint: " in result.err
    for words in said:
        assert words in result.err


REFERENCES = [
    *("shm:", "shm:-1", "shm:4294967297", "shm:4294967296", "shm:0x100000001", "shm:0x100000000", "pmsg:name"),
    *('shm:""', "shm: 0", "shm:0x", "shm:0x0", "sem:1.0", "pshm:name", "pshm:/../dev/shm/name", "shm:/name"),
]


@pytest.mark.parametrize("command", ["show", "rm --yes"])
@pytest.mark.parametrize("ref", REFERENCES)
def test_malformed_reference_is_refused_and_quoted(command: str, ref: str) -> None:
    refused(here(*command.split(), "msg:0", ref), f"bad reference {ref!r}")


@pytest.mark.parametrize("command", ["show", "rm --yes"])
@pytest.mark.parametrize("refs", ["shm:0 shm:0", "shm:0 msg:1 shm:0x52", "shm:77 shm:77", "pmsg:/name pmsg:/name"])
def test_object_named_twice_is_refused(command: str, refs: str) -> None:
    result = here(*command.split(), *refs.split())
    refused(result)
    assert "given twice" in result.err or "name the same object" in result.err


def test_missing_object_is_told_and_the_others_are_shown() -> None:
    result = here("show", "shm:77", "shm:1", "pmsg:/nothing", "msg:0x2a", "msg:0")
    shown = [line for line in result.out.splitlines() if line.startswith("ref: ")]
    missing = [f"ipcctl: no such object: {ref}" for ref in ("shm:77", "pmsg:/nothing", "msg:0x0000002a")]
    *told, hint = result.err.splitlines()
    assert (1, ["ref: shm:1", "ref: msg:0"], missing) == (result.code, shown, told)
    assert "`ipcctl ls` shows what there is" in hint


@pytest.mark.parametrize("options", [["--yes"], ["--yes", "--force"], ["--dry-run"]])
def test_missing_object_means_that_nothing_is_removed(options: list[str]) -> None:
    result = here("rm", "msg:0", "shm:77", "pmsg:/name", *options)
    assert (1, "") == (result.code, result.out)
    assert "no such object: shm:77; nothing was removed" in result.err


@pytest.mark.parametrize("command", ["ls", "rm --yes"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--user nobody-of-that-name", "unknown user 'nobody-of-that-name'"),
        ("--user -1", "unknown user '-1'"),
        ("--user 4294967295", "unknown user '4294967295'"),
        ("--group nobody-of-that-name", "unknown group 'nobody-of-that-name'"),
        ("--creator nobody-of-that-name", "unknown user 'nobody-of-that-name'"),
        ("--older-than soon", "bad duration 'soon'"),
        ("--older-than -1h", "bad duration '-1h'"),
        ("--older-than 2y", "bad duration '2y'"),
        ("--larger-than big", "bad size 'big'"),
        ("--larger-than 1XB", "bad size '1XB'"),
        ("--key 82", "bad key '82'"),
        ("--key 0x100000001", "bad key '0x100000001'"),
        ("--key 5*", "bad key '5*'"),
        ("shm --name x", "--name says nothing about shm"),
        ("psem --larger-than 0", "--larger-than says nothing about psem"),
        ("--format xml", "unknown format 'xml'"),
        ("--json --format csv", "--json and --format csv contradict each other"),
        ("--bogus", "no such option: --bogus"),
        ("queues", "unknown kind 'queues'"),
        ("SHM", "unknown kind 'SHM'"),
        ("--user alice,bob", "repeat the option for each"),
        ("--pid bash", "'bash' is no number"),
        ("-u root", "no such option: -u (Possible options: --unattached, "),
    ],
)
def test_bad_option_is_refused_and_quoted(command: str, options: str, said: str) -> None:
    about = "--user me" if command.startswith("rm") else ""
    refused(here(*command.split(), *about.split(), *options.split()), said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "ls shm -o ref,bogus",
            "columns: kind ref perms uid user gid group id key cuid cuser cgid cgroup ctime size nattch",
        ),
        ("ls sem -o +value", "unknown column 'value' for sem"),
        ("ls -o ,", "no column in -o ','"),
        ("ls --sort bogus", "unknown column 'bogus' for shm sem msg pshm psem pmsg"),
        ("ls shm --sort -cbytes", "unknown column 'cbytes' for shm"),
        ("ls shm --sort --size", "unknown column '-size' for shm"),
        ("show", "missing argument 'REF...'"),
        ("show msg:0 --peek -1", "bad --peek -1"),
        ("show msg:0 --peek one", "'one' is no number"),
        ("show msg:0 --format csv", "formats: table plain json"),
        ("limits --check 101", "bad --check 101"),
        ("limits --check nan", "bad --check nan"),
        ("rm", "nothing says what to remove"),
        ("rm --yes", "nothing says what to remove"),
        ("rm shm --yes", "nothing says what to remove"),
        ("rm shm:0 --all --yes", "references and filters together"),
        ("rm shm:0 sem --yes", "references and filters together"),
        ("rm shm:0 --user me --yes", "references and filters together"),
        ("rm --all --user me --yes", "--all contradicts the filters"),
        ("bogus", "no such command 'bogus'"),
        ("ls 65538", "one object: ipcctl show shm:65538, sem:65538 or msg:65538"),
        ("ls pmsg:/name", "one object: ipcctl show pmsg:/name"),
        ("rm 65538 --user me --yes", "hint: write shm:65538, sem:65538 or msg:65538"),
        ("rm 0x52 --yes", "hint: write shm:0x52, sem:0x52 or msg:0x52"),
        ("rm shm sem --yes", "hint: add a filter (--user me), or --all"),
        ("ls -o", "hint: `ipcctl ls --help` shows"),
        ("limits --check", "hint: `ipcctl limits --help` shows"),
        ("exporter --port 9100", "no such option: --port\n"),
        ("remove shm:0", "no such command 'remove'; did you mean rm?"),
        ("shwo shm:0", "no such command 'shwo'; did you mean show?"),
    ],
)
def test_bad_command_line_is_refused(arguments: str, said: str) -> None:
    refused(here(*arguments.split()), said)


def test_the_name_alone_shows_the_commands_and_fails() -> None:
    result = here()
    assert (2, "") == (result.code, result.out)
    assert re.search(r"^  doctor +what is wrong here", result.err, re.MULTILINE)
    assert result.err.endswith("ipcctl: missing command\n  hint: one of those above: `ipcctl ls` lists every object\n")


def test_empty_words_are_refused() -> None:
    refused(here("rm", "shm", "", "--yes"), "unknown kind ''")
    refused(here("rm", "shm:", "--yes"), "bad reference 'shm:'")
    refused(here("rm", "--user", "", "--yes"), "unknown user ''")
    refused(here("rm", "--larger-than", "", "--yes"), "bad size ''")
    refused(here("ls", "--sort", ""), "unknown column ''")


@pytest.mark.parametrize(
    "options", ["--larger-than 1T", "--older-than 10w", "--user 4000000000", "--name nothing-like-it"]
)
def test_filter_that_matches_nothing_is_done(options: str) -> None:
    result = here("rm", *options.split(), "--yes")
    assert (0, "", "nothing matches; nothing was removed\n") == result


@pytest.mark.parametrize("command", ["rm --all", "rm msg:0", "rm --user me --json"])
def test_without_a_terminal_and_without_yes_nothing_is_removed(command: str) -> None:
    refused(here(*command.split(), typed="y\ny\n"), "there is no terminal to confirm on", "--yes")


def test_plan_that_nobody_sees_cannot_be_confirmed() -> None:
    result = run_program(["sh", "-c", f"{PROGRAM} rm --all 2>/dev/null"], tty=True, stdin="y\n")
    assert (2, "", "") == result


def shell(line: str) -> Result:
    return run_program(["bash", "-c", line])


@pytest.mark.parametrize(
    "command", ["ls", "ls --json", "ls --format table", "show msg:0", "limits", "users", "ls --help"]
)
def test_reader_that_leaves_is_no_failure(command: str) -> None:
    result = shell(f"{PROGRAM} {command} | true; exit ${{PIPESTATUS[0]}}")
    assert (0, "", "") == result


def test_head_gets_its_line_and_nobody_complains() -> None:
    for key in range(100, 400):
        sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX)
    try:
        result = shell(f"{PROGRAM} ls msg --json | head -n 1; exit ${{PIPESTATUS[0]}}")
        assert (0, '{"version": 1, "objects": [\n', "") == result
    finally:
        for key in range(100, 400):
            sysv_ipc.MessageQueue(key).remove()


@pytest.mark.parametrize(
    "command", ["ls", "ls --json", "ls --format csv", "ls --format table", "show msg:0", "--version"]
)
def test_full_device_is_a_failure_with_a_message(command: str) -> None:
    result = shell(f"{PROGRAM} {command} > /dev/full")
    assert (1, "", "ipcctl: cannot write the output: No space left on device") == (
        result.code, result.out, result.err.splitlines()[0],
    )  # fmt: skip


@pytest.mark.parametrize("command", ["ls", "rm --all --yes"])
def test_closed_stdout_is_a_failure_before_anything_is_done(command: str) -> None:
    result = shell(f"{PROGRAM} {command} >&-")
    assert (1, "ipcctl: cannot write the output: stdout is closed") == (result.code, result.err.splitlines()[0])


def test_closed_stdin_is_no_terminal() -> None:
    refused(shell(f"{PROGRAM} rm --all <&-"), "there is no terminal to confirm on")


def test_closed_stderr_loses_the_notes_only() -> None:
    (namespace.SHM / "sem.short").write_bytes(b"")
    try:
        result = shell(f"{PROGRAM} ls shm psem -o ref 2>&-")
        assert (0, "REF\nshm:0\nshm:1\n", "") == result
    finally:
        (namespace.SHM / "sem.short").unlink()


ODD = [
    b"caf\xe9",
    b"\x1b[31mred",
    b"new\nline",
    b"blank \t",
    b"back\\slash",
    b"\xff\xfe",
    "\u202e".encode(),
    b"-rf",
    b"%s",
]


@pytest.mark.parametrize("raw", ODD)
@pytest.mark.parametrize("kind", ["pmsg", "pshm"])
def test_odd_name_is_shown_escaped_accepted_back_and_removed(kind: str, raw: bytes) -> None:
    make_odd(kind, raw)
    text = here("ls", kind, "-o", "name", "--no-headings", "--sort", "-mtime").out
    (name,) = set(text.splitlines()) - {"/name"}
    assert name.isprintable()
    assert (0, "") == (here("ls", kind, "--json").code, here("ls", kind, "--json").err)
    assert f"name: {name}" in here("show", f"{kind}:{name}").out.splitlines()
    assert 0 == here("rm", f"{kind}:{name}", "--yes").code


def make_odd(kind: str, raw: bytes) -> None:
    if kind == "pshm":
        (namespace.SHM / os.fsdecode(raw)).write_bytes(b"x")
    else:
        os.close(os.open(bytes(namespace.current().mqueue) + b"/" + raw, os.O_CREAT | os.O_RDWR, 0o600))


def test_terminal_never_gets_the_escape_sequence_of_a_name() -> None:
    make_odd("pmsg", b"\x1b]0;title\x07")
    try:
        for command in (["ls"], ["show", r"pmsg:/\x1b]0;title\x07"], ["rm", r"pmsg:/\x1b]0;title\x07", "--dry-run"]):
            result = run(*command, tty=True, env={"NO_COLOR": "1"})
            assert "\x1b" not in result.out + result.err
            assert "title" in result.out
    finally:
        posix_ipc.unlink_message_queue("/\x1b]0;title\x07")


def test_unreadable_and_full_queues_are_listed() -> None:
    with actors.sending(sysv_ipc.MessageQueue(0x99, sysv_ipc.IPC_CREX, mode=0o200).id):
        row = run("ls", "msg", "--key", "0x99", "-o", "cbytes,qbytes,fill", "--no-headings").out.split()
    sysv_ipc.MessageQueue(0x99).remove()
    assert ["16384", "16384", "100.0"] == row


@pytest.mark.parametrize("text", ["", "key shmid\n", "x" * 100])
@pytest.mark.parametrize("command", ["ls", "rm --all --yes", "rm shm:0 --yes"])
def test_kernel_text_that_makes_no_sense_fails_and_removes_nothing(tmp_path: Path, command: str, text: str) -> None:
    (tmp_path / "sysvipc").mkdir()
    for kind in ("shm", "sem", "msg"):
        (tmp_path / "sysvipc" / kind).write_text(text)
    result = here(*command.split(), f"--proc={tmp_path}", f"--mqueue={namespace.current().mqueue}")
    assert 1 == result.code
    assert f"{tmp_path}/sysvipc/shm: " in result.err
    assert "Traceback" not in result.err


def test_interpreter_errors_are_not_hidden() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import ipcctl.cli.app as a, ipcctl.cli.main as m; a.run = lambda _: 1 / 0; m.main([])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "ZeroDivisionError" in done.stderr
