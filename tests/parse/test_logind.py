"""What systemd's files say, and a process's own limits: odd lines are passed over as systemd and the kernel do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcctl.parse.logind import parse_last_system_uid, parse_remove_ipc, parse_system_service
from ipcctl.parse.pidlimits import parse_msgqueue_limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("[Login]\n#RemoveIPC=no\n", None),
        ("[Login]\nRemoveIPC=no\n", (False, 2)),
        ("[Login]\n  RemoveIPC =  OFF  \n", (False, 2)),
        ("[Login]\nRemoveIPC=1\n[Other]\nRemoveIPC=0\n", (True, 2)),
        ("RemoveIPC=no\n[Login]\n", None),
        ("[Login]\nRemoveIPC=no\nRemoveIPC=yes\n", (True, 3)),
        ("[Login]\nRemoveIPC=no\nRemoveIPC=\n", (None, 3)),
        ("[Login]\nRemoveIPC=no\nRemoveIPC=perhaps\n", (False, 2)),
        ("[Login]\nRemoveIPCs=no\nRemoveIPC\n", None),
        ("[Login]\r\nRemoveIPC=no\r\n", (False, 2)),
    ],
)
def test_last_assignment_that_is_a_boolean_counts(text: str, expected: object) -> None:
    assert expected == parse_remove_ipc(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", None), ("#SYS_UID_MAX 5\nSYS_UID_MAX\t499\n", 499), ("SYS_UID_MAX\nSYS_UID_MAX x\n", None)],
)
def test_last_system_uid_is_that_of_login_defs(text: str, expected: int | None) -> None:
    assert expected == parse_last_system_uid(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/postgresql@15-main.service\n", "postgresql@15-main.service"),
        ("0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n", "postgresql@15-main.service"),
        ("12:cpu:/\n1:name=systemd:/system.slice/db.service/worker\n", "db.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n", None),
        ("0::/system.slice/session.scope\n", None),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_service_is_a_unit_below_the_system_slice(text: str, expected: str | None) -> None:
    assert expected == parse_system_service(text)


HEADER = "Limit                     Soft Limit           Hard Limit           Units     \n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Max msgqueue size         819200               819200               bytes     \n", 819200),
        ("Max msgqueue size         unlimited            unlimited            bytes     \n", 2**64 - 1),
        ("Max msgqueue size\n", None),
        ("Max nice priority         0                    0                    \n", None),
    ],
)
def test_limit_on_bytes_in_queues_is_the_soft_one(line: str, expected: int | None) -> None:
    assert expected == parse_msgqueue_limit(HEADER + line)


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    for parse in (parse_remove_ipc, parse_last_system_uid, parse_system_service, parse_msgqueue_limit):
        parse(text)
        parse(f"[Login]\nRemoveIPC={text}\nSYS_UID_MAX {text}\nMax msgqueue size {text}\n0::/system.slice/{text}")
