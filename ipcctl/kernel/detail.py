"""What the kernel says of one object beyond its row."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ipcctl.errors import InterfaceMissing
from ipcctl.model.detail import Detail, Message, Semaphore
from ipcctl.model.kinds import MSG, PMSG, SEM
from ipcctl.model.objects import IpcObject, MessageQueue, SemaphoreSet
from ipcctl.model.snapshot import Gap

if TYPE_CHECKING:
    from ipcctl.kernel.host import Host


def read_detail(host: Host, item: IpcObject, peek: int) -> Detail:
    """Semaphores of a set; the first *peek* messages of a queue, left where they are. What is refused is a gap."""
    gaps: list[Gap] = []
    semaphores: list[Semaphore] = []
    messages: list[Message] | None = None
    try:
        if item.kind == SEM and isinstance(item, SemaphoreSet):
            semaphores = host.control().semaphores(item.semid, item.nsems)
        elif item.kind == MSG and isinstance(item, MessageQueue) and peek:
            messages = list(host.control().peek(item.msqid, min(peek, item.qnum), host.sysv_limits().msgmax))
        elif item.kind == PMSG and peek:
            gaps.append(Gap(item.ref, "POSIX queues cannot be read without taking the message (mq_overview(7))"))
    except InterfaceMissing as error:
        gaps.append(Gap(item.ref, str(error)))
    except OSError as error:
        gaps.append(Gap(item.ref, _WHY.get(error.errno or 0, str(error.strerror))))
    return Detail(tuple(semaphores), None if messages is None else tuple(messages), tuple(gaps))


_WHY = {
    errno.EACCES: "no read permission: its owner or root sees more",
    errno.ENOSYS: "this kernel cannot copy messages (CONFIG_CHECKPOINT_RESTORE)",
    errno.EIDRM: "removed meanwhile",
    errno.EINVAL: "removed meanwhile",
}
