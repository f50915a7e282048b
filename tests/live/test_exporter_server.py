"""The exporter as a server: paths and addresses, load, start and end."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests.bench.population import P, Population, make
from tests.live import cli
from tests.live.cli import TIMEOUT, environment
from tests.live.served import Exporter, make_queue, serve

LOAD = int(os.environ.get("IPCCTL_LOAD", "400"))
"""Requests of the load test. IPCCTL_LOAD=20000 makes it the real thing, on P, and takes a quarter of an hour."""
CROWD = P if LOAD >= 20000 else Population(3200, 3200, 400)


def test_paths_and_methods() -> None:
    with serve() as exporter:
        landing, health, nothing = exporter.get("/"), exporter.get("/healthz"), exporter.get("/other")
        connection = exporter.connect()
        connection.request("POST", "/metrics", body=b"x")
        posted = connection.getresponse()
        posted.read()
        connection.close()
        connection = exporter.connect()
        connection.request("HEAD", "/metrics")
        head = connection.getresponse()
        assert b"" == head.read()
        connection.close()
    assert (200, "text/html; charset=utf-8") == (landing.status, landing.headers["Content-Type"])
    assert b'<a href="/metrics">' in landing.body
    assert b"man ipcctl-exporter" in landing.body
    assert (200, b"ok\n") == (health.status, health.body)
    assert 404 == nothing.status
    assert (405, "GET, HEAD") == (posted.status, posted.headers["Allow"])
    assert (200, True) == (head.status, int(head.headers["Content-Length"]) > 1000)


def test_telemetry_path_moves_the_metrics() -> None:
    with serve("--web.telemetry-path", "/ipc") as exporter:
        assert [200, 404, 200] == [exporter.get(path).status for path in ("/ipc", "/metrics", "/")]
        assert b'<a href="/ipc">' in exporter.get("/").body


def test_several_addresses_and_both_families() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with serve("--web.listen-address", "[::1]:0", "--web.listen-address", ":0") as exporter:
        _, six, every = exporter.ports
        for host, port in (("::1", six), ("::1", every), ("127.0.0.1", every)):
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            connection.request("GET", "/healthz")
            assert 200 == connection.getresponse().status
            connection.close()


def test_address_in_use_and_bad_addresses_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = cli.run("exporter", "--web.listen-address", address)
    assert 1 == result.code
    assert f"cannot listen on {address}: Address already in use" in result.err
    for wrong in ("10174", "127.0.0.1:70000", "::1:10174", "127.0.0.1:", ""):
        result = cli.run("exporter", "--web.listen-address", wrong)
        assert (2, True) == (result.code, f"bad listen address {wrong!r}" in result.err), result.err
    for path in ("metrics", "/healthz", "/a b", ""):
        assert 2 == cli.run("exporter", "--web.telemetry-path", path).code


def test_a_kept_connection_serves_many_scrapes_and_each_is_fresh() -> None:
    with serve() as exporter:
        connection = exporter.connect()
        for number in range(3):
            connection.request("GET", "/metrics")
            assert f'ipcctl_objects{{kind="pmsg"}} {number}.0' in connection.getresponse().read().decode()
            make_queue(f"/q{number}")
        connection.close()


def test_concurrent_scrapes_under_load_all_succeed_and_memory_stays_flat() -> None:
    make(CROWD)
    count = f'ipcctl_objects{{kind="msg"}} {CROWD.queues:.1f}\n'.encode()
    with serve() as exporter:
        failures: list[object] = []

        def work(requests: int) -> None:
            connection = exporter.connect()
            for _ in range(requests):
                connection.request("GET", "/metrics")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or count not in body:
                    failures.append((response.status, body))
            connection.close()

        def run(requests: int) -> int:
            threads = [threading.Thread(target=work, args=(requests // 8,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return exporter.peak()

        warm, after = run(min(LOAD, 2000)), run(LOAD)
    assert [] == failures
    assert after - warm < 8 << 10, f"{warm} KiB grew to {after} KiB"


def test_wrk_sees_no_failed_request() -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    with serve() as exporter:
        url = f"http://127.0.0.1:{exporter.ports[0]}/metrics"
        done = cli.run_program(["wrk", "-c8", "-t2", "-d2s", url])
    assert 0 == done.code, done.err
    assert "Socket errors" not in done.out
    assert "Non-2xx" not in done.out
    (requests,) = re.findall(r"(\d+) requests in", done.out)
    assert int(requests) > 20


def test_terminated_in_the_middle_of_a_scrape_it_answers_and_ends_cleanly() -> None:
    make(Population(16000, 16000, 2000))
    with serve() as exporter:
        connection = exporter.connect()
        idle = exporter.connect()
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        connection.request("GET", "/metrics")
        _wait_until_reading(exporter)
        exporter.process.send_signal(signal.SIGTERM)
        response = connection.getresponse()
        assert (200, "close") == (response.status, response.headers["Connection"])
        assert b'ipcctl_objects{kind="msg"} 16000.0\n' in response.read()
        assert 0 == exporter.process.wait(TIMEOUT)
        connection.close()
        idle.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", exporter.ports[0]), timeout=TIMEOUT)
        assert exporter.process.stderr is not None
        assert b"" == exporter.process.stderr.read()


def _wait_until_reading(exporter: Exporter) -> None:
    """A second thread that has used the processor: the scrape has begun."""

    def busy() -> bool:
        ticks = []
        for thread in os.listdir(f"/proc/{exporter.process.pid}/task"):
            with open(f"/proc/{exporter.process.pid}/task/{thread}/stat") as stat:
                ticks.append(sum(map(int, stat.read().rpartition(")")[2].split()[11:13])))
        return len(ticks) > 1 and max(ticks[1:]) > 0

    deadline = time.monotonic() + TIMEOUT
    while not busy():
        assert time.monotonic() < deadline


def test_terminated_while_clients_dawdle_it_ends_at_once() -> None:
    with serve() as exporter, socket.create_connection(("127.0.0.1", exporter.ports[0])) as half:
        half.sendall(b"GET /met")
        exporter.get("/healthz")
        assert 0 == exporter.terminate()


def test_interrupted_it_says_so() -> None:
    with serve() as exporter:
        exporter.process.send_signal(signal.SIGINT)
        assert 130 == exporter.process.wait(TIMEOUT)


def test_systemd_hands_over_its_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with serve(listen=False, passed=listening) as exporter:
            assert f"listening on 127.0.0.1:{port} ".encode() in exporter.said
            assert 200 == exporter.get().status
            assert 0 == exporter.terminate()


def test_systemd_starts_it_at_the_first_scrape() -> None:
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("systemd-socket-activate is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "-l", f"127.0.0.1:{port}", sys.executable, "-m", "ipcctl", "exporter"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(stranger=False)) as process:
        assert process.stderr is not None
        assert "Listening on" in process.stderr.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        connection.request("GET", "/metrics")
        assert b'ipcctl_objects{kind="shm"} 0.0\n' in connection.getresponse().read()
        connection.close()
        process.terminate()
        assert f"listening on 127.0.0.1:{port} (http)" in process.stderr.read()
        assert 0 == process.wait(TIMEOUT)
