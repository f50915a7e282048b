"""Clients of the exporter that are slow, half-open, silent or mischievous keep nobody out, and are cut off."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live import certificates
from tests.live.cli import TIMEOUT
from tests.live.served import Exporter, eventually, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
EVERY = 8
"""Clients of each sort."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Exporter]:
    """An exporter behind TLS."""
    certificates.require_openssl()
    certificates.make_authority(tmp_path)
    certificates.issue(tmp_path, "server")
    (tmp_path / "web.yml").write_text(TLS)
    with serve("--web.config.file", str(tmp_path / "web.yml"), security=certificates.client(tmp_path)) as exporter:
        yield exporter


def connect(exporter: Exporter, clients: ExitStack, said: bytes = b"") -> socket.socket:
    one = clients.enter_context(socket.create_connection(("127.0.0.1", exporter.ports[0]), timeout=TIMEOUT))
    one.sendall(said)
    return one


def hello(exporter: Exporter) -> bytes:
    """The first flight of a handshake, as a real client sends it."""
    assert exporter.security is not None
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        exporter.security.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1").do_handshake()
    return outgoing.read()


def dripping(connections: list[socket.socket], text: bytes) -> None:
    """Read all *connections* to their end. The first is fed a byte of *text* now and then: it is never silent."""
    deadline = time.monotonic() + TIMEOUT
    left, rest = {one.fileno(): one for one in connections}, iter(text)
    while left:
        assert time.monotonic() < deadline, f"{len(left)} of {len(connections)} are still open"
        ready, _, _ = select.select(list(left), [], [], 0.5)
        for descriptor in ready:
            try:
                ended = not left[descriptor].recv(65536)
            except ConnectionResetError:
                ended = True
            if ended:
                del left[descriptor]
        if not ready and connections[0].fileno() in left:
            connections[0].sendall(bytes([next(rest)]))


def sockets(exporter: Exporter) -> int:
    """How many it has open; one listens."""
    directory = f"/proc/{exporter.process.pid}/fd"
    found = 0
    for name in os.listdir(directory):
        with suppress(FileNotFoundError):
            found += os.readlink(f"{directory}/{name}").startswith("socket:")
    return found


def test_handshakes_that_never_end_block_nobody_and_are_cut_off(secure: Exporter) -> None:
    first = hello(secure)
    assert first.startswith(b"\x16\x03\x01")
    with ExitStack() as clients:
        drip = connect(secure, clients)
        waiting = [connect(secure, clients, text) for text in (b"", first[:40], first) for _ in range(EVERY)]
        for _ in range(5):
            assert 200 == secure.get().status
        assert sockets(secure) >= 1 + len(waiting) + 1
        dripping([drip, *waiting], first)
    eventually(lambda: sockets(secure) == 1, "every connection is closed")
    assert 200 == secure.get().status


def test_requests_that_never_end_are_cut_off_behind_tls_too(secure: Exporter) -> None:
    assert secure.security is not None
    with ExitStack() as clients:
        waiting = []
        for text in (b"", b"GET /metrics HTTP/1.1\r\nX: "):
            one = clients.enter_context(
                secure.security.wrap_socket(connect(secure, clients), server_hostname="127.0.0.1")
            )
            one.sendall(text)
            waiting.append(one)
        assert 200 == secure.get().status
        for one in waiting:
            assert b"" == one.recv(1)


def test_a_client_that_does_not_read_its_answers_blocks_nobody_and_is_cut_off() -> None:
    with serve() as exporter, ExitStack() as clients:
        deaf = clients.enter_context(socket.socket())
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", exporter.ports[0]))
        deaf.settimeout(TIMEOUT)
        while select.select([], [deaf], [], 1.0)[1]:  # until the exporter waits in the middle of an answer
            deaf.send(GET * 100)
        for _ in range(5):
            assert 200 == exporter.get().status
        cut = select.poll()
        cut.register(deaf, 0)
        assert [(deaf.fileno(), select.POLLERR | select.POLLHUP)] == cut.poll(TIMEOUT * 1000)


def test_slow_half_open_and_mischievous_clients_block_nobody() -> None:
    with serve() as exporter, ExitStack() as clients:
        for text in (
            b"",
            b"G",
            b"GET /metrics HTTP/1.1\r\nX: ",
            b"\x16\x03\x01",
            b"\r\n\r\n\0",
            b"GET //[ HTTP/1.1\r\n\r\n",
        ):
            for _ in range(EVERY):
                connect(exporter, clients, text)
        for _ in range(5):
            assert 200 == exporter.get().status


def test_more_connections_than_places_drop_the_one_that_waited_longest() -> None:
    with serve() as exporter, ExitStack() as clients:
        first = connect(exporter, clients)
        for _ in range(70):
            connect(exporter, clients)
            assert 200 == exporter.get("/healthz").status
        assert b"" == first.recv(1)


def line(*pieces: bytes) -> st.SearchStrategy[bytes]:
    """One of these mostly, else anything."""
    return st.one_of(st.sampled_from(pieces), st.sampled_from(pieces), st.binary(max_size=12))


PATHS = (
    b"/metrics",
    b"/",
    b"/healthz",
    b"*",
    b"http://x/metrics",
    b"/metrics?collect[]=shm",
    b"/?%ff",
    b"/metrics?collect[]=%ff",
)
HEADERS = st.builds(
    lambda name, value: name + b": " + value + b"\r\n",
    line(
        b"Accept",
        b"Accept-Encoding",
        b"Authorization",
        b"Content-Length",
        b"Connection",
        b"Expect",
        b"Transfer-Encoding",
    ),
    line(
        *(
            b"application/openmetrics-text;version=1",
            b"application/openmetrics-text;q=x",
            b"gzip;q=x",
            b"Basic Og==",
            b"",
        ),
        *(b"9" * 30, b"-1", b"close", b"keep-alive", b"100-continue", b"chunked", b"LONG"),
    ),
)
REQUESTS = st.builds(
    lambda method, path, version, headers: method + b" " + path + version + b"\r\n" + b"".join(headers) + b"\r\n",
    line(b"GET", b"HEAD", b"PUT"),
    line(*PATHS),
    line(b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b""),
    st.lists(HEADERS, max_size=4),
)


def test_nothing_that_a_client_sends_ends_in_a_traceback() -> None:
    with serve() as exporter:

        @settings(max_examples=300, deadline=None)
        @given(st.lists(REQUESTS, max_size=3).map(b"".join))
        def check(request: bytes) -> None:
            with ExitStack() as clients:
                one = connect(exporter, clients)
                with suppress(OSError):  # it may be refused before all of it was sent
                    one.sendall(request.replace(b"LONG", b"A" * 70000))
                    one.shutdown(socket.SHUT_WR)
                    while one.recv(65536):
                        pass

        check()
        assert 200 == exporter.get().status
        assert 0 == exporter.terminate()
        assert exporter.process.stderr is not None
        assert b"" == exporter.process.stderr.read()
