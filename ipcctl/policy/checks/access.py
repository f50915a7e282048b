"""Who may do what: objects open to everybody, queues out of sight, a logout that takes a service's objects."""

from __future__ import annotations

from ipcctl.model.finding import INFO, OK, UNKNOWN, WARNING, Facts, Finding
from ipcctl.model.kinds import PMSG
from ipcctl.model.names import escape
from ipcctl.model.words import count
from ipcctl.policy.checks import words

_WORLD_WRITABLE = 0o002
_ALL_BITS = 0o777
_LOGIND = "/etc/systemd/logind.conf.d/ipc.conf"


def writable(facts: Facts) -> list[Finding]:
    """Objects of root and of system accounts that everybody may write to."""
    open_to_all = [
        item
        for items in facts.objects.values()
        for item in items
        if item.mode & _WORLD_WRITABLE and item.uid <= facts.last_system_uid
    ]
    if not open_to_all:
        return []
    evidence = [
        f"{item.ref}: {item.mode & _ALL_BITS:04o}, owned by {words.name(item.uid, facts.users)}"
        for item in open_to_all[: words.SHOWN]
    ]
    if len(open_to_all) > words.SHOWN:
        evidence.append(words.more(len(open_to_all), "object").strip())
    commands = [
        f"ipcctl set {words.quoted(item.ref)} --mode {item.mode & _ALL_BITS & ~_WORLD_WRITABLE:04o}"
        for item in open_to_all[: words.SHOWN]
    ]
    what = f"everybody may write to {count(len(open_to_all), 'object')} of privileged owners"
    mend = ("ipcctl ls --world-writable", *commands)
    return [Finding("writable", WARNING, what, tuple(evidence), mend, tuple(item.ref for item in open_to_all))]


def mqueue(facts: Facts) -> list[Finding]:
    """Without a mount ordinary users see no POSIX queue; root sees them all the same."""
    if not facts.mqueue_asked:
        return [Finding("mqueue", UNKNOWN, "the mount table could not be read")]
    if facts.mqueue:
        return []
    queues = facts.objects.get(PMSG)
    mend = ("mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue",)
    if queues is None:
        what = "no mqueue file system is mounted: POSIX queues cannot be seen, nor removed by hand"
        return [Finding("mqueue", WARNING, what, (), mend)]
    what = "no mqueue file system is mounted: only root sees POSIX queues"
    return [Finding("mqueue", WARNING if queues else INFO, what, (f"{count(len(queues), 'queue')} here",), mend)]


def removeipc(facts: Facts) -> list[Finding]:
    """RemoveIPC=yes and a service whose user is no system user: his next logout takes the service's objects."""
    if facts.login is None:
        return [Finding("removeipc", OK, "systemd-logind does not run here, or is out of sight")]
    if not facts.login.remove_ipc:
        return [Finding("removeipc", OK, f"RemoveIPC=no by {facts.login.source}")]
    found = []
    for uid, service in sorted(facts.services.items()):
        owned = [item for items in facts.objects.values() for item in items if item.uid == uid]
        name = facts.users.get(uid) if not hasattr(facts.users, "__missing__") else facts.users[uid]
        if not owned or uid <= facts.last_system_uid or name in facts.login.lingering:
            continue
        who = words.name(uid, facts.users)
        what = f"{who} runs {service}: when {who} logs out, systemd removes its {count(len(owned), 'object')}"
        evidence = (
            f"RemoveIPC=yes by {facts.login.source}",
            f"uid {uid} is above {facts.last_system_uid}: no system user, which would be spared",
        )
        drop_in = f"mkdir -p {_LOGIND[: _LOGIND.rindex('/')]} && printf '[Login]\\nRemoveIPC=no\\n' > {_LOGIND}"
        linger = [f"loginctl enable-linger {words.quoted(escape(name))}"] if name else []
        mend = (*linger, f"{drop_in} && systemctl restart systemd-logind")
        found.append(Finding("removeipc", WARNING, what, evidence, mend, tuple(item.ref for item in owned)))
    return found
