"""ipcs beside the installed util-linux: the same bytes on stdout and stderr, the same status, on random objects.

Two kinds of population. Real objects, held, locked and removed while attached. And tables put over /proc/sysvipc by a
bind mount, which both programs read: no clock can be turned back here, so that is how last year's times, extreme sizes
and numbers come about. IPCCTL_COMPAT_CASES sets how many calls are compared; IPCCTL_SEED repeats a run.
"""

from __future__ import annotations

import io
import itertools
import os
import random
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipcctl.cli.personality import answer
from ipcctl.compat import cells
from tests.live import actors, cli, namespace, population
from tests.live.original import BESIDE, of_our_version

pytestmark = BESIDE

CASES = int(os.environ.get("IPCCTL_COMPAT_CASES", "200"))
SEED = int(os.environ.get("IPCCTL_SEED", random.SystemRandom().randrange(10**6)))
LONG, UNNAMED = 80001, 80002
HEADINGS = {
    "msg": "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime",
    "sem": "key semid perms nsems uid gid cuid cgid otime ctime",
    "shm": "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap",
}
ZONES = ["UTC", "XYZ-5:45", "EST5EDT,M3.2.0,M11.1.0"]
KINDS = {"-m": "shm", "-q": "msg", "-s": "sem"}
RESOURCES = ["", "-m", "-q", "-s", "-a", "-mq", "-ms", "-qs", "--shmems --queues", "--sem"]
LAYOUTS = ["", "-t", "-p", "-c", "-l", "-u", "--time", "--pid", "--creat", "--lim", "--summ", "-t -p", "-lu", "-c -t"]
UNITS = ["", "-b", "--human", "--bytes --human", "--human -b"]
PRODUCT = list(itertools.product(RESOURCES, LAYOUTS, UNITS))
VALID_ODD = ["-h", "--help", "-V", "--vers", "operand -m", "-m -- -q", "-", "-i 99999 -m", "-q -i+0"]
INVALID = [
    "-x",
    "--foo",
    "--s",
    "--h=1",
    "--al=1",
    "--id",
    "-i",
    "-i 1",
    "-m -i x",
    "-m -i 4294967296",
    "-mq -i 1",
    "-mx",
]


@pytest.fixture(autouse=True)
def _accounts(strangers: tuple[int, int], tmp_path: Path) -> None:  # noqa: ARG001  needs root
    """A private passwd and group with a long name, over the real ones; gone with the mounts of the next test."""
    cells._looked_up.clear()
    for file, line in (
        ("passwd", f"averylongusername:x:{LONG}:{LONG}::/:/bin/sh\n"),
        ("group", f"averylonggroup:x:{LONG}:\n"),
    ):
        copy = tmp_path / file
        copy.write_text(Path(f"/etc/{file}").read_text() + line)
        namespace.mount(str(copy), Path(f"/etc/{file}"), None, namespace.MS_BIND)


@pytest.fixture
def mounts(_accounts: None) -> list[Path]:
    return [Path("/etc/passwd"), Path("/etc/group")]


@pytest.fixture(autouse=True)
def _unmount(mounts: list[Path]) -> object:
    yield
    for path in reversed(mounts):
        namespace.umount(path)


def peer(program: str, arguments: list[str], **more: str) -> cli.Result:
    environment = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.environ["PATH"]} | more
    done = subprocess.run([program, *arguments], capture_output=True, check=False, env=environment)
    return of_our_version(
        cli.Result(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )
    )


def ours(program: str, arguments: list[str]) -> cli.Result:
    out, err = io.StringIO(), io.StringIO()
    status = answer(program, arguments, out, err)
    return cli.Result(status, out.getvalue(), err.getvalue())


def compare(arguments: list[str], rng: random.Random) -> None:
    """In this process mostly, through a real one now and then."""
    theirs = peer("ipcs", arguments)
    if rng.random() < 0.05:
        there = {"LC_ALL": rng.choice(["C", "C.UTF-8"]), "TZ": rng.choice(ZONES)}
        assert peer("ipcs", arguments, **there) == cli.run("ipcs", *arguments, env=there), (SEED, arguments, there)
    assert theirs == ours("ipcs", arguments), (SEED, arguments)


