"""What a file of an mqueue file system reads: ``QSIZE:129 NOTIFY:0 SIGNO:0 NOTIFY_PID:0`` (mq_overview(7))."""

from __future__ import annotations

from typing import NamedTuple

from ipcctl.errors import ParseError


class QueueStatus(NamedTuple):
    """The words of a queue's file that ipcctl uses; kernel: mqueue_read_file()."""

    qsize: int  # bytes queued
    notify_pid: int  # who asked for a notification; 0 = nobody


def parse_queue_status(text: str, source: str = "a queue's file") -> QueueStatus:
    """The status line of one queue. Raises ParseError."""
    words = dict(word.partition(":")[::2] for word in text.split())
    numbers = [words.get(word, "") for word in ("QSIZE", "NOTIFY_PID")]
    if not all(number.isascii() and number.isdigit() and len(number) <= 20 for number in numbers):  # noqa: PLR2004  digits of 2^64
        message = f"{source}: expected QSIZE:N ... NOTIFY_PID:N, found {text[:120]!r}"
        raise ParseError(message)
    return QueueStatus(*map(int, numbers))
