"""The collectors of single owners and single objects, which have a bound."""

from __future__ import annotations

import os
import struct

import posix_ipc
import sysv_ipc
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.live import actors, namespace
from tests.live.served import EVERYTHING, make_queue, metrics, serve


def test_users_are_those_who_have_most_by_objects_or_by_bytes(strangers: tuple[int, int]) -> None:
    alice, bob = strangers

    def many() -> None:
        for _ in range(5):
            sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)

    def large() -> None:
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=1 << 20).detach()

    actors.as_user(alice, many)
    actors.as_user(bob, large)
    sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=1).detach()
    found = metrics("--collect.users", "2")
    assert 5 == found[f'ipcctl_user_objects{{kind="sem",uid="{alice}"}}']
    assert 1 << 20 == found[f'ipcctl_user_bytes{{kind="shm",uid="{bob}"}}']
    assert [] == [name for name in found if 'uid="0"' in name]
    assert 12 == found['ipcctl_series_dropped{collector="users"}']
    assert 24 == len([name for name in found if "uid=" in name])


def test_objects_are_those_whose_whole_name_matches() -> None:
    for name in ("/jobs", "/jobs-old"):
        make_queue(name, b"four", max_messages=4)
    posix_ipc.Semaphore("/jobs", posix_ipc.O_CREX, initial_value=3).close()
    found = metrics("--collect.objects", "/jobs")
    named = {name: value for name, value in found.items() if "object=" in name}
    assert {
        'ipcctl_queue_messages{kind="pmsg",object="/jobs"}': 1,
        'ipcctl_queue_message_bytes{kind="pmsg",object="/jobs"}': 4,
        'ipcctl_queue_fullness_ratio{kind="pmsg",object="/jobs"}': 0.25,
        'ipcctl_object_value{kind="psem",object="/jobs"}': 3,
    } == named


def test_there_is_a_bound_to_objects_and_what_is_dropped_is_told() -> None:
    for number in range(205):
        (namespace.SHM / f"x{number:03}").touch()
    found = metrics("--collect.objects", ".*")
    assert 200 == len([name for name in found if "object=" in name])
    assert 'ipcctl_object_allocated_bytes{kind="pshm",object="/x199"}' in found
    assert 5 == found['ipcctl_series_dropped{collector="objects"}']


def test_a_name_that_is_no_text_does_not_break_a_scrape() -> None:
    for raw in (b"caf\xe9", b'"quoted"\\', b"new\nline", b"\x1b[31m", b"sem.\xff\xfe"):
        (namespace.SHM / os.fsdecode(raw)).write_bytes(struct.pack("@QQQQ", 1, 0, 0, 0))
    with serve(*EVERYTHING) as exporter:
        found = exporter.values()
        answer = exporter.get(accept="application/openmetrics-text")
    assert r'ipcctl_object_allocated_bytes{kind="pshm",object="/caf\xe9"}' in found
    assert r'ipcctl_object_value{kind="psem",object="/\xff\xfe"}' in found
    assert 200 == answer.status
    assert list(text_string_to_metric_families(answer.body.decode()))  # type: ignore[no-untyped-call]
