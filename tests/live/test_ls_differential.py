"""ls and rm on random populations of three users against a reader and a bookkeeper of the test's own."""

from __future__ import annotations

import grp
import json
import os
import pwd
import random
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import posix_ipc
import pytest

from tests.live import actors, namespace
from tests.live.cli import run
from tests.live.population import expected, libc, populate, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = int(os.environ.get("IPCCTL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EACH = 70
"""Objects per user: 210 in all."""


@pytest.fixture
def users(strangers: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Root and two ordinary users with 70 objects each; three segments of each attached, one of these removed."""
    print(f"repeat with IPCCTL_SEED={SEED}")  # noqa: T201  shown when a test fails
    owners = (0, *strangers)
    populate(SEED, list(owners), EACH)
    rng = random.Random(SEED)
    with ExitStack() as stack:
        for owner in owners:
            segments = [row for row in rows("shm") if int(row["uid"]) == owner]
            held = [int(row["shmid"]) for row in rng.sample(segments, 3)]
            for shmid in held:
                stack.enter_context(actors.attached(shmid))
            libc.shmctl(held[0], 0, None)  # IPC_RMID
            waited = next(row for row in rows("sem") if int(row["uid"]) == owner and _can_be_waited_on(row))
            stack.enter_context(actors.waiting(int(waited["semid"])))
        yield owners


def _can_be_waited_on(row: dict[str, str]) -> bool:
    """Its first semaphore is 0, and its owner may ask how many wait."""
    return row["otime"] == "0" and bool(int(row["perms"], 8) & 0o400)


def names() -> tuple[dict[int, str | None], dict[int, str | None]]:
    users: dict[int, str | None] = {entry.pw_uid: entry.pw_name for entry in reversed(pwd.getpwall())}
    groups: dict[int, str | None] = {entry.gr_gid: entry.gr_name for entry in reversed(grp.getgrall())}
    return users | dict.fromkeys({61001, 61002} - set(users)), groups | dict.fromkeys({61001, 61002} - set(groups))


@pytest.mark.parametrize("who", range(3))
def test_json_equals_what_the_kernel_says_field_by_field(users: tuple[int, int, int], who: int) -> None:
    notified = posix_ipc.MessageQueue("/notified", posix_ipc.O_CREX, mode=0o644)
    notified.request_notification(signal.SIGURG)
    result = run("ls", "--json", uid=users[who])
    document = json.loads(result.out)
    actual = {item["ref"]: item for item in document["objects"]}
    wanted = expected(*names(), reader=users[who])
    notified.close()
    assert 0 == result.code
    assert len(wanted) == 3 * EACH + 1
    assert list(wanted) == list(actual), "another order"
    for ref, fields in wanted.items():
        assert fields == actual[ref], f"{ref}, IPCCTL_SEED={SEED}"


def test_plain_and_csv_and_jsonl_list_the_same_objects(users: tuple[int, int, int]) -> None:
    assert 3 == len(users)
    refs = [item["ref"] for item in json.loads(run("ls", "--json").out)["objects"]]
    assert refs == [json.loads(line)["ref"] for line in run("ls", "--format", "jsonl").out.splitlines()]
    assert refs == run("ls", "--format", "csv", "-o", "ref", "--no-headings").out.splitlines()
    plain = run("ls", "-o", "ref", "--no-headings").out.splitlines()
    assert [ref.replace(" ", r"\x20") for ref in refs] == [line for line in plain if line]


def owner_of_each() -> dict[str, int]:
    return {ref: item["uid"] for ref, item in expected(*names(), reader=0).items()}


def test_user_removes_exactly_his_unused_objects(users: tuple[int, int, int]) -> None:
    _, alice, _ = users
    before = owner_of_each()
    used = {f"shm:{row['shmid']}" for row in rows("shm") if row["nattch"] != "0"}
    waited = {ref for ref in before if ref.startswith("sem:") and _waiters(int(ref[4:]))}
    kept = {ref for ref in used | waited if before[ref] == alice}
    assert kept & used
    assert kept & waited
    result = run("rm", "--user", "me", "--yes", "--json", uid=alice)
    outcomes = {item["ref"]: item for item in json.loads(result.out)["objects"]}
    assert 0 == result.code, result.err
    assert {ref for ref, uid in before.items() if uid == alice} == set(outcomes)
    assert kept == {ref for ref, item in outcomes.items() if item["result"] == "kept"}
    assert {"removed", "kept"} == {item["result"] for item in outcomes.values()}
    assert all(item["why"].startswith("in-use: ") for item in outcomes.values() if item["result"] == "kept")
    assert {ref: uid for ref, uid in before.items() if uid != alice or ref in kept} == owner_of_each()


def _waiters(semid: int) -> int:
    getncnt, nsems = 14, next(int(row["nsems"]) for row in rows("sem") if int(row["semid"]) == semid)
    return sum(int(libc.semctl(semid, num, getncnt, 0)) for num in range(nsems))


def test_user_cannot_remove_what_is_not_his_whatever_he_names(users: tuple[int, int, int]) -> None:
    _, alice, bob = users
    before = owner_of_each()
    result = run("rm", "--user", str(bob), "--user", "root", "--force", "--yes", "--json", uid=alice)
    outcomes = json.loads(result.out)["objects"]
    assert 1 == result.code
    assert {"failed"} == {item["result"] for item in outcomes}
    assert {"only its owner, its creator or root may remove it"} == {item["why"] for item in outcomes}
    assert before == owner_of_each()


@pytest.mark.usefixtures("users")
def test_all_force_leaves_nothing_but_what_goes_with_its_last_attachment() -> None:
    result = run("rm", "--all", "--force", "--yes", "--format", "plain")
    assert 0 == result.code
    left = expected(*names(), reader=0).values()
    assert all(item["status"][0] == "dest" for item in left), left
    assert [] == [*namespace.SHM.iterdir(), *namespace.current().mqueue.iterdir()]


def test_owners_add_up(users: tuple[int, int, int]) -> None:
    totals = {item["uid"]: item for item in json.loads(run("users", "--json").out)["users"]}
    items = expected(*names(), reader=0).values()
    assert set(users) == set(totals)
    for uid, total in totals.items():
        mine = [item for item in items if item["uid"] == uid]
        sizes = {"shm": "size", "msg": "cbytes", "pshm": "size", "pmsg": "qsize"}
        held = sum(item[sizes[item["kind"]]] for item in mine if item["kind"] in sizes)
        resident = sum(item.get("rss", 0) + item.get("allocated", 0) for item in mine)
        assert (EACH, held, resident) == (total["objects"], total["bytes"], total["rss"])
        for kind in ("shm", "sem", "msg", "pshm", "psem", "pmsg"):
            assert sum(item["kind"] == kind for item in mine) == total[kind]


@pytest.mark.usefixtures("users")
def test_limits_count_what_is_there() -> None:
    limits = {item["limit"]: item for item in json.loads(run("limits", "--json").out)["limits"]}
    items = list(expected(*names(), reader=0).values())
    by_kind = {kind: [item for item in items if item["kind"] == kind] for kind in ("shm", "sem", "msg", "pmsg")}
    wanted = {
        "shmmni": len(by_kind["shm"]),
        "shmall": sum(-(-item["size"] // os.sysconf("SC_PAGE_SIZE")) for item in by_kind["shm"]),
        "shmmax": max(item["size"] for item in by_kind["shm"]),
        "semmni": len(by_kind["sem"]),
        "semmns": sum(item["nsems"] for item in by_kind["sem"]),
        "semmsl": max(item["nsems"] for item in by_kind["sem"]),
        "semopm": None,
        "msgmni": len(by_kind["msg"]),
        "msgmnb": max(item["cbytes"] for item in by_kind["msg"]),
        "msgmax": None,
        "queues_max": len(by_kind["pmsg"]),
        "msg_max": max(item["maxmsg"] for item in by_kind["pmsg"]),
        "msgsize_max": 64,
    }
    assert wanted == {name: item["used"] for name, item in limits.items() if name in wanted}
    use = os.statvfs("/dev/shm")
    assert use.f_blocks * use.f_frsize == limits["/dev/shm"]["max"]
