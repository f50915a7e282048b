"""Random objects of all six kinds, made by real users, and a reader that shares no code with ipcctl."""

from __future__ import annotations

import ctypes
import os
import random
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import posix_ipc
import sysv_ipc

from tests.live import namespace
from tests.live.actors import as_user

KINDS = ("shm", "sem", "msg", "pshm", "psem", "pmsg")
MODES = (0o600, 0o600, 0o640, 0o644, 0o660, 0o666, 0o622, 0o400, 0o200, 0o000)
IPC_CREX = 0o3000
PRIVATE = 0

libc = ctypes.CDLL(None, use_errno=True)
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]


def populate(seed: int, owners: list[int], each: int) -> None:
    """Let every owner make `each` random objects."""
    for owner in owners:
        rng = random.Random(f"{seed} {owner}")
        as_user(owner, lambda rng=rng: make(rng, each))  # type: ignore[misc]  # the lambda is called at once


def make(rng: random.Random, count: int) -> None:
    """Make `count` random objects as whoever this is."""
    os.umask(0)
    for number in range(count):
        MAKERS[KINDS[number % len(KINDS)]](rng, rng.choice(MODES), number)


def _key(rng: random.Random) -> int:
    return ctypes.c_int(PRIVATE if rng.random() < 0.2 else rng.getrandbits(32) or 1).value


