"""What the exporter says about real objects, in every format, and when something cannot be read."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import posix_ipc
import pytest
import sysv_ipc

from ipcctl.exporter.catalogue import CLEAN, METRICS, PREFIX
from ipcctl.model.kinds import KINDS
from tests.live import actors, cli, namespace
from tests.live.population import populate
from tests.live.served import EVERYTHING, make_queue, metrics, serve

if TYPE_CHECKING:
    from collections.abc import Callable


def rows(kind: str) -> list[dict[str, int]]:
    heading, *lines = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
    return [dict(zip(heading.split(), map(int, line.split()), strict=True)) for line in lines]


def test_an_empty_namespace_has_every_kind_with_zero() -> None:
    found = metrics()
    for kind in KINDS:
        for name in ("objects", "oldest_object_timestamp_seconds", "gaps"):
            assert 0 == found[f'ipcctl_{name}{{kind="{kind}"}}']
    for kind in ("msg", "pmsg"):
        for name in ("messages", "message_bytes", "queue_fullness_ratio_max"):
            assert 0 == found[f'ipcctl_{name}{{kind="{kind}"}}']
    assert {1.0} == {value for name, value in found.items() if name.startswith("ipcctl_collector_success")}


def test_numbers_are_those_of_the_kernel_on_random_objects() -> None:
    populate(7, [os.geteuid()], 60)
    held = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=8192, init_character=b"x")
    found = metrics()
    shm, sem, msg = rows("shm"), rows("sem"), rows("msg")
    free = [row["size"] for row in shm if not row["nattch"]]
    expected = {
        'ipcctl_objects{kind="shm"}': len(shm),
        'ipcctl_objects{kind="sem"}': len(sem),
        'ipcctl_objects{kind="msg"}': len(msg),
        "ipcctl_semaphores": sum(row["nsems"] for row in sem),
        "ipcctl_shm_size_bytes": sum(row["size"] for row in shm),
        "ipcctl_shm_resident_bytes": sum(row["rss"] for row in shm),
        "ipcctl_shm_swapped_bytes": sum(row["swap"] for row in shm),
        "ipcctl_shm_attachments": sum(row["nattch"] for row in shm),
        "ipcctl_shm_unattached_objects": len(free),
        "ipcctl_shm_unattached_bytes": sum(free),
        'ipcctl_messages{kind="msg"}': sum(row["qnum"] for row in msg),
        'ipcctl_message_bytes{kind="msg"}': sum(row["cbytes"] for row in msg),
        'ipcctl_oldest_object_timestamp_seconds{kind="shm"}': min(
            max(row["atime"], row["dtime"], row["ctime"]) for row in shm
        ),
    }
    held.detach()
    assert all(value for name, value in expected.items() if "swapped" not in name)
    assert expected == {name: found[name] for name in expected}
    plain = [entry for entry in os.scandir(namespace.SHM) if entry.is_file(follow_symlinks=False)]
    memory = [entry for entry in plain if not entry.name.startswith("sem.")]
    assert len(memory) == found['ipcctl_objects{kind="pshm"}']
    assert sum(entry.stat().st_blocks * 512 for entry in memory) == found["ipcctl_pshm_allocated_bytes"]
    assert len(os.listdir(namespace.current().mqueue)) == found['ipcctl_objects{kind="pmsg"}']


def test_limits_are_those_of_proc_sys() -> None:
    found = metrics()
    semmsl, semmns, semopm, semmni = map(int, Path("/proc/sys/kernel/sem").read_text().split())
    read: Callable[[str], int] = lambda name: int(Path(f"/proc/sys/{name}").read_text())  # noqa: E731
    assert semmni == found['ipcctl_objects_limit{kind="sem"}']
    assert semmns == found["ipcctl_semaphores_limit"]
    assert read("kernel/shmmni") == found['ipcctl_objects_limit{kind="shm"}']
    assert read("kernel/msgmni") == found['ipcctl_objects_limit{kind="msg"}']
    assert read("fs/mqueue/queues_max") == found['ipcctl_objects_limit{kind="pmsg"}']
    assert read("kernel/msgmnb") == found["ipcctl_msg_queue_size_limit_bytes"]
    assert float(read("kernel/shmmax")) == found["ipcctl_shm_segment_size_limit_bytes"]
    assert float(read("kernel/shmall") * os.sysconf("SC_PAGE_SIZE")) == found["ipcctl_shm_size_limit_bytes"]
    assert shutil.disk_usage("/dev/shm").total == found["ipcctl_devshm_size_bytes"]
    assert (semmsl, semopm) > (0, 0)


def test_a_segment_removed_while_attached_is_pending() -> None:
    segment = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=8192)
    segment.remove()
    found = metrics()
    segment.detach()
    assert (1, 8192) == (found["ipcctl_shm_pending_destroy_objects"], found["ipcctl_shm_pending_destroy_bytes"])
    assert (1, 0) == (found["ipcctl_shm_attachments"], found["ipcctl_shm_unattached_objects"])


def test_fullness_counts_bytes_or_messages_whichever_is_nearer_to_the_limit() -> None:
    queue = sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    queue.max_size = 4000
    queue.send(bytes(2000))
    assert 0.5 == metrics()['ipcctl_queue_fullness_ratio_max{kind="msg"}']
    queue.max_size = 100
    queue.receive()
    for _ in range(90):
        queue.send(b"")  # no bytes, but msgsnd(2) counts messages against qbytes too
    assert 0.9 == metrics()['ipcctl_queue_fullness_ratio_max{kind="msg"}']
    make_queue("/half", b"a", b"b", max_messages=4)
    assert 0.5 == metrics()['ipcctl_queue_fullness_ratio_max{kind="pmsg"}']


def test_holders_tell_orphans_waiters_blocked_processes_and_memory_without_a_name() -> None:
    pid = os.fork()
    if not pid:
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096).detach()
        os._exit(0)
    os.waitpid(pid, 0)
    queue = sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    semaphores = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    (namespace.SHM / "held").write_bytes(bytes(8192))

    def hold_unlinked() -> object:
        file = (namespace.SHM / "held").open("rb")
        (namespace.SHM / "held").unlink()
        return file

    with (
        actors.actor(lambda: None, sleep=queue.receive, call="msgrcv"),
        actors.actor(lambda: None, sleep=semaphores.acquire, call="semop"),
        actors.actor(hold_unlinked),
    ):
        found = metrics("--collect.holders")
    assert 1 == found['ipcctl_orphaned_objects{kind="shm"}']
    assert 4096 == found['ipcctl_orphaned_bytes{kind="shm"}']
    assert (1, 0) == (found['ipcctl_sem_waiters{wait="ncount"}'], found['ipcctl_sem_waiters{wait="zcount"}'])
    assert [1, 1, 0] == [found[f'ipcctl_blocked_processes{{kind="{kind}"}}'] for kind in ("sem", "msg", "pmsg")]
    assert 8192 == found["ipcctl_pshm_unlinked_bytes"]
    assert {f'ipcctl_orphaned_objects{{kind="{kind}"}}' for kind in KINDS} <= set(found)


def test_a_scrape_takes_no_lease() -> None:
    posix_ipc.SharedMemory("/free", posix_ipc.O_CREX, size=1).close_fd()
    trace = shutil.which("strace")
    if trace is None:
        pytest.skip("strace is not installed")
    result = cli.run_program([trace, "-f", "-e", "trace=fcntl", *_module("metrics", "--collect.holders")])
    if result.code:
        pytest.skip(f"strace does not work here: {result.err[-80:]}")
    assert "ipcctl_orphaned_objects" in result.out
    assert "F_SETLEASE" not in result.err


def _module(*args: str) -> list[str]:
    import sys

    return [sys.executable, "-m", "ipcctl", *args]


def test_every_format_says_the_same() -> None:
    populate(3, [os.geteuid()], 10)
    with serve(*EVERYTHING) as exporter:
        classic = exporter.get()
        packed = exporter.get(accept_encoding="gzip")
        modern = exporter.get(accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        odd = exporter.get(accept="application/openmetrics-text;version=one")
    assert "text/plain; version=0.0.4; charset=utf-8" == classic.headers["Content-Type"]
    assert "gzip" == packed.headers["Content-Encoding"]
    assert modern.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert modern.body.endswith(b"# EOF\n")
    assert (200, classic.headers["Content-Type"]) == (odd.status, odd.headers["Content-Type"])
    samples = {line for line in classic.body.decode().splitlines() if not line.startswith("#") and _lasts(line)}
    assert samples == {line for line in modern.body.decode().splitlines() if not line.startswith("#") and _lasts(line)}
    assert samples == {
        line for line in gzip.decompress(packed.body).decode().splitlines() if not line.startswith("#") and _lasts(line)
    }


def _lasts(line: str) -> bool:
    """Whether it is the same in two scrapes: what takes time is not, nor is who may run beside this test."""
    return not re.match(r"ipcctl_(collector_duration|processes_unreadable|unknown|orphaned)", line)


def test_promtool_has_nothing_to_say() -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    populate(3, [os.geteuid()], 10)
    text = cli.run("metrics", *EVERYTHING).out
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_what_is_served_is_what_the_catalogue_has() -> None:
    populate(3, [os.geteuid()], 10)
    make_queue("/one")
    lines = cli.run("metrics", *EVERYTHING).out.splitlines()
    served = {re.split(r"[{ ]", line)[0].removeprefix(PREFIX) for line in lines if not line.startswith("#")}
    assert {metric.name for metric in METRICS.values() if metric.collector != CLEAN} == served
    assert not [metric for metric in METRICS.values() if metric.name.endswith("_total")]
    assert set() == {label for metric in METRICS.values() for label in metric.labels} - {
        *("kind", "collector", "version", "uid", "object", "wait", "result")
    }


def test_a_collector_that_fails_leaves_its_metrics_out_and_the_rest_goes_on(strangers: tuple[int, int]) -> None:
    namespace.umount(namespace.current().mqueue)
    try:
        found = metrics(uid=strangers[0])  # root would look without a mount
    finally:
        namespace.mount("mqueue", namespace.current().mqueue, "mqueue")
    assert 0 == found['ipcctl_collector_success{collector="pmsg"}']
    assert 1 == found['ipcctl_gaps{kind="pmsg"}']
    assert 1 == found['ipcctl_collector_success{collector="shm"}']
    assert [] == [name for name in found if 'kind="pmsg"' in name and "gaps" not in name and "limit" not in name]
    assert 0 == found['ipcctl_messages{kind="msg"}']


def test_content_that_may_not_be_read_is_a_gap_and_no_number(strangers: tuple[int, int]) -> None:
    make_queue("/closed", b"x", mode=0o600)
    found = metrics("--collect.objects", ".*", uid=strangers[0])
    assert 1 == found['ipcctl_objects{kind="pmsg"}']
    assert 1 == found['ipcctl_gaps{kind="pmsg"}']
    assert 'ipcctl_queue_fullness_ratio_max{kind="pmsg"}' not in found
    assert [] == [name for name in found if "/closed" in name]


def test_collectors_can_be_left_out_and_asked_for_singly() -> None:
    with serve("--collect.disable", "pmsg", "--collect.disable", "devshm") as exporter:
        found = exporter.values()
        single = exporter.values("/metrics?collect[]=shm&collect[]=limits")
        wrong = exporter.get("/metrics?collect[]=nothing")
        off = exporter.get("/metrics?collect[]=pmsg")
    assert [] == [name for name in found if "devshm" in name or 'collector="pmsg"' in name]
    assert {"shm", "limits"} == {part.split('"')[1] for part in single if part.startswith("ipcctl_collector_success")}
    assert 'ipcctl_objects{kind="sem"}' not in single
    assert (400, b"400 unknown collector 'nothing'") == (wrong.status, wrong.body.splitlines()[0])
    assert (400, b"400 collector is off: pmsg\n") == (off.status, off.body)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--collect.disable", "nothing"], "unknown collector 'nothing'"),
        (["--collect.objects", "("], "bad --collect.objects '('"),
        (["--collect.users", "0"], "bad --collect.users 0"),
        (["--collect.users", "1000000"], "bad --collect.users 1000000"),
        (["--collect.users", "many"], "--collect.users"),
        (["--textfile", "/dev/shm/metrics.txt"], "does not end in .prom"),
    ],
)
def test_wrong_usage_is_named(arguments: list[str], named: str) -> None:
    commands = ["metrics"] if "--textfile" in arguments else ["metrics", "exporter"]
    for command in commands:
        result = cli.run(command, *arguments)
        assert (2, "") == (result.code, result.out)
        assert named in result.err
    assert [] == os.listdir(namespace.SHM)