def calls(rng: random.Random, count: int) -> list[list[str]]:
    chosen = rng.sample(PRODUCT, min(len(PRODUCT), count))
    found = [" ".join(words).split() for words in chosen]
    for words in found:
        rng.shuffle(words)
    for option, kind in KINDS.items():
        known = [row[HEADINGS[kind].split()[1]] for row in population.rows(kind)]
        for number in rng.sample(known, min(2, len(known))):
            found += [[option, "-i", number, *rng.choice(["", "-b", "--human", "-l"]).split()]]
    return (
        found + [text.split() for text in rng.sample(VALID_ODD, 3)] + [text.split() for text in rng.sample(INVALID, 3)]
    )


def test_real_objects_are_shown_alike() -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")  # noqa: T201  shown when the test fails
    rounds = max(1, CASES // 100)
    for _ in range(rounds):
        namespace.enter()
        with ExitStack() as held:
            for owner in (0, LONG, UNNAMED, 33):
                inner = random.Random(rng.random())
                actors.as_user(owner, lambda inner=inner: population_of_system_v(inner))  # type: ignore[misc]
            known = [int(row["shmid"]) for row in population.rows("shm") if int(row["size"]) < 1 << 30]
            for shmid in rng.sample(known, min(3, len(known))):
                held.enter_context(actors.attached(shmid))
            if known:
                dying = rng.choice(known)
                held.enter_context(actors.attached(dying))
                population.libc.shmctl(dying, 0, None)
            limits(rng)
            for arguments in calls(rng, 40):
                compare(arguments, rng)


def population_of_system_v(rng: random.Random) -> None:
    for number in range(rng.randint(0, 4)):
        for kind in ("shm", "sem", "msg"):
            population.MAKERS[kind](rng, rng.choice(population.MODES), number)
    population.libc.semget(0, rng.randint(1, 50), 0o3600)
    population.libc.shmget(0, rng.choice((1, 1 << 33, (1 << 40) - 1)), 0o3600)


def limits(rng: random.Random) -> None:
    """Random limits of this namespace: they are how sizes of 64 bits are written."""
    for name in ("shmmax", "shmall"):
        value = rng.choice(
            (rng.getrandbits(64), rng.getrandbits(rng.randint(12, 64)), 2**64 - 1, 1024 ** rng.randint(1, 6) - 1)
        )
        Path(f"/proc/sys/kernel/{name}").write_text(str(value))
    for name in ("msgmax", "msgmnb"):
        Path(f"/proc/sys/kernel/{name}").write_text(str(rng.getrandbits(rng.randint(1, 31))))


def test_recorded_tables_are_shown_alike(tmp_path: Path, mounts: list[Path]) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")  # noqa: T201  shown when the test fails
    for kind in HEADINGS:
        file = tmp_path / kind
        file.write_text("\n")
        namespace.mount(str(file), Path(f"/proc/sysvipc/{kind}"), None, namespace.MS_BIND)
        mounts.append(Path(f"/proc/sysvipc/{kind}"))
    for _ in range(max(1, CASES // 100)):
        for kind, heading in HEADINGS.items():
            (tmp_path / kind).write_text(table(rng, heading))
        for arguments in calls(rng, 40):
            words = set(arguments)
            if {"-s", "-i"} <= words or words & {"-u", "-lu", "--summ"}:
                continue  # those ask the kernel, which knows nothing of what is mounted here
            compare(arguments, rng)


def table(rng: random.Random, heading: str) -> str:
    lines = [heading]
    for number in range(rng.randint(0, 6)):
        row = {word: str(cell(rng, word)) for word in heading.split()}
        row[heading.split()[1]] = str(rng.choice((number, 32768 * number + number, 2**31 - 1 - number)))
        lines.append(" ".join(row.values()))
    return "\n".join(lines) + "\n"


def cell(rng: random.Random, word: str) -> int | str:
    if word == "key":
        return rng.choice((0, 1, -1, -(2**31), 2**31 - 1, rng.getrandbits(31)))
    if word == "perms":
        return format(rng.choice((0o600, 0o3600, 0o1777, 0o2000, 0, 0o644, 0o7777)), "o")
    if word.endswith("time"):
        return rng.choice((0, 1, 1_700_000_000 + rng.getrandbits(26), rng.getrandbits(32)))
    if word in ("uid", "gid", "cuid", "cgid"):
        return rng.choice((0, 33, LONG, UNNAMED, 2**32 - 2, 65534))
    if word in ("size", "cbytes", "rss", "swap"):
        return rng.choice((0, 1, rng.getrandbits(rng.randint(1, 64)), 2**64 - 1, 1024 ** rng.randint(1, 6) - 1))
    return rng.choice((0, 1, rng.getrandbits(16), 2**31 - 1))
