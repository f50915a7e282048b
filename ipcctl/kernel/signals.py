"""Signals that end a program wait while something is done that must not be left half done."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """No KeyboardInterrupt, and no end by SIGTERM or SIGHUP, before the end of the block.

    For the main thread. Threads begun in the block are as deaf; others must call :func:`deafen`, since the signal goes
    to any thread that hears it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def deafen() -> None:
    """Leave those signals to the main thread, from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
