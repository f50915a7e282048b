"""Ctrl-C at any moment of a removal: what is listed as removed is gone, all else is there, and so says the record."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ipcctl.cli.main import main
from tests.cli.here import command as here
from tests.live import namespace
from tests.live.saved import REFS, make_all
from tests.live.traced import traced

if TYPE_CHECKING:
    from pathlib import Path

REMOVALS = {"rmid", "renameat", "unlinkat"}


def interrupted(tmp_path: Path, command: list[str], call: int) -> tuple[int | None, list[str], list[dict[str, Any]]]:
    """Exit code, calls, and what it said it did."""
    namespace.enter()
    make_all()
    told = tmp_path / "told.json"

    def run() -> int:
        sys.stdout = told.open("w")
        return main([*command, "--json"])

    went = traced(run, kill_at=call, by=signal.SIGINT)
    return went.code, went.calls, json.loads(told.read_text() or '{"objects": []}')["objects"]


def left() -> set[str]:
    return {item["ref"] for item in json.loads(here("ls", "--json").out)["objects"]}


@pytest.mark.parametrize("command", ["rm", "clean"])
def test_interrupt_breaks_no_removal_off_and_hides_none(tmp_path: Path, command: str) -> None:
    log, policy = tmp_path / "log", tmp_path / "policy.toml"
    policy.write_text(
        "[defaults]\nprotect = []\nmin_idle = 0\n[[rule]]\nname = 'all'\nusers = ['root']\naction = 'remove'\n"
    )
    policy.chmod(0o600)
    words = ["rm", "--all", "--yes"] if command == "rm" else ["clean", "--policy", str(policy)]
    namespace.enter()
    make_all()
    everything = left()
    assert len(REFS) == len(everything)
    seen = set()
    for call in range(1, 200):
        log.unlink(missing_ok=True)
        code, calls, told = interrupted(tmp_path, [*words, "--log", str(log)], call)
        gone = everything - left()
        assert gone == {it["ref"] for it in told if it["result"] == "removed"}, calls
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        assert gone == {line["object"]["ref"] for line in lines if line["result"] == "removed"}, calls
        seen.add(len(gone))
        if len(calls) < call:
            break
        if calls[-1] in REMOVALS and gone != everything:
            assert 130 == code
    assert (0, everything) == (code, gone)
    assert seen > {0, 1, len(everything)}, "interrupted before the first, between and after the last"
