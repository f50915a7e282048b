"""The connections of the server: how many, which of them waits for what, and which must go.

A client that says nothing, or one byte a minute, must not keep others out: every state but working has a deadline, and
when all places are taken the one that has waited longest makes room.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

IDLE, READING, WORKING = "idle", "reading", "working"

MOST = 64
PATIENCE = {IDLE: 120.0, READING: 10.0, WORKING: 60.0}  # seconds; Prometheus keeps a connection between its scrapes


class Connections:
    """Every open connection, with its state and since when it has been in it."""

    def __init__(self, most: int = MOST) -> None:
        """Hold at most *most*."""
        self._most = most
        self._open: dict[socket.socket, tuple[str, float]] = {}
        self._changed = threading.Condition()

    def admit(self, connection: socket.socket) -> bool:
        """Take *connection* in, whose request is awaited now; False if all others are at work."""
        with self._changed:
            waiting = [one for one, (state, _) in self._open.items() if state != WORKING]
            if len(self._open) >= self._most:
                if not waiting:
                    return False
                _cut(min(waiting, key=lambda one: (self._open[one][0] != IDLE, self._open[one][1])))
            self._open[connection] = (READING, time.monotonic())
            return True

    def turn(self, connection: socket.socket, state: str) -> None:
        """*connection* changes to *state*."""
        with self._changed:
            if connection in self._open:
                self._open[connection] = (state, time.monotonic())
                self._changed.notify_all()

    def replace(self, old: socket.socket, new: socket.socket) -> None:
        """The same connection, behind TLS from now on."""
        with self._changed:
            self._open[new] = self._open.pop(old)

    def leave(self, connection: socket.socket) -> None:
        """*connection* is closed."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()

    def cut_overdue(self) -> None:
        """End those that have taken too long."""
        now = time.monotonic()
        with self._changed:
            for connection, (state, since) in self._open.items():
                if now - since > PATIENCE[state]:
                    _cut(connection)

    def finish(self, patience: float) -> None:
        """End those that are not at work, and wait *patience* seconds for those that are."""
        deadline = time.monotonic() + patience
        with self._changed:
            while self._open:
                for connection, (state, _) in self._open.items():
                    if state != WORKING or time.monotonic() >= deadline:
                        _cut(connection)
                if time.monotonic() >= deadline + 1 or not self._changed.wait(max(0.05, deadline - time.monotonic())):
                    return


def _cut(connection: socket.socket) -> None:
    """Its thread, which may be waiting in recv(2), wakes up, closes it and leaves."""
    with contextlib.suppress(OSError):
        # Not the method of ssl.SSLSocket: that one would let the other thread go on in plain text.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
