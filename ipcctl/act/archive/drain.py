"""The messages of a POSIX queue, which has no call to copy them: taken out, and put back in order.

Meanwhile others see a queue that is emptier than it was, and putting back wakes who waits for a message or asked for
a notification. Signals that would end the program wait until all is back; kill -9 cannot wait.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from ipcctl.kernel import content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipcctl.model.detail import Message

_PATIENCE = 5.0  # seconds for somebody to receive what was sent meanwhile
_PAUSE = 0.01
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def drained(
    queue: int,
    item: Any,  # noqa: ANN401  a PosixQueue
    *,
    keep: bool,
) -> Iterator[tuple[Iterator[Message], Callable[[], str]]]:
    """The messages, each taken when it is asked for; and what became of them.

    *keep*: put them back at the end of the block only, and not if the queue was removed by then. Otherwise they are
    back as soon as the last one was given. *queue* is open for both and does not wait.
    """
    taken: list[Message] = []
    failure: list[str] = []

    def put_back() -> None:
        deadline = time.monotonic() + _PATIENCE
        while taken:
            try:
                content.send_posix(queue, taken[0], item.ref)
                del taken[0]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    failure.append(
                        f"{len(taken)} message(s) could not be put back, the queue is full: they are in the file"
                    )
                    return
                time.sleep(_PAUSE)

    def messages() -> Iterator[Message]:
        while (message := content.receive_posix(queue, item.msgsize, item.ref)) is not None:
            taken.append(message)
            yield message
        if not keep:
            put_back()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield messages(), lambda: "".join(failure)
    finally:
        try:
            if not keep or os.fstat(queue).st_nlink:
                put_back()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
