"""Whole commands on recorded trees against the output kept in tests/fixtures/golden."""

from __future__ import annotations

import os
import pwd
import re
from grp import getgrgid
from typing import TYPE_CHECKING

import pytest

from ipcctl import __version__
from tests.cli.here import FIXTURES, Roots, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.cli import Result

GOLDEN = FIXTURES / "golden"
SYSV = ("shm", "sem", "msg")
POSIX = ("pshm", "psem", "pmsg")
POSIX_COLUMNS = "ref,perms,size,value,qsize,qnum,maxmsg,notify_pid,mtime"
CHECKED = ("limits", "room", "dest", "queues", "locks", "mqueue", "removeipc")  # the rest is this machine's

CASES: dict[str, tuple[str, ...]] = {
    **{f"{tree}-ls-plain": (tree, "ls") for tree in ("old", "nosysvipc", "empty", "truncated", "shortrow")},
    **{f"{tree}-ls-json": (tree, "ls", "--json") for tree in ("old", "nosysvipc", "truncated")},
    "modern-ls-plain": ("modern", "ls", *SYSV),
    "modern-ls-posix-plain": ("modern", "ls", *POSIX, "-o", POSIX_COLUMNS),
    "modern-ls-json": ("modern", "ls", "--json"),
    "modern-ls-jsonl": ("modern", "ls", "--format", "jsonl", "shm", "pmsg"),
    "modern-ls-csv": ("modern", "ls", "--format", "csv", *SYSV),
    "modern-ls-posix-csv": ("modern", "ls", "--format", "csv", *POSIX, "-o", POSIX_COLUMNS),
    "modern-ls-table": ("modern", "ls", "--format", "table", *SYSV),
    "modern-ls-numeric": ("modern", "ls", "--numeric", "--no-headings", "shm"),
    "modern-ls-sorted": ("modern", "ls", "shm", "--sort", "-size", "-o", "ref,size"),
    "modern-ls-filtered": ("modern", "ls", "--user", "61001", "--larger-than", "4K", "-o", "+cpid,atime"),
    "modern-show-plain": ("modern", "show", "shm:0", "shm:4", "sem:1", "msg:0x4d01002a", "msg:2"),
    "modern-show-json": ("modern", "show", "--json", "shm:4", "sem:0", "msg:1", "pmsg:/notified", r"pshm:/caf\xe9"),
    "modern-show-missing": ("modern", "show", "--json", "shm:0", "shm:99", "pmsg:/nothing"),
    "modern-ps-plain": ("modern", "ps"),
    "modern-doctor-plain": ("modern", "doctor", *(f"--check={check}" for check in CHECKED)),
    "modern-doctor-json": ("modern", "doctor", "--json", *(f"--check={check}" for check in CHECKED)),
    "empty-doctor-plain": ("empty", "doctor", "--check=dest", "--check=limits"),
    "nosysvipc-doctor-plain": ("nosysvipc", "doctor", "--check=room", "--check=locks", "--check=orphans"),
    "modern-limits-plain": ("modern", "limits"),
    "modern-limits-json": ("modern", "limits", "--json"),
    "nosysvipc-limits-plain": ("nosysvipc", "limits"),
    "modern-users-plain": ("modern", "users", "--numeric"),
    "modern-users-json": ("modern", "users", "--json"),
    "modern-metrics": ("modern", "metrics", "--collect.disable", "devshm", "--collect.objects", ".*"),
    "old-metrics": ("old", "metrics", "--collect.disable", "devshm"),
    "nosysvipc-metrics": ("nosysvipc", "metrics", "--collect.disable", "devshm", "--collect.users", "3"),
    "truncated-metrics": ("truncated", "metrics", "--collect.disable", "devshm"),
    "old-users-csv": ("old", "users", "--format", "csv"),
}


def told(roots: Roots, arguments: tuple[str, ...], result: Result) -> str:
    """What a person saw, with the roots and the owner of this run's files under fixed names."""
    uid, gid = os.geteuid(), os.getegid()
    mine = f'"uid": {uid}, "user": "{pwd.getpwuid(uid).pw_name}", "gid": {gid}, "group": "{getgrgid(gid).gr_name}"'
    text = f"$ ipcctl {' '.join(arguments)}\n{result.out}--- exit {result.code}, stderr:\n{result.err}"
    text = text.replace(mine, '"uid": 0, "user": "root", "gid": 0, "group": "root"')
    for root, path in roots._asdict().items():
        text = text.replace(str(path), root.upper())
    text = re.sub(r'"allocated": \d+', '"allocated": "BLOCKS"', text)
    text = re.sub(r"^(ipcctl_\w*allocated_bytes.*) \S+", r"\1 BLOCKS", text, flags=re.MULTILINE)
    text = re.sub(r'^(ipcctl_oldest\w+{kind="p(?:shm|sem)"}) .*', r"\1 CTIME", text, flags=re.MULTILINE)
    text = re.sub(r"^(ipcctl_collector_duration_seconds\S*) .*", r"\1 SECONDS", text, flags=re.MULTILINE)
    return text.replace(f'version="{__version__}"', 'version="VERSION"')


@pytest.mark.parametrize("case", CASES)
def test_output_is_the_one_kept(case: str, tree: Callable[[str], Roots]) -> None:
    name, *arguments = CASES[case]
    roots = tree(name)
    if arguments[0] in ("limits", "users"):  # the size of a file system and a file's blocks are this machine's
        roots = roots._replace(shm=roots.shm.with_name("none"))
    actual = told(roots, tuple(arguments), run(roots, *arguments))
    path = GOLDEN / f"{case}.txt"
    if os.environ.get("IPCCTL_GOLDEN") == "write":
        path.write_text(actual)
    assert path.read_text() == actual


def test_every_kept_output_belongs_to_a_case() -> None:
    assert sorted(CASES) == sorted(path.stem for path in GOLDEN.iterdir())
