"""ipcrm and scripts beside util-linux on twin namespaces: the same words, and the same objects left."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.live import cli, namespace, population
from tests.live.original import BAD_USAGE, BESIDE, of_our_version

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = BESIDE

CALLS = [
    "", "-m 0", "-v -m 1 -q 0 -s 1", "-M 1 -Q 2 -S 3", "-v -M 0x1 -Q 02 -S 0x3", "-m 99 -q 1", "-M 99 -Q 0xffffffff",
    "-M -5", "-M 4294967291", "-a", "-v -a", "-ashm", "--all=sem -v", "-v --al=msg", "--all=sem --all=msg",
    "-m 0 -a -v",
    "shm 0", "shm 0 99 1", "sem 0 1 2", "msg 2 1 0", "shm +1", "sem 010", "shm -1", "shm", "foo", "foo 1", "-m", "-m x",
    "-m 4294967296", "-M 0", "-M 0x0", "-M zz", "--all=foo", "-afoo", "-x", "--shmem 1", "-m1 -v -V",
    "-m 99 -V", "-m 32769", "-V",
]  # fmt: skip
SCRIPTS = [
    "ipcs -m | awk '$6 == 0 && /^0x/ {print $2}' | xargs -n1 ipcrm -m; ipcs",
    "for i in $(ipcs -q | grep root | awk '{print $2}'); do ipcrm -q $i; done; ipcs",
    "ipcs -s | awk '/0x/ {print $2}' | while read i; do ipcs -s -i $i | grep -c ^0; ipcrm sem $i; done; ipcs -u",
    "ipcrm -v -m 0 -m 99 -q 0 2>&1; ipcs -m 2>&1 >/dev/full",
    "ipcrm $(ipcs -s | awk '/^0x/ {print \"-s\", $2}') && ipcs -s | wc -l; ipcs -m -p | tail -n +4 | head -1 | wc -w",
]


def fill() -> None:
    """The same objects in every fresh namespace."""
    namespace.enter()
    for number, key in enumerate((1, 2, 3, -5)):
        population._made(population.libc.shmget(key, 1 + number, 0o3600))
        population._made(population.libc.semget(key, 1 + number, 0o3644))
        population._made(population.libc.msgget(key, 0o3666))


def left() -> list[tuple[str, str, str]]:
    return [(kind, row["key"], row["perms"]) for kind in ("shm", "sem", "msg") for row in population.rows(kind)]


def as_twins(ours: list[str], theirs: list[str], **how: object) -> None:
    fill()
    peer = of_our_version(cli.run_program(theirs, **how))  # type: ignore[arg-type]
    if BAD_USAGE.match(peer.err):
        peer = cli.Result(0, "", "")
    remain = left()
    fill()
    assert peer == cli.run_program(ours, **how)  # type: ignore[arg-type]
    assert remain == left()


@pytest.mark.parametrize("call", CALLS)
def test_ipcrm_leaves_the_same_objects(call: str) -> None:
    as_twins([sys.executable, "-m", "ipcctl", "ipcrm", *call.split()], ["ipcrm", *call.split()])


@pytest.mark.parametrize("call", ["-a", "-v -a", "-m 0", "-v -M 1 -q 0", "sem 0 1"])
def test_ipcrm_of_a_stranger_leaves_the_same_objects(call: str, strangers: tuple[int, int]) -> None:
    as_twins([sys.executable, "-m", "ipcctl", "ipcrm", *call.split()], ["ipcrm", *call.split()], uid=strangers[0])


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run_to_the_same_result_through_links(script: str, tmp_path: Path) -> None:
    command = tmp_path / "ipcctl"
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom ipcctl.__main__ import main\nsys.exit(main())\n")
    command.chmod(0o755)
    links = tmp_path / "links"
    links.mkdir()
    made = subprocess.run([command, "link-compat", links], check=True, capture_output=True, text=True)
    assert [str(links / name) for name in ("ipcs", "ipcrm", "ipcmk")] == made.stdout.split()
    fill()
    peer = cli.run_program(["sh", "-c", script])
    remain = left()
    fill()
    # What container images set must not show.
    environment = {"PATH": f"{links}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    ours = cli.run_program(["sh", "-c", script], env=environment)
    assert (peer, remain) == (ours, left())


def test_link_compat_replaces_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "ipcrm").write_text("mine")
    result = cli.run("link-compat", tmp_path)
    assert 1 == result.code
    assert ["ipcrm"] == [path.name for path in tmp_path.iterdir()]
    assert cli.Result(0, "", "") == cli.run("link-compat", tmp_path, "--remove")
    assert "mine" == (tmp_path / "ipcrm").read_text()


@pytest.mark.parametrize(
    "call", ["-M 4K -S 2 -Q -p 640", "-S 0", "-M x", "-M 1b", "", "-S 1K", "-M 99999999999999999999", "-V"]
)
def test_ipcmk_makes_the_same_objects(call: str) -> None:
    namespace.enter()
    peer = of_our_version(cli.run_program(["ipcmk", *call.split()]))
    made = [row | {"key": ""} for kind in ("shm", "sem", "msg") for row in population.rows(kind)]
    namespace.enter()
    assert peer == cli.run("ipcmk", *call.split())
    ours = [row | {"key": ""} for kind in ("shm", "sem", "msg") for row in population.rows(kind)]
    strip = {"ctime", "cpid", "key"}
    assert [{k: v for k, v in row.items() if k not in strip} for row in made] == [
        {k: v for k, v in row.items() if k not in strip} for row in ours
    ]
