"""Where the exporter listens: addresses, or sockets that systemd hands over (sd_listen_fds(3))."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING

from ipcctl.errors import IpcctlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Prometheus' list of default ports has given away 9100 to 9999 and goes on from 10000 without a gap. This one lies well
# beyond its end, below the ports that Linux gives to clients, and is neither in /etc/services nor one of Kubernetes'.
PORT = 10174
DEFAULT = f":{PORT}"

_FIRST_FD = 3  # SD_LISTEN_FDS_START
_BACKLOG = 128


class CannotListen(IpcctlError, OSError):
    """An address could not be listened on."""

    hint = "another address: --web.listen-address 127.0.0.1:PORT; who has this one: ss -ltnp"


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``[IPV6]:PORT`` or ``:PORT`` (host "" = every address). Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else -1  # noqa: PLR2004  digits of 65535
    if not colon or not 0 <= number <= 65535 or (":" in host and not bracketed):  # noqa: PLR2004  16 bits
        message = f"bad listen address {text!r}"
        raise UsageError(message, hint=f"accepted: {DEFAULT} 127.0.0.1:{PORT} [::1]:{PORT} name:{PORT}")
    return host[1:-1] if bracketed else host, number


def listen(addresses: Sequence[str]) -> list[socket.socket]:
    """A listening socket for each of *addresses*; all or none. Raises UsageError, CannotListen."""
    with contextlib.ExitStack() as undo:
        found: list[socket.socket] = []
        for text in addresses:
            host, port = parse_address(text)
            try:
                opened = _every_address(port) if not host else _at(host, port)
            except OSError as error:
                why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
                message = f"cannot listen on {text}: {why}"
                raise CannotListen(message) from error
            found += opened
            for one in opened:
                undo.callback(one.close)
        undo.pop_all()
        return found


def _every_address(port: int) -> list[socket.socket]:
    """One socket for IPv4 and IPv6, or for IPv4 where the host has no other."""
    if socket.has_dualstack_ipv6():
        try:
            return [socket.create_server(("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)]
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
    return [socket.create_server(("", port), backlog=_BACKLOG)]


def _at(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that *host* stands for."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as undo:
        sockets = []
        for family, _, _, _, address in dict.fromkeys(found):
            one = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
            undo.callback(one.close)
            sockets.append(one)
        undo.pop_all()
        return sockets


def handed_over() -> list[socket.socket]:
    """The sockets that systemd passed to this process; none where it was started otherwise. Raises CannotListen."""
    number = os.environ.pop("LISTEN_FDS", "")
    meant = os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if meant != str(os.getpid()) or not number.isdigit():
        return []
    found = []
    for descriptor in range(_FIRST_FD, _FIRST_FD + int(number)):
        os.set_inheritable(descriptor, False)
        one = socket.socket(fileno=descriptor)
        if one.type != socket.SOCK_STREAM or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            message = f"the socket {descriptor} from systemd does not listen for connections"
            raise CannotListen(message, hint="in the .socket unit: ListenStream=, and no Accept=yes")
        found.append(one)
    return found


def shown(one: socket.socket) -> str:
    """The address of a socket, for people."""
    name = one.getsockname()
    if not isinstance(name, tuple):
        return os.fsdecode(name) or "a UNIX socket"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
