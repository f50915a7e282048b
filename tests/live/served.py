"""`ipcctl exporter` as a process of its own, and clients for it: well-behaved ones and others."""

from __future__ import annotations

import base64
import http.client
import http.server
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import posix_ipc
from prometheus_client.parser import text_string_to_metric_families

from tests.live.cli import TIMEOUT, environment, run

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Mapping

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does between fork and exec."""

EVERYTHING = ("--collect.holders", "--collect.users", "5", "--collect.objects", ".*")
"""Every collector there is."""

LISTENING = re.compile(rb" \S+:(\d+)(?=[, ])")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exporter:
    """A running exporter. What it says on stderr is collected as it comes."""

    def __init__(self, process: subprocess.Popen[bytes], security: ssl.SSLContext | None) -> None:
        self.process = process
        self.security = security
        self.said = b""
        self.ports: list[int] = []

    def until_said(self, text: str) -> None:
        """Wait until `text` is on stderr."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + TIMEOUT
        while text.encode() not in self.said:
            ready, _, _ = select.select([self.process.stderr], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            assert more, f"{text!r} never came: {self.said.decode()}"
            self.said += more

    def connect(self, security: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """A connection to the first port; through TLS if this exporter speaks it."""
        context = security or self.security
        if context is None:
            return http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=TIMEOUT)
        return http.client.HTTPSConnection("127.0.0.1", self.ports[0], timeout=TIMEOUT, context=context)

    def get(
        self,
        path: str = "/metrics",
        *,
        login: str | None = None,
        security: ssl.SSLContext | None = None,
        **headers: str,
    ) -> Answer:
        """GET over a connection of its own; `login` is user:password, `accept_encoding` stands for Accept-Encoding."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if login is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        connection = self.connect(security)
        try:
            connection.request("GET", path, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def values(self, path: str = "/metrics") -> dict[str, float]:
        """A scrape, by series as they are written."""
        answer = self.get(path)
        assert 200 == answer.status
        return values_of(answer.body.decode())

    def peak(self) -> int:
        """The most memory it ever had, in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            (line,) = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1])

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT)


def values_of(text: str) -> dict[str, float]:
    """`name{label="value"}` to value, of text exposition."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def metrics(*args: str, uid: int | None = None) -> dict[str, float]:
    """What `ipcctl metrics ARGS` prints, by series as they are written."""
    result = run("metrics", *args, uid=uid)
    assert 0 == result.code, result.err
    return values_of(result.out)


def make_queue(name: str, *messages: bytes, max_messages: int = 4, mode: int = 0o600) -> None:
    """A POSIX queue that nobody has open: an open one counts against its user even after its namespace is gone."""
    queue = posix_ipc.MessageQueue(name, posix_ipc.O_CREX, mode=mode, max_messages=max_messages)
    for message in messages:
        queue.send(message)
    queue.close()


@contextmanager
def serve(
    *args: str, security: ssl.SSLContext | None = None, listen: bool = True, passed: socket.socket | None = None
) -> Iterator[Exporter]:
    """Start `ipcctl exporter ARGS` on a free port of 127.0.0.1 (unless not `listen`); it is ended afterwards.

    `passed` is handed over as systemd does it (sd_listen_fds(3)).
    """
    where = ["--web.listen-address", "127.0.0.1:0"] if listen else []
    command = [sys.executable, "-m", "ipcctl", "exporter", *where, *args]
    if passed is not None:
        command = [sys.executable, "-c", HAND_OVER, str(passed.fileno()), *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(stranger=False),
        pass_fds=() if passed is None else (passed.fileno(),),
    )
    it = Exporter(process, security)
    try:
        it.until_said("metrics at")
        it.ports = [int(port) for port in LISTENING.findall(it.said)]
        yield it
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stderr is not None
        process.stderr.close()


def eventually(check: Callable[[], bool], what: str) -> None:
    """Look again and again until `check` holds."""
    deadline = time.monotonic() + TIMEOUT
    while not check():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)


@contextmanager
def serve_text(listening: socket.socket, text: bytes) -> Iterator[None]:
    """Answer every request on `listening` with `text`, as node_exporter does with what is in a textfile."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("", 0), Answering, bind_and_activate=False)
    server.socket.close()
    server.socket = listening.dup()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
