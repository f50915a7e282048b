"""Whatever goes in, nothing but the expected refusals comes out: every parser on damaged texts of its source."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ipcctl.parse
from ipcctl.errors import ParseError, PolicyError, UsageError
from ipcctl.model.archive import Header
from ipcctl.model.objects import PosixSemaphore
from ipcctl.parse import fields
from ipcctl.parse.archive import header_text, parse_header
from ipcctl.parse.devshm import parse_semaphore
from ipcctl.parse.logind import parse_last_system_uid, parse_remove_ipc, parse_system_service
from ipcctl.parse.maps import parse_maps
from ipcctl.parse.mountinfo import mount_options, mount_points, remote_points
from ipcctl.parse.mqueue import parse_queue_status
from ipcctl.parse.pidlimits import parse_msgqueue_limit
from ipcctl.parse.pidstat import parse_credentials, parse_pid_stat
from ipcctl.parse.policy_file import parse_policy
from ipcctl.parse.quantity import parse_duration, parse_size
from ipcctl.parse.reference import parse_reference, with_kind
from ipcctl.parse.syscall import calls_of, parse_syscall
from ipcctl.parse.sysctl import parse_numbers
from ipcctl.parse.sysvipc import parse_msg, parse_sem, parse_shm
from ipcctl.parse.table import parse_columns
from tests.parse.test_sysvipc import MSG, QUEUE, SEGMENT, SEM, SET, SHM

if TYPE_CHECKING:
    from collections.abc import Callable


class Case(NamedTuple):
    """A parser, a text that it reads, and what it may raise at others."""

    parse: Callable[[bytes], Any]
    good: str
    refusal: type[Exception]


class _NoRefusal(Exception):
    """For those that refuse nothing: what they do not know, they leave out."""


def _text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """As the files of the kernel are read: any byte becomes a character."""
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


HEADER = header_text(
    Header(
        PosixSemaphore("/lock", 0o600, 0, 0, 1, 1_700_000_000, 1_700_000_000, 5, 7), 1_700_000_000, "host", None, "adm"
    ),
    "1",
)
STATUS = "Name:\tpython\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t4 24\nCapEff:\t0\n"
STAT = f"4711 (a) b) S 1 {' '.join(map(str, range(48)))}\n"
MAPS = "7f1000000000-7f1000001000 rw-s 00000000 00:01 5 /SYSV0000002a (deleted)\n7f20-7f30 rw-p 0 00:00 0\n"
MOUNTINFO = (
    "24 1 0:21 / /dev/mqueue rw,nosuid shared:9 - mqueue mqueue rw\n25 1 0:5 / /proc rw - proc proc rw,hidepid=2\n"
)
LIMITS = "Limit Soft Hard Units\nMax msgqueue size         819200               unlimited            bytes     \n"
POLICY = """[defaults]
action = "report"
min_idle = "10m"
[[rule]]
name = "old"
kinds = ["shm", "pshm"]
older_than = "7d"
larger_than = "1M"
[[protect]]
name = "x"
keys = ["0x52*"]
"""

CASES = {
    "archive": Case(_text(lambda text: parse_header(text, "x")), HEADER, ParseError),
    "bytes": Case(_text(fields.parse_bytes), "64K", UsageError),
    "count": Case(_text(lambda text: fields.parse_count(text, "messages")), "10", UsageError),
    "ftok": Case(_text(fields.parse_ftok), "/srv/app:65", UsageError),
    "key": Case(_text(fields.parse_key), "0x5432abcd", UsageError),
    "mode": Case(_text(fields.parse_mode), "0640", UsageError),
    "numbered values": Case(_text(lambda text: fields.parse_numbered_values(text.split(" "))), "3=1 0=7", UsageError),
    "owner": Case(_text(fields.parse_owner), "root:adm", UsageError),
    "posix value": Case(_text(lambda text: fields.parse_posix_value([text])), "2147483647", UsageError),
    "project": Case(_text(fields.parse_project), "255", UsageError),
    "value": Case(_text(fields.parse_value), "32767", UsageError),
    "values": Case(_text(fields.parse_values), "1,1,0", UsageError),
    "devshm": Case(parse_semaphore, "\x07\0\0\0\0\0\0\0", ParseError),
    "last uid": Case(_text(parse_last_system_uid), "SYS_UID_MIN 100\nSYS_UID_MAX\t\t  999\n", _NoRefusal),
    "remove ipc": Case(_text(parse_remove_ipc), "[Login]\n#RemoveIPC=yes\nRemoveIPC=no\n", _NoRefusal),
    "service": Case(_text(parse_system_service), "0::/system.slice/postgresql.service\n", _NoRefusal),
    "maps": Case(lambda data: parse_maps(data, b"00:01"), MAPS, _NoRefusal),
    "mount points": Case(_text(lambda text: mount_points(text, "mqueue")), MOUNTINFO, _NoRefusal),
    "remote points": Case(_text(remote_points), MOUNTINFO.replace("- proc", "- fuse.sshfs"), _NoRefusal),
    "mount options": Case(_text(lambda text: mount_options(text, "proc")), MOUNTINFO, _NoRefusal),
    "mqueue": Case(_text(parse_queue_status), "QSIZE:129 NOTIFY:0 SIGNO:0 NOTIFY_PID:0\n", ParseError),
    "pidlimits": Case(_text(parse_msgqueue_limit), LIMITS, _NoRefusal),
    "credentials": Case(_text(parse_credentials), STATUS, ParseError),
    "pidstat": Case(_text(parse_pid_stat), STAT, ParseError),
    "policy_file": Case(_text(lambda text: parse_policy(text, "x")), POLICY, PolicyError),
    "duration": Case(_text(parse_duration), "15m", UsageError),
    "size": Case(_text(parse_size), "1.5G", UsageError),
    "reference": Case(_text(parse_reference), "pmsg:/jobs", UsageError),
    "with kind": Case(_text(with_kind), "65538", _NoRefusal),
    "syscall": Case(lambda data: parse_syscall(data, calls_of("x86_64")), "70 0x1 0x2 0x0 0x0 0x0 0x0", _NoRefusal),
    "sysctl": Case(_text(lambda text: parse_numbers(text, 4, "x")), "32000\t1024000000\t500\t32000\n", ParseError),
    "shm": Case(_text(parse_shm), SHM + SEGMENT, ParseError),
    "sem": Case(_text(parse_sem), SEM + SET, ParseError),
    "msg": Case(_text(parse_msg), MSG + QUEUE, ParseError),
    "table": Case(_text(lambda text: parse_columns(text, ("key", "semid"), "x")), SEM + SET, ParseError),
}
NO_PARSERS = {header_text.__name__, "device_text", calls_of.__name__}
"""They write a text, or say what can be read."""

SOURCE = Path(__file__).read_text()

every_parser = pytest.mark.parametrize("name", CASES)
pieces = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"", b"\n", b"-1", b" ", b"0x", b"9" * 5000, b"0" * 5000, b"\xff", b"\0", b"null", b"[", b"\xd9\xa1", b"1e999"]
    ),
)


def test_every_parser_is_among_them() -> None:
    found = set()
    for module in pkgutil.iter_modules(ipcctl.parse.__path__):
        loaded = import_module(f"ipcctl.parse.{module.name}")
        functions = inspect.getmembers(loaded, inspect.isfunction)
        found |= {name for name, function in functions if function.__module__ == loaded.__name__ and name[0] != "_"}
    asked = {name for name in found - NO_PARSERS if name not in globals() and f"fields.{name}" not in SOURCE}
    assert not asked
    assert found >= NO_PARSERS


@every_parser
def test_reads_what_it_is_made_for(name: str) -> None:
    case = CASES[name]
    assert case.parse(case.good.encode()) is not None


@every_parser
@given(data=st.data())
def test_raises_nothing_but_its_refusal(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    text = case.good.encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(pieces) + text[end:]
    try:
        case.parse(text)
    except case.refusal as error:
        assert str(error)  # noqa: PT017  what is expected is that nothing else is raised
