"""The completion scripts are current, and each works in its shell."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "packaging" / "completions"
DEADLINE = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and ipcctl on PATH."""
    command = tmp_path / "bin" / "ipcctl"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ipcctl "$@"\n')
    command.chmod(0o755)
    return {
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
    }


def need(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    return path


def test_scripts_are_current() -> None:
    command = [sys.executable, str(ROOT / "packaging/make/completions.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stdout)


def test_bash_completes_commands_and_options(environment: dict[str, str]) -> None:
    program = f"""
        source {SCRIPTS}/ipcctl.bash
        complete -p ipcctl
        COMP_WORDS=(ipcctl l) COMP_CWORD=1; _ipcctl_completion ipcctl; echo "${{COMPREPLY[*]}}"
        COMP_WORDS=(ipcctl ls --world) COMP_CWORD=2; _ipcctl_completion ipcctl; echo "${{COMPREPLY[*]}}"
    """
    done = subprocess.run(
        [need("bash"), "-c", program], check=True, capture_output=True, text=True, env=environment, timeout=DEADLINE
    )
    registered, commands, options = done.stdout.splitlines()
    assert "complete -o default -F _ipcctl_completion ipcctl" == registered
    assert {"ls", "limits"} <= set(commands.split())
    assert "--world-writable" == options.strip()


def test_fish_completes_commands_and_options(environment: dict[str, str]) -> None:
    program = f"source {SCRIPTS}/ipcctl.fish; complete -C 'ipcctl l'; echo; complete -C 'ipcctl ls --world'"
    done = subprocess.run(
        [need("fish"), "-c", program], check=True, capture_output=True, text=True, env=environment, timeout=DEADLINE
    )
    commands, _, options = done.stdout.partition("\n\n")
    assert {"ls", "limits"} <= {line.split("\t")[0] for line in commands.splitlines()}
    assert ["--world-writable"] == [line.split("\t")[0] for line in options.splitlines()]


def test_zsh_completes_at_the_first_tab(environment: dict[str, str]) -> None:
    """The file is found by its name in fpath, and nothing has been completed before."""
    seen = typed_into_zsh(environment, "ipcctl ls --world\t", until="--world-writable")
    assert "ipcctl ls --world-writable" in seen


def typed_into_zsh(environment: dict[str, str], keys: str, until: str) -> str:
    """What an interactive zsh shows after `keys`, up to `until` or the deadline."""
    zsh = need("zsh")
    echoed_otherwise = "PS1='re''ady> '"
    setup = f"fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -u -D; {echoed_otherwise}\n"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(zsh, [zsh, "-f", "-i"], environment)  # noqa: S606  a shell on a terminal is what is wanted
    seen = ""
    try:
        os.write(terminal, setup.encode())
        seen = read_until(terminal, "ready> ", seen)
        os.write(terminal, keys.encode())
        return read_until(terminal, until, seen)
    finally:
        os.close(terminal)  # the shell's terminal hangs up
        os.waitpid(pid, 0)


def read_until(terminal: int, text: str, seen: str) -> str:
    deadline = time.monotonic() + DEADLINE
    while text not in seen.replace("\r", ""):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            message = f"{text!r} never came: {seen!r}"
            raise AssertionError(message)
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen.replace("\r", "")
