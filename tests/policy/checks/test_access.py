"""Who may write what, what is out of sight, what a logout takes."""

from __future__ import annotations

from typing import Any

import pytest

from ipcctl.model.finding import INFO, OK, UNKNOWN, WARNING, Facts, Finding
from ipcctl.model.objects import SHM_DEST, Segment
from ipcctl.policy.checks import CHECKS, examine
from tests.policy.checks.facts import YES, memory, posix_queue, segment, semaphores, the


@pytest.mark.parametrize(
    ("item", "command"),
    [
        (segment(uid=0, mode=0o666 | SHM_DEST), "ipcctl set shm:1 --mode 0664"),
        (semaphores(uid=33, mode=0o622), "ipcctl set sem:2 --mode 0620"),
        (memory(uid=0, mode=0o666, name="/a b'c"), """ipcctl set 'pshm:/a b'"'"'c' --mode 0664"""),
        (memory(uid=0, mode=0o666, name="/\x1b"), "ipcctl set 'pshm:/\\x1b' --mode 0664"),
        (posix_queue(uid=0, mode=0o602), "ipcctl set pmsg:/jobs --mode 0600"),
    ],
)  # fmt: skip
def test_object_of_a_privileged_owner_that_everybody_may_write_is_closed_by_a_command(item: Any, command: str) -> None:
    finding = the("writable", {item.kind: [item]})
    assert (WARNING, (item.ref,)) == (finding.severity, finding.refs)
    assert command == finding.mend[-1]


@pytest.mark.parametrize(
    "item", [segment(uid=1000, mode=0o666), segment(uid=0, mode=0o664), segment(uid=0, mode=0o604)]
)
def test_what_ordinary_users_open_and_what_is_closed_is_no_finding(item: Segment) -> None:
    assert OK == the("writable", {"shm": [item]}).severity


def test_missing_mqueue_mount_matters_where_queues_cannot_be_seen_or_are_there() -> None:
    facts = Facts(objects={}, mqueue=None, mqueue_asked=True)
    (blind,) = examine([CHECKS["mqueue"]], facts)
    assert WARNING == blind.severity
    assert "cannot be seen" in blind.finding
    assert INFO == the("mqueue", {}, mqueue=None).severity
    assert WARNING == the("mqueue", {"pmsg": [posix_queue()]}, mqueue=None).severity
    assert UNKNOWN == the("mqueue", {}, mqueue=None, mqueue_asked=False).severity


def logout(**facts: Any) -> Finding:
    return the("removeipc", {"shm": [segment()]}, **{"login": YES, "services": {1000: "db.service"}, **facts})


def test_logout_that_takes_a_services_objects_is_a_warning() -> None:
    finding = logout()
    assert (WARNING, "alice runs db.service: when alice logs out, systemd removes its 1 object") == finding[1:3]
    assert "loginctl enable-linger alice" == finding.mend[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"login": None},
        {"login": YES._replace(remove_ipc=False)},
        {"login": YES._replace(lingering=frozenset({"alice"}))},
        {"services": {}},
        {"services": {1001: "other.service"}},
        {"last_system_uid": 1000},
    ],
    ids=["no logind", "RemoveIPC=no", "lingers", "no service", "owns nothing", "system user"],
)
def test_logout_that_takes_nothing_of_a_service_is_no_finding(facts: dict[str, Any]) -> None:
    assert OK == logout(**facts).severity
