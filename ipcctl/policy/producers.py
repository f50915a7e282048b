"""Well-known producers, recognised by name, key, size or owner. Recognising never means removing.

Where a name holds the number of the process that made it, that process living is a sign that the object is needed.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import UsageError
from ipcctl.model.kinds import KINDS, MSG, PSEM, PSHM, SEM, SHM
from ipcctl.policy.keytest import key_test

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ipcctl.policy.selection import Test


class Producer(NamedTuple):
    """One row: every condition that is given must hold."""

    name: str
    kinds: frozenset[str]
    glob: str = ""  # on the name, without its slash
    key: str = ""  # glob on the eight-digit form
    size: int = 0  # bytes of a segment
    owner: str = ""  # user name
    pid: str = ""  # regular expression with one group: the producing process, out of the name


def _names(producer: str, *globs: str, kinds: Sequence[str] = (PSHM,), pid: str = "") -> list[Producer]:
    return [Producer(producer, frozenset(kinds), glob=glob, pid=pid) for glob in globs]


PRODUCERS: tuple[Producer, ...] = (
    *_names("python", "psm_*"),  # multiprocessing.shared_memory
    *_names("python", "mp-*", kinds=(PSEM,)),  # multiprocessing.Semaphore
    *_names("pytorch", "torch_*", pid=r"torch_(\d+)_"),
    *_names("nccl", "nccl-*"),
    *_names("fastdds", "fastdds_*", "fastrtps_*", kinds=(PSHM, PSEM)),
    *_names("pulseaudio", "pulse-shm-*"),
    *_names("openmpi", "vader_segment.*", "sm_segment.*", "open_mpi.*", "psm2_shm.*"),
    *_names("postgresql", "PostgreSQL.*"),
    *_names("chromium", ".org.chromium.*", ".com.google.Chrome.*"),
    *_names("iceoryx2", "iox2*", kinds=(PSHM, PSEM)),
    *_names("boost", "boost*", kinds=(PSHM, PSEM)),
    *_names("cuda", "cuda.shm.*"),
    *_names("lttng", "lttng-ust-*"),
    *_names("podman", "libpod_*lock*"),
    # The header segment that keeps two postmasters off one data directory; before 13 its key was port * 1000 + n.
    Producer("postgresql", frozenset({SHM}), size=56),
    Producer("postgresql", frozenset({SHM, SEM}), key="0x0052e2c?"),
    Producer("postgresql", frozenset({SHM, SEM}), owner="postgres"),
    Producer("oracle", frozenset({SHM, SEM, MSG}), owner="oracle"),
    Producer("apache", frozenset({SHM, SEM}), owner="www-data"),
    Producer("apache", frozenset({SHM, SEM}), owner="apache"),
)
NAMES = tuple(dict.fromkeys(row.name for row in PRODUCERS))


def check_producer(name: str) -> str:
    """*name* if it is one. Raises UsageError that lists them."""
    if name not in NAMES:
        message = f"unknown producer {name!r}"
        raise UsageError(message, hint=f"producers: {' '.join(NAMES)}")
    return name


def kinds_of_producer(name: str) -> frozenset[str]:
    """The kinds of object by which the producer *name* can be recognised."""
    return frozenset(kind for row in PRODUCERS if row.name == name for kind in row.kinds)


def producer_of(item: Any, users: Mapping[int, str | None]) -> str | None:  # noqa: ANN401  any object
    """Who makes objects like this one; None = nobody known."""
    row = _row_of(item, users)
    return row.name if row else None


def made_by(kind: str, producers: Collection[str], users: Mapping[int, str | None]) -> Test:
    """Whether an object of *kind* is of one of *producers*: what is like none of their rows is told at once."""
    rows = [row for row in _rows_for(kind) if row.name in producers]
    tests = [_test_of(row) for row in rows if not row.owner]
    owners = frozenset(row.owner for row in rows if row.owner)
    name_of = _name_of(users)
    if owners:
        tests.append(lambda item: name_of(item.uid) in owners)
    first = tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)
    return lambda item: first(item) and producer_of(item, users) in producers


def process_in_name(item: Any) -> int | None:  # noqa: ANN401  any object
    """The pid that the producer put into the name; None if this producer puts none."""
    if not KINDS[item.kind].posix:
        return None
    row = _row_of(item, {})
    match = re.match(row.pid, item.name[1:]) if row and row.pid else None
    return int(match[1]) if match and len(match[1]) <= 7 else None  # noqa: PLR2004  digits of the largest pid


def _row_of(item: Any, users: Mapping[int, str | None]) -> Producer | None:  # noqa: ANN401
    return next((row for row in _rows_for(item.kind) if _matches(row, item, users)), None)


@lru_cache(maxsize=len(KINDS))
def _rows_for(kind: str) -> tuple[Producer, ...]:
    return tuple(row for row in PRODUCERS if kind in row.kinds)


def _matches(row: Producer, item: Any, users: Mapping[int, str | None]) -> bool:  # noqa: ANN401
    return bool(_name_of(users)(item.uid) == row.owner if row.owner else _test_of(row)(item))


def _name_of(users: Mapping[int, str | None]) -> Callable[[int], str | None]:
    return users.__getitem__ if hasattr(users, "__missing__") else users.get


@cache
def _test_of(row: Producer) -> Test:
    """What the row says about an object, its owner aside."""
    if row.glob:
        matches = re.compile(translate(row.glob)).match
        return lambda item: matches(item.name, 1) is not None
    return key_test((row.key,)) if row.key else lambda item: item.size == row.size
