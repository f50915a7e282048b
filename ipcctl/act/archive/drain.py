"""The messages of a POSIX queue, which has no call to copy them: taken out, and put back in order.

Meanwhile others see a queue that is emptier than it was, and putting back wakes who waits for a message or asked for
a notification. Signals that would end the program wait until all is back; kill -9 cannot wait.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ipcctl.kernel import content
from ipcctl.kernel.signals import unbroken
from ipcctl.model.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipcctl.model.detail import Message

_PATIENCE = 5.0  # seconds for somebody to receive what was sent meanwhile
_PAUSE = 0.01


class Drained:
    """What was taken out of one queue and is not back yet."""

    def __init__(self, queue: int, item: Any, *, keep: bool) -> None:  # noqa: ANN401  a PosixQueue
        """*queue* is open for both and does not wait. *keep*: :meth:`messages` puts nothing back."""
        self._queue = queue
        self._item = item
        self._keep = keep
        self._out: deque[Message] = deque()

    def messages(self) -> Iterator[Message]:
        """Each message, taken when it is asked for; all are back after the last, as far as there is room."""
        for message in self._received():
            self._out.append(message)
            yield message
        if not self._keep:
            self._put_back(0)

    def left_out(self) -> str:
        """What could not be put back."""
        left = len(self._out)
        them = "it is" if left == 1 else "they are"
        return f"{count(left, 'message')} could not be put back, the queue is full: {them} in the file" if left else ""

    def end(self, *, safe: bool) -> None:
        """Put back what is still out, unless the queue was removed. Waits for room: for ever, where *safe* is not so.

        *safe*: all that was taken is in a file.
        """
        if self._out and not safe:
            self._out.extend(self._received())  # else it would be in front
        self._put_back(_PATIENCE if safe else math.inf)

    def _received(self) -> Iterator[Message]:
        """What there is, and what senders that waited for room add; not what they go on sending for ever."""
        for _ in range(2 * self._item.maxmsg):
            message = content.receive_posix(self._queue, self._item.msgsize, self._item.ref)
            if message is None:
                return
            yield message

    def _put_back(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while self._out:
            if not os.fstat(self._queue).st_nlink:
                self._out.clear()
                return
            try:
                content.send_posix(self._queue, self._out[0], self._item.ref)
                self._out.popleft()
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return
                time.sleep(_PAUSE)


@contextlib.contextmanager
def drained(queue: int, item: Any, *, keep: bool) -> Iterator[Drained]:  # noqa: ANN401  a PosixQueue
    """A queue whose messages are taken out in the block, and are back after it, unless the queue was removed in it.

    *queue* is open for both and does not wait. *keep*: put nothing back before the end of the block. An exception
    means that what was taken is nowhere else.
    """
    it = Drained(queue, item, keep=keep)
    with unbroken():
        try:
            yield it
        except BaseException:
            it.end(safe=False)
            raise
        it.end(safe=True)
