"""Changing one object that stays: owner, mode, limit, values, lock, size. What speaks against it is asked first."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.act.admission import not_ours, room_of
from ipcctl.errors import ObjectMissing, Refused, UsageError
from ipcctl.kernel import change, devshm, lease
from ipcctl.model.alteration import Alteration
from ipcctl.model.evidence import BUSY
from ipcctl.model.kinds import KINDS, PSEM, PSHM, SEM, SHM
from ipcctl.model.names import escape
from ipcctl.model.objects import SHM_LOCKED
from ipcctl.model.verdict import IN_USE, UNKNOWN
from ipcctl.parse import fields
from ipcctl.policy.fields import SET, check_fields, is_given
from ipcctl.policy.room import Plan, shortages
from ipcctl.render.cells import perms_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ipcctl.act.judge import Judge
    from ipcctl.kernel.host import Host
    from ipcctl.model.verdict import Verdict

_GONE = (errno.EINVAL, errno.EIDRM, errno.ENOENT)


class Wanted(NamedTuple):
    """What is to be; None = as it is."""

    uid: int | None
    gid: int | None
    mode: int | None
    qbytes: int | None
    size: int | None
    locked: bool | None
    value: int | None  # of a named semaphore
    values: Mapping[int, int]  # of the semaphores of a set, by number; all of them if *whole*
    whole: bool


def wanted(host: Host, kind: str, texts: Mapping[str, Any]) -> Wanted:
    """What the options *texts* of ``set`` ask for. Raises UsageError."""
    if not any(map(is_given, texts.values())):
        raise UsageError("nothing says what to set", hint="--mode, --owner, --qbytes, --value, --size ...")
    check_fields(kind, texts, SET)
    user, group = (None, None) if texts["--owner"] is None else fields.parse_owner(texts["--owner"])
    values = {} if texts["--values"] is None else dict(enumerate(fields.parse_values(texts["--values"])))
    single = {} if kind == PSEM else fields.parse_numbered_values(texts["--value"])
    if values and single:
        raise UsageError("--value and --values together", hint="give one of them")
    return Wanted(
        None if user is None else host.accounts.uid(user),
        None if group is None else host.accounts.gid(group),
        None if texts["--mode"] is None else fields.parse_mode(texts["--mode"]),
        None if texts["--qbytes"] is None else fields.parse_bytes(texts["--qbytes"], "number of bytes"),
        None if texts["--size"] is None else fields.parse_bytes(texts["--size"]),
        texts["--lock/--unlock"],
        fields.parse_posix_value(texts["--value"]) if kind == PSEM and texts["--value"] else None,
        values or single,
        bool(values),
    )


class Alterer:
    """Changes one object, which *judge* knows."""

    def __init__(self, host: Host, item: Any, want: Wanted, judge: Judge) -> None:  # noqa: ANN401  any object
        """Raises UsageError for semaphores that the set does not have."""
        self._host = host
        self._item = item
        self._want = want
        self._judge = judge
        if item.kind == SEM and (want.values or want.whole):
            _check_numbers(item, want)

    def verdict(self) -> Verdict:
        """Whether the object is in use, and by whom."""
        return self._judge.verdict_on(self._item)

    def plan(self) -> list[Alteration]:
        """What would change: only what differs."""
        before = self._state(self._item)
        after = {**before, **self._asked()}
        return [_alteration(key, before[key], after[key]) for key in before if before[key] != after[key]]

    def check(self, *, force: bool) -> None:
        """Raise Refused for what can be known beforehand: rights, limits, users that a smaller size would kill."""
        item, want = self._item, self._want
        mine = os.geteuid() in (0, *self._owners())
        owned = [name for name in _OWNED if getattr(want, name) is not None]
        if owned and not mine:
            owner = self._name(item.uid)
            raise Refused(f"{self._ref} belongs to {owner}; nothing was changed", hint=f"{self._who()} may set it")
        if KINDS[item.kind].posix and (want.uid is not None or want.gid is not None):
            new = item._replace(**{name: it for name in ("uid", "gid") if (it := getattr(want, name)) is not None})
            if next(not_ours([new]), None):
                hint = "only root can give a POSIX object away, and to a group one is not in"
                raise Refused(f"{self._ref} stays with uid {item.uid}; nothing was changed", hint=hint)
        if want.size is not None:
            self._check_size(want.size, force=force)

    def carry_out(self, plan: list[Alteration], *, force: bool) -> list[Alteration]:
        """Do it; what changed, as it is now. Raises Refused, ObjectMissing."""
        done: list[str] = []
        for step, concerns in _STEPS:
            names = [name for name in concerns if getattr(self._want, name) not in (None, {})]
            if names:
                try:
                    step(self, force)
                except OSError as error:
                    raise self._explained(error, names, done) from error
                done += names
        now = self._now()
        after = self._state(now)
        self._item = now
        return [_alteration((step.field, step.num), step.before, after[step.field, step.num]) for step in plan]

    @property
    def item(self) -> Any:  # noqa: ANN401
        """The object as it was seen last."""
        return self._item

    @property
    def _ref(self) -> str:
        return str(self._item.ref)

    def _now(self) -> Any:  # noqa: ANN401
        seen = self._host.snapshot([self._item.kind]).objects[self._item.kind]
        same = next((row for row in seen if row.ref == self._ref), None)
        if same is None:
            raise ObjectMissing(f"{self._ref} was changed, and is gone since")
        return same

    def _state(self, item: Any) -> dict[tuple[str, int | None], int | bool | None]:  # noqa: ANN401
        """What there is to set, by field and number."""
        state: dict[tuple[str, int | None], int | bool | None] = {
            ("perms", None): item.mode & (0o7777 if KINDS[item.kind].posix else 0o777),
            ("uid", None): item.uid,
            ("gid", None): item.gid,
        }
        state |= {(name, None): getattr(item, name) for name in ("qbytes", "size", "value") if hasattr(item, name)}
        if item.kind == SHM:
            state["locked", None] = bool(item.mode & SHM_LOCKED)
        if item.kind == SEM and self._want.values:
            values: dict[int, int] = {}
            with contextlib.suppress(PermissionError):
                values = dict(enumerate(change.SysvChange().values(item.semid)))
            state |= {("value", num): values.get(num) for num in self._want.values}
        return state

    def _asked(self) -> dict[tuple[str, int | None], int | bool | None]:
        want = self._want._asdict() | {"perms": self._want.mode}
        asked = {(name, None): want[name] for name in _PLAIN if want[name] is not None}
        return asked | {("value", num): value for num, value in self._want.values.items()}

    def _check_size(self, size: int, *, force: bool) -> None:
        item = self._item
        if size > item.size:
            grown = Plan(item._replace(size=size), size - item.size, 0)
            for why, hint in shortages([grown], {}, room_of(self._host)):
                raise Refused(f"{why}; nothing was changed", hint=hint)
        verdict, why = self.verdict()
        if size < item.size and verdict in (IN_USE, UNKNOWN) and not force:
            raise self._deadly(f"{verdict}: {escape(why)}")

    def _deadly(self, why: str) -> Refused:
        return Refused(
            f"{self._ref} is not made smaller ({why}); nothing was changed",
            hint="a process that has mapped what is cut off dies of SIGBUS when it touches it; --force does it",
        )

    def _set_sysv(self, _: bool) -> None:  # noqa: FBT001
        want = self._want
        made = change.SysvChange()
        made.set(self._item.kind, self._item.id, uid=want.uid, gid=want.gid, mode=want.mode, qbytes=want.qbytes)

    def _set_owner(self, force: bool) -> None:  # noqa: FBT001
        if not KINDS[self._item.kind].posix:
            self._set_sysv(force)
            return
        item, want = self._item, self._want
        change.set_file(
            self._directory(),
            item.kind,
            item.name,
            uid=want.uid,
            gid=want.gid,
            mode=want.mode,
            identity=_identity(item),
        )

    def _set_values(self, _: bool) -> None:  # noqa: FBT001
        control, values = change.SysvChange(), self._want.values
        if self._want.whole:
            control.set_values(self._item.semid, list(values.values()))
            return
        for num, value in values.items():
            control.set_value(self._item.semid, num, value)

    def _set_value(self, _: bool) -> None:  # noqa: FBT001
        item = self._item
        change.set_semaphore(self._directory(), item.name, self._want.value or 0, identity=_identity(item))

    def _set_lock(self, _: bool) -> None:  # noqa: FBT001
        change.SysvChange().lock(self._item.shmid, locked=bool(self._want.locked))

    def _set_size(self, force: bool) -> None:  # noqa: FBT001
        item, size = self._item, self._want.size or 0
        if size < item.size and not force:
            file = devshm.file_name(PSHM, item.name)
            with lease.leased(self._directory(), file, _identity(item), both=True) as (answer, descriptor):
                if answer == BUSY:
                    raise self._deadly("in use since it was looked at")
                if descriptor >= 0:
                    os.ftruncate(descriptor, size)  # under the lease: nobody can map it meanwhile
                    return
        change.set_size(self._directory(), item.name, size, identity=_identity(item))

    def _directory(self) -> int:
        directory = self._judge.directory(self._item.kind)
        if directory is None:
            raise Refused(f"the directory of {self._ref} cannot be opened; nothing was changed")
        return directory

    def _explained(self, error: OSError, names: list[str], done: list[str]) -> Refused | ObjectMissing:
        what = ", ".join(_SAID.get(name, name) for name in names)
        rest = f"{', '.join(_SAID.get(name, name) for name in done)} was set before" if done else "nothing was changed"
        number = error.errno or 0
        if number in _GONE:
            return ObjectMissing(f"{self._ref} is gone or was replaced; {rest}")
        why, hint = _WHY.get((names[-1], number)) or (error.strerror or str(error), "")
        if number == errno.EPERM and os.geteuid() not in self._owners():
            why, hint = "it belongs to another user, and this root lacks the capability", ""
        hint = hint or f"{self._who()} may, and who its mode lets ({perms_text(self._item.mode & 0o7777)})"
        return Refused(f"cannot set {what} of {self._ref}: {why}; {rest}", hint=hint)

    def _who(self) -> str:
        """Who could."""
        return " or ".join(dict.fromkeys(self._name(uid) for uid in (*self._owners(), 0)))

    def _owners(self) -> tuple[int, int]:
        """Owner and creator; a file has only one."""
        return self._item.uid, getattr(self._item, "cuid", self._item.uid)

    def _name(self, uid: int) -> str:
        return self._host.accounts.users[uid] or f"uid {uid}"


def _identity(item: Any) -> tuple[int, int]:  # noqa: ANN401  any POSIX object
    return item.device, item.inode


def _alteration(key: tuple[str, int | None], before: int | bool | None, after: int | bool | None) -> Alteration:  # noqa: FBT001
    return Alteration(key[0], before, after, key[1])


def _check_numbers(item: Any, want: Wanted) -> None:  # noqa: ANN401  a set
    if want.whole and len(want.values) != item.nsems:
        raise UsageError(f"{len(want.values)} values for {item.nsems} semaphores", hint="--values has one for each")
    for num in want.values:
        if num >= item.nsems:
            raise UsageError(f"{item.ref} has no semaphore {num}", hint=f"they count from 0 to {item.nsems - 1}")


_PLAIN = ("perms", "uid", "gid", "qbytes", "size", "locked", "value")
_OWNED = ("uid", "gid", "mode", "qbytes", "locked")
_SAID = {"uid": "the owner", "gid": "the group", "mode": "the mode", "locked": "the lock", "values": "the values"}
# In this order, so that giving an object away comes last; what each is about.
_STEPS: tuple[tuple[Callable[[Alterer, bool], None], tuple[str, ...]], ...] = (
    (Alterer._set_values, ("values",)),  # noqa: SLF001  its own
    (Alterer._set_value, ("value",)),  # noqa: SLF001
    (Alterer._set_lock, ("locked",)),  # noqa: SLF001
    (Alterer._set_size, ("size",)),  # noqa: SLF001
    (Alterer._set_owner, ("uid", "gid", "mode", "qbytes")),  # noqa: SLF001
)
_WHY = {
    ("values", errno.EACCES): ("no right to alter it", ""),
    ("qbytes", errno.EPERM): (
        "it is over msgmnb, which only CAP_SYS_RESOURCE may pass",
        "sysctl -w kernel.msgmnb=N; `ipcctl limits` shows it",
    ),
    ("locked", errno.EPERM): ("RLIMIT_MEMLOCK is 0", "ulimit -l KILOBYTES, or CAP_IPC_LOCK"),
    ("locked", errno.ENOMEM): ("it is larger than RLIMIT_MEMLOCK", "ulimit -l KILOBYTES, or CAP_IPC_LOCK"),
}
