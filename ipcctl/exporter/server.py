"""The HTTP server: one thread per connection, so that a slow client delays nobody, and a clean end on SIGTERM."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from ipcctl.exporter.connections import READING, Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipcctl.exporter.webconfig import WebConfigFile

_TICK = 1.0  # seconds between two looks for overdue connections
_GRACE = 10.0  # seconds that requests at work have when the server ends
_BREATH = 0.1  # seconds without a new connection where there is no room for one
SLOWEST = 10.0  # seconds for one read or write, TLS handshake included


class Server:
    """Accepts connections on several sockets until :meth:`stop`."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        config: WebConfigFile,
        handle: Callable[[socket.socket, Server], None],
    ) -> None:
        """Each connection is given to *handle*, in a thread of its own, after TLS if *config* says so."""
        self._sockets = list(sockets)
        self.config = config
        self._handle = handle
        self.connections = Connections()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self.stopping = False

    def stop(self, *_: object) -> None:
        """Take no more connections and finish; safe in a signal handler."""
        self.stopping = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b".")

    def serve(self) -> None:
        """Serve until SIGTERM or :meth:`stop`. Requests at work are finished, then this returns."""
        before = signal.signal(signal.SIGTERM, self.stop)
        try:
            self._accept_until_stopped()
        finally:
            self.stopping = True
            for one in self._sockets:
                one.close()
            self.connections.finish(_GRACE)
            signal.signal(signal.SIGTERM, before)

    def _accept_until_stopped(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            for one in self._sockets:
                one.setblocking(False)
                selector.register(one, selectors.EVENT_READ)
            while not self.stopping:
                for key, _ in selector.select(_TICK):
                    if isinstance(key.fileobj, socket.socket):
                        self._accept(key.fileobj)
                self.connections.cut_overdue()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(_BREATH)  # it stays readable: do not spin until a descriptor is free
            return
        connection.settimeout(SLOWEST)
        if connection.family != socket.AF_UNIX:  # else a body waits for the acknowledgement of its head
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.connections.admit(connection):
            connection.close()
            return
        thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread to be had (RLIMIT_NPROC)
            self.connections.leave(connection)
            connection.close()

    def _run(self, connection: socket.socket) -> None:
        try:
            secured = self._secure(connection)
            if secured is not None:
                connection = secured
                self._handle(connection, self)
        except (OSError, ValueError):  # the client went, or was cut
            pass
        finally:
            self.connections.leave(connection)
            connection.close()

    def _secure(self, connection: socket.socket) -> socket.socket | None:
        """The connection behind TLS, or as it is; None if the client was refused."""
        security = self.config.current().security
        if security is None:
            return connection
        secured = security.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.replace(connection, secured)
        try:
            secured.do_handshake()
            if security.admits(secured.getpeercert()):
                self.connections.turn(secured, READING)
                return secured
        except (OSError, ssl.SSLError):
            pass
        self.connections.leave(secured)
        secured.close()
        return None
