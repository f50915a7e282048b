"""Random command lines for ipcs, ipcrm and ipcmk: never a traceback, and beside util-linux the same answer.

Where ipcctl refuses what the original does, it removes less, never more; what it does, it does alike.
"""

from __future__ import annotations

import io
import os
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcctl.cli.personality import answer
from ipcctl.compat import PERSONALITIES, ipcmk, ipcrm, ipcs
from tests.live import cli, namespace, population
from tests.live.original import BAD_USAGE, BESIDE, OF_2_41, of_our_version

CASES = int(os.environ.get("IPCCTL_COMPAT_CASES", "200"))
EVERYTHING = settings(max_examples=CASES, deadline=None)
OWN = re.compile(r"a key has 32 bits|invalid id: (\d{10})?$|nothing was removed|argument: ''|ambiguous; possibilities")
"""What ipcrm says in words of its own: ipcctl-compat(7)."""

NUMBERS = [
    "0",
    "1",
    "3",
    "99",
    "-1",
    "+1",
    " 2",
    "01",
    "0x3",
    "-5",
    "4294967291",
    "2147483648",
    "4294967297",
    "x",
    "",
    "1 ",
]
SIZES = [
    "1",
    "4096",
    "0",
    "1K",
    "64KiB",
    "2kB",
    "1M",
    "-1",
    "1b",
    "0x10",
    "010",
    " 5",
    "99999999999999999999",
    "1Z",
    "K",
    "1Ki",
]
KINDS = ["shm", "sem", "msg", "foo", ""]
MODES = ["600", "0", "777", "0640", "+7", "8", ""]


def options(table: object, values: list[str], letters: str, *, later: bool = True) -> st.SearchStrategy[str]:
    """One word: an option in one of its spellings, good or not, or what may follow one."""
    names = [name for name, *_ in table if later or not name.startswith(OF_2_41)]  # type: ignore[attr-defined]
    short = st.text(letters, min_size=1, max_size=4)
    if not later:
        names.remove("help")  # it names the later options
    return st.one_of(
        st.sampled_from(values),
        st.builds("-{}".format, short),
        st.builds("-{}{}".format, short, st.sampled_from(values)),
        st.builds(lambda name, cut: f"--{name[: max(1, len(name) - cut)]}", st.sampled_from(names), st.integers(0, 9)),
        st.builds("--{}={}".format, st.sampled_from(names), st.sampled_from(values)),
        st.sampled_from(["--", "-", "---", "--=", "operand", "-é"]),
    )


SYNTAX = {
    "ipcs": options(ipcs._OPTIONS, NUMBERS, "qmsatpclubiVi"),
    "ipcrm": options(ipcrm._OPTIONS, NUMBERS + KINDS, "mMqQsSavV", later=False),
    "ipcmk": options(
        ipcmk._OPTIONS, ["-9", *filter(str.isdigit, NUMBERS), *SIZES[:7], *SIZES[8:], *MODES], "MSQpV", later=False
    ),
}
WORDS = st.text(st.characters(exclude_characters="\0", codec=None), max_size=8)
LATER = {
    "ipcs": SYNTAX["ipcs"],
    "ipcrm": options(ipcrm._OPTIONS, [*NUMBERS, *KINDS, "pshm", "psem", "/a", "a/b", "/", "."], "mMqQsSavVh"),
    "ipcmk": options(ipcmk._OPTIONS, [*NUMBERS, *SIZES, "/a", "a/b", "/", "."], "MSQpVhmqsn"),
}


def ours(name: str, arguments: list[str]) -> cli.Result:
    out, err = io.StringIO(), io.StringIO()
    return cli.Result(answer(name, arguments, out, err), out.getvalue(), err.getvalue())


def theirs(name: str, arguments: list[str]) -> cli.Result:
    done = subprocess.run([name, *arguments], capture_output=True, check=False, env=os.environ | {"LC_ALL": "C"})
    return of_our_version(cli.Result(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr)))


