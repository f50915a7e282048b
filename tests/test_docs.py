"""What is written about ipcctl is so: options, columns, JSON fields, commands of the README, the version.

A new command, and a page of its own such as man/ipcctl-x.8, are covered without a change here.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

import posix_ipc
import pytest
import sysv_ipc

import ipcctl
from ipcctl.cli.app import _COMMANDS
from ipcctl.model.kinds import KINDS
from tests import manual
from tests.live import actors, cli, namespace

if TYPE_CHECKING:
    from pathlib import Path

MANUAL = manual.ROOT / "man" / "ipcctl.1"
README = manual.ROOT / "README.md"
HELP = {"-h", "--help"}


@functools.cache
def help_text(*command: str, columns: int = 200) -> str:
    return subprocess.run(
        [sys.executable, "-m", "ipcctl", *command, "--help"],
        env={**os.environ, "COLUMNS": str(columns)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@functools.cache
def help_options(*command: str) -> frozenset[str]:
    """The options that --help lists: what begins a line, before the description; those of subcommands too."""
    text = help_text(*command)
    heads = re.findall(r"^\s+(-.*?)(?:\s{2}|$)", text, re.MULTILINE)
    found = {option for head in heads for option in re.findall(r"(?<![\w-])--?[A-Za-z][\w.-]*(?<!\.)", head)}
    if command:
        _, _, subcommands = text.partition("\nCommands:\n")
        for name in re.findall(r"^  ([\w-]+)", subcommands, re.MULTILINE):
            found |= help_options(*command, name)
    return frozenset(found)


def documented() -> set[str]:
    return {option for page in manual.PAGES for option in manual.page_options(page)}


def section_of(command: str) -> manual.Section | None:
    every = [section for page in manual.PAGES for section in manual.sections(page)]
    own = [section for section in every if section.title.split()[:2] == ["ipcctl", command]]
    return own[0] if own else None


every_command = pytest.mark.parametrize(
    "command", [(), *((name,) for name in _COMMANDS)], ids=lambda words: " ".join(words) or "-"
)


@every_command
def test_help_fits_into_80_columns(command: tuple[str, ...]) -> None:
    assert [] == [line for line in help_text(*command, columns=80).splitlines() if len(line) > 80]


@every_command
def test_every_option_of_the_help_is_in_a_manual_page(command: tuple[str, ...]) -> None:
    assert set() == help_options(*command) - documented()


@pytest.mark.parametrize("page", manual.PAGES, ids=lambda page: page.name)
def test_every_option_in_a_manual_page_exists(page: Path) -> None:
    known = help_options().union(*map(help_options, _COMMANDS))
    assert manual.page_options(page)
    assert set() == manual.page_options(page) - known


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_has_a_section_or_a_page(command: str) -> None:
    pages = [page for page in manual.PAGES if page.stem in (f"ipcctl-{command}", command)]
    assert section_of(command) or pages


@pytest.mark.parametrize("command", _COMMANDS)
def test_section_of_a_command_lists_exactly_its_options(command: str) -> None:
    section = section_of(command)
    if section is None:
        return  # it has a page of its own
    shared = [other for other in manual.sections(MANUAL) if other.title in section.references()]
    inherited = {option for other in shared for option in other.items()}
    assert set() == section.items() - help_options(command), "in the manual only"
    assert set() == help_options(command) - HELP - section.items() - inherited, "in --help only"


@pytest.mark.parametrize("title", ["FILTERS", "OUTPUT"])
def test_shared_options_exist_in_every_command_that_refers_to_all_of_them(title: str) -> None:
    (shared,) = [section for section in manual.sections(MANUAL) if section.title == title]
    assert shared.items()
    for command in _COMMANDS:
        section = section_of(command)
        if section and title in section.references():
            assert set() == shared.items() - help_options(command), command


def test_every_example_of_the_manual_uses_options_that_exist() -> None:
    examples = re.findall(r"^\.Dl .*?\bipcctl (\w+)([^|\n]*)", MANUAL.read_text(), re.MULTILINE)
    assert len(examples) > 5
    for command, rest in examples:
        assert set() == set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - help_options(command)


@pytest.mark.parametrize("tool", ["man_columns.py", "man_metrics.py"])
def test_columns_and_metrics_of_the_manual_are_those_of_the_code(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, f"packaging/dev/{tool}", "--check"],
        cwd=manual.ROOT, env={**os.environ, "PYTHONPATH": "."}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stdout), "run `make man`"


def make_one_of_each() -> None:
    """Objects as the README speaks of them."""
    sysv_ipc.SharedMemory(0x41021ACE, sysv_ipc.IPC_CREX, mode=0o600, size=65536).detach()
    sysv_ipc.Semaphore(0x5432ABCD, sysv_ipc.IPC_CREX, mode=0o666, initial_value=1)
    queue = sysv_ipc.MessageQueue(0x4D01002A, sysv_ipc.IPC_CREX, mode=0o600)
    for text in (b"one", b"two", b"\xff"):
        queue.send(text)
    posix_ipc.SharedMemory("/psm_8f2c1a", posix_ipc.O_CREX, size=4096).close_fd()
    posix_ipc.Semaphore("/render-lock", posix_ipc.O_CREX).close()
    posix_ipc.MessageQueue("/jobs", posix_ipc.O_CREX).close()


def field_names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(field_names, value.values()))
    return set().union(*map(field_names, value)) if isinstance(value, list) else set()


@pytest.mark.live
@pytest.mark.parametrize(
    "command",
    [
        "ls --json",
        "show --peek 3 --json shm:0 sem:0 msg:0 pshm:/psm_8f2c1a psem:/render-lock pmsg:/jobs",
        "rm --all --dry-run --json",
        "limits --json",
        "users --json",
        "ps --json",
        "doctor --json",
    ],
)
def test_every_json_field_is_in_the_manual(command: str) -> None:
    make_one_of_each()
    with actors.opened(namespace.SHM / "psm_8f2c1a"):
        result = cli.run(*command.split())
    assert 0 == result.code, result.err
    document = json.loads(result.out)
    names = field_names(document)
    assert len(names) > 8
    assert set() == names - manual.words(MANUAL)
    if "objects" in document:
        assert set(KINDS) == {record["kind"] for record in document["objects"]}


class Block(NamedTuple):
    """A fenced block of the README."""

    line: int
    language: str
    remark: str
    text: str


def readme_blocks() -> list[Block]:
    """Every fenced block. Those marked sh are run; "sh not run: REASON" says why one cannot be."""
    text = README.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*) *([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(text.count("\n", 0, it.start()) + 1, it[1], it[2], it[3]) for it in fences]


def test_readme_marks_what_is_not_run() -> None:
    blocks = readme_blocks()
    assert {"sh", "text"} >= {block.language for block in blocks}
    for block in blocks:
        assert not block.remark or re.fullmatch(r"not run: \S.*", block.remark), block
        assert block.language == "sh" or "ipcctl ls\n" not in block.text.replace("$ ", ""), (
            "a command to run: mark it sh"
        )


@pytest.mark.live
@pytest.mark.parametrize(
    "block",
    [block for block in readme_blocks() if block.language == "sh" and not block.remark],
    ids=lambda block: f"line {block.line}",
)
def test_readme_commands_run(block: Block, tmp_path: Path) -> None:
    if "jq" in block.text and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    command = tmp_path / "ipcctl"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ipcctl "$@"\n')
    command.chmod(0o755)
    make_one_of_each()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_USER": "nobody"}
    result = cli.run_program(["sh", "-eux", "-c", block.text], env=environment)
    assert 0 == result.code, result.err
    assert [] == [line for line in result.err.splitlines() if line.startswith("ipcctl: ")]


@pytest.mark.parametrize("page", [README, *manual.PAGES], ids=lambda page: page.name)
def test_every_field_in_a_jq_program_is_one_of_ours(page: Path) -> None:
    """Jq takes a misspelt field for null and goes on."""
    programs = re.findall(r"\bjq (?:-r )?'([^']+)'", page.read_text(encoding="utf-8"))
    fields = {field for program in programs for field in re.findall(r"\.([a-z_]+)", program)}
    assert fields or page != README
    assert set() == fields - manual.words(MANUAL)


def test_readme_begins_with_the_two_commands() -> None:
    first = readme_blocks()[0]
    assert ["make demo", "make test"] == [line.split("#")[0].strip() for line in first.text.splitlines()]
    assert first.line < 10


def test_versions_agree() -> None:
    changelog = (manual.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    project = tomllib.loads((manual.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    newest, *released = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert "Unreleased" == newest
    assert released[:1] in ([], [ipcctl.__version__])
    assert "version" not in project["project"]
    assert "ipcctl/__init__.py" == project["tool"]["hatch"]["version"]["path"]
    assert f"ipcctl {ipcctl.__version__}\n" == cli.run("--version").out
    for page in manual.PAGES:
        (system,) = re.findall(r"^\.Os ?(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert f'"ipcctl {ipcctl.__version__}"' == system, page.name


def test_every_manual_page_is_installed_where_man_looks() -> None:
    project = tomllib.loads((manual.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    pages = {f"man/{page.name}": f"share/man/man{page.suffix[1:]}/{page.name}" for page in manual.PAGES}
    assert pages == {source: target for source, target in shared.items() if source.startswith("man/")}


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "packaging/README.md"])
def test_prose_is_no_wider_than_the_code(page: str) -> None:
    lines = (README.parent / page).read_text(encoding="utf-8").splitlines()
    assert [] == [line for line in lines if len(line) > 120 and not line.startswith("|")]