def _made(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _shm(rng: random.Random, mode: int, _: int) -> None:
    shmid = _made(libc.shmget(_key(rng), rng.choice((1, 100, 4096, 5000, 1 << 20)), IPC_CREX | mode))
    if rng.random() < 0.5:
        with suppress(sysv_ipc.Error):
            sysv_ipc.attach(shmid).detach()
    if rng.random() < 0.2:
        libc.shmctl(shmid, 11, None)  # SHM_LOCK


def _sem(rng: random.Random, mode: int, _: int) -> None:
    semid = _made(libc.semget(_key(rng), rng.randint(1, 20), IPC_CREX | mode))
    if rng.random() < 0.5:
        libc.semop(semid, struct.pack("@Hhh", 0, rng.randint(1, 9), 0), 1)


def _msg(rng: random.Random, mode: int, _: int) -> None:
    msqid = _made(libc.msgget(_key(rng), IPC_CREX | mode))
    for size in range(rng.randint(0, 5)):
        libc.msgsnd(msqid, struct.pack("@q", 1 + size) + bytes(size * 7), size * 7, 0)
    if rng.random() < 0.3:
        libc.msgrcv(msqid, ctypes.create_string_buffer(200), 190, 0, 0o4000)


def _file(path: Path, content: bytes, size: int, mode: int, rng: random.Random) -> None:
    with path.open("xb") as file:
        file.write(content)
        os.ftruncate(file.fileno(), size)
        os.fchmod(file.fileno(), mode)
        past = int(time.time()) - rng.randint(0, 10**7)
        os.utime(file.fileno(), (past, past))


def _name(rng: random.Random, number: int) -> str:
    return f"{rng.choice(('psm_', 'torch_', 'blank ', 'café-', '.hidden-'))}{os.getuid()}-{number}"


def _pshm(rng: random.Random, mode: int, number: int) -> None:
    size = rng.choice((0, 1, 4096, 100_000))
    _file(namespace.SHM / _name(rng, number), bytes(rng.randint(0, size)), size, mode, rng)


def _psem(rng: random.Random, mode: int, number: int) -> None:
    value = struct.pack("@QQQQ", rng.getrandbits(31), 0, 0, 0)
    _file(namespace.SHM / f"sem.{_name(rng, number)}", value, 32, mode, rng)


def _pmsg(rng: random.Random, mode: int, number: int) -> None:
    maximum = rng.randint(1, 5)
    name = f"/q{os.getuid()}-{number}"
    queue = posix_ipc.MessageQueue(name, posix_ipc.O_CREX, mode=0o600, max_messages=maximum, max_message_size=64)
    for _ in range(rng.randint(0, maximum)):
        queue.send(bytes(rng.randint(0, 64)), priority=rng.randint(0, 9))
    queue.close()
    (namespace.current().mqueue / name[1:]).chmod(mode)


MAKERS = {"shm": _shm, "sem": _sem, "msg": _msg, "pshm": _pshm, "psem": _psem, "pmsg": _pmsg}


# The reader


def expected(names: dict[int, str | None], groups: dict[int, str | None], reader: int) -> dict[str, dict[str, Any]]:
    """Every object of this namespace by reference, with the fields ipcctl(1) promises, as the user `reader` sees it."""
    found = [_system_v(kind, row, names, groups) for kind in KINDS[:3] for row in rows(kind)]
    found += [_in_shm(path, names, groups, reader) for path in sorted(namespace.SHM.iterdir(), key=_semaphores_last)]
    found += [_queue(path, names, groups, reader) for path in sorted(namespace.current().mqueue.iterdir())]
    return {item["ref"]: item for item in found}


def _semaphores_last(path: Path) -> tuple[bool, str]:
    return path.name.startswith("sem."), path.name


def rows(kind: str) -> list[dict[str, str]]:
    """The rows of /proc/sysvipc/KIND under the words of its heading."""
    heading, *lines = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
    return [dict(zip(heading.split(), line.split(), strict=True)) for line in lines]


def _when(seconds: float) -> str | None:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def _system_v(
    kind: str, row: dict[str, str], names: dict[int, str | None], groups: dict[int, str | None]
) -> dict[str, Any]:
    number = int(row[{"shm": "shmid", "sem": "semid", "msg": "msqid"}[kind]])
    flags = int(row["perms"], 8)
    item: dict[str, Any] = {
        "kind": kind,
        "ref": f"{kind}:{number}",
        "perms": "0" + format(flags & 0o777, "03o"),
        "user": names[int(row["uid"])],
        "group": groups[int(row["gid"])],
        "id": number,
        "key": "0x" + struct.pack(">i", int(row["key"])).hex(),
        "cuser": names[int(row["cuid"])],
        "cgroup": groups[int(row["cgid"])],
    }
    plain = {"uid", "gid", "cuid", "cgid", "size", "nattch", "nsems", "cbytes", "qnum", "rss", "swap"}
    item |= {word: int(value) for word, value in row.items() if word in plain}
    item |= {word: int(value) or None for word, value in row.items() if word in {"cpid", "lpid", "lspid", "lrpid"}}
    item |= {word: _when(int(value)) for word, value in row.items() if word.endswith("time")}
    if kind == "shm":
        item["status"] = ["dest"] * bool(flags & 0o1000) + ["locked"] * bool(flags & 0o2000)
    if kind == "msg":
        item["qbytes"] = _qbytes(number)
    return item


def _qbytes(msqid: int) -> int:
    """msgctl(2) IPC_STAT, as root."""
    buffer = ctypes.create_string_buffer(120)
    _made(libc.msgctl(msqid, 2, buffer))
    return int.from_bytes(buffer.raw[88:96], "little")


def _posix(
    kind: str, name: str, path: Path, names: dict[int, str | None], groups: dict[int, str | None]
) -> dict[str, Any]:
    status = os.stat(path, follow_symlinks=False)
    return {
        "kind": kind,
        "ref": f"{kind}:{name}",
        "name": name,
        "perms": "0" + format(status.st_mode & 0o777, "03o"),
        "uid": status.st_uid,
        "user": names[status.st_uid],
        "gid": status.st_gid,
        "group": groups[status.st_gid],
        "mtime": _when(status.st_mtime),
    }


def _value(name: str) -> int:
    """The value by sem_getvalue(3), the semaphore unmapped again: who maps it has it in use."""
    semaphore = posix_ipc.Semaphore(name)
    try:
        return int(semaphore.value)
    finally:
        semaphore.close()


def _may_read(path: Path, reader: int) -> bool:
    status = path.stat()
    bit = 0o400 if status.st_uid == reader else 0o040 if status.st_gid == reader else 0o004
    return reader == 0 or bool(status.st_mode & bit)


def _in_shm(path: Path, names: dict[int, str | None], groups: dict[int, str | None], reader: int) -> dict[str, Any]:
    if path.name.startswith("sem."):
        value = _value("/" + path.name[4:]) if _may_read(path, reader) else None
        return {**_posix("psem", "/" + path.name[4:], path, names, groups), "value": value}
    status = path.stat()
    sizes = {"size": status.st_size, "allocated": status.st_blocks * 512}
    return {**_posix("pshm", "/" + path.name, path, names, groups), **sizes}


def _queue(path: Path, names: dict[int, str | None], groups: dict[int, str | None], reader: int) -> dict[str, Any]:
    item = _posix("pmsg", "/" + path.name, path, names, groups)
    if not _may_read(path, reader):
        return item | dict.fromkeys(("qsize", "qnum", "maxmsg", "msgsize", "notify_pid"))
    words = dict(word.split(":") for word in path.read_text().split())
    queue = posix_ipc.MessageQueue("/" + path.name, read=True, write=False)
    item |= {"qsize": int(words["QSIZE"]), "notify_pid": int(words["NOTIFY_PID"]) or None}
    item |= {"qnum": queue.current_messages, "maxmsg": queue.max_messages, "msgsize": queue.max_message_size}
    queue.close()
    return item