def fill() -> None:
    """The same objects in every fresh namespace: ids 0 to 2."""
    namespace.enter()
    for number, key in enumerate((1, 2, -5)):
        population._made(population.libc.shmget(key, 1 + number, 0o3600))
        population._made(population.libc.semget(key, 1 + number, 0o3644))
        population._made(population.libc.msgget(key, 0o3666))


def left() -> set[tuple[str, ...]]:
    """Every object, without what the moment of its making decides."""
    passing = {"ctime", "cpid"}
    return {
        (kind, *(value for name, value in row.items() if name not in passing))
        for kind in ("shm", "sem", "msg")
        for row in population.rows(kind)
    }


@pytest.mark.parametrize("name", PERSONALITIES)
def test_no_command_line_ends_in_a_traceback(name: str) -> None:
    @EVERYTHING
    @given(st.lists(st.one_of(LATER[name], WORDS), max_size=6))
    def check(arguments: list[str]) -> None:
        result = ours(name, arguments)
        assert result.code in (0, 1)
        assert result.code == 0 or result.err.startswith(f"{name}: ")

    fill()
    check()


@BESIDE
def test_ipcs_answers_alike_unless_it_refuses_a_negative_id() -> None:
    @EVERYTHING
    @given(st.lists(SYNTAX["ipcs"], max_size=6), st.booleans())
    def check(arguments: list[str], posixly: bool) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if posixly:
                patch.setenv("POSIXLY_CORRECT", "")
            here = ours("ipcs", arguments)
            if here.err.startswith("ipcs: invalid id (-"):
                assert (1, "") == (here.code, here.out)
            else:
                assert theirs("ipcs", arguments) == here

    fill()
    check()


@BESIDE
def test_ipcrm_answers_alike_or_refuses_everything() -> None:
    @EVERYTHING
    @given(st.lists(SYNTAX["ipcrm"], max_size=5))
    def check(arguments: list[str]) -> None:
        fill()
        there, left_there = theirs("ipcrm", arguments), left()
        fill()
        before, here, left_here = left(), ours("ipcrm", arguments), left()
        if BAD_USAGE.match(there.err):
            assert (cli.Result(0, "", ""), before) == (here, left_here)
            return
        if (there, left_there) == (here, left_here):
            return
        assert (1, "", before) == (here.code, here.out, left_here)
        assert left_there <= left_here
        said = there.err.splitlines()
        assert [] == [line for line in here.err.splitlines() if line not in said and not OWN.search(line)]

    check()


@BESIDE
def test_ipcmk_makes_alike_unless_the_mode_is_odd() -> None:
    @EVERYTHING
    @given(st.lists(SYNTAX["ipcmk"], max_size=5))
    def check(arguments: list[str]) -> None:
        fill()
        there, made_there = theirs("ipcmk", arguments), left()
        fill()
        here, made_here = ours("ipcmk", arguments), left()
        if "failed to parse mode" in here.err or "ambiguous; possibilities" in here.err:
            assert (there.code, there.out) == (here.code, here.out)
        else:
            assert there == here
        assert without_keys(made_there) == without_keys(made_here)

    check()


def without_keys(objects: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    return {(kind, *row) for kind, _, *row in objects}


@BESIDE
@pytest.mark.parametrize(
    "call", ["-s -i 0", "-q -i 0", "-q -i 0 --human", "-m -i 0", "-m -i 1", "-a", "-u", "-c", "-s -i 9"]
)
def test_ipcs_of_a_stranger_answers_alike(call: str, strangers: tuple[int, int]) -> None:
    for mode in (0o3600, 0o3000):
        population._made(population.libc.shmget(0, 100, mode))
        population._made(population.libc.semget(0, 2, mode))
        population._made(population.libc.msgget(0, mode))
    there = cli.run_program(["ipcs", *call.split()], uid=strangers[0])
    assert there == cli.run("ipcs", *call.split(), uid=strangers[0])
