"""A real Prometheus scrapes the exporter while objects come and go.

One Prometheus serves all tests, because it takes five seconds to look for its targets. They listen already: each test
hands its socket to an exporter of its own.
"""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import bcrypt
import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors, certificates, cli, namespace
from tests.live.prometheus import Prometheus, prometheus
from tests.live.served import EVERYTHING, make_queue, serve, serve_text
from tests.test_packaging_exporter import DASHBOARD, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
PLAIN = ("numbers", "alerts")
BOTH = ("exporter", "textfiles")  # the targets of the job dashboard
SECRET = "open sesame"  # noqa: S105  of a test


class Scene(NamedTuple):
    """A Prometheus, its directory, and the sockets that its jobs go to."""

    server: Prometheus
    directory: Path
    sockets: dict[str, socket.socket]


def job(name: str, *listening: socket.socket, more: str = "") -> str:
    targets = [f"127.0.0.1:{one.getsockname()[1]}" for one in listening]
    return f"- job_name: {name}\n  static_configs: [{{targets: {targets}}}]\n{more}"


def secure(name: str | None = None, password: str | None = None) -> str:
    pair = f", cert_file: {name}.crt, key_file: {name}.key" if name else ""
    login = f"  basic_auth: {{username: prometheus, password: {password!r}}}\n" if password else ""
    return f"  scheme: https\n  tls_config: {{ca_file: ca.crt{pair}}}\n{login}"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    certificates.require_openssl()
    directory = tmp_path_factory.mktemp("prometheus")
    certificates.make_authority(directory)
    certificates.make_authority(directory, "other")
    certificates.issue(directory, "server")
    certificates.issue(directory, "client")
    certificates.issue(directory, "stranger", authority="other")
    (directory / "ipcctl.rules.yml").write_text(re.sub(r"for: \d+[mh]", "for: 1s", RULES.read_text()))
    with ExitStack() as closing:
        names = (*PLAIN, *BOTH, "password", "certificate")
        sockets = {name: closing.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
        jobs = [
            *(job(name, sockets[name]) for name in PLAIN),
            job("dashboard", *(sockets[name] for name in BOTH)),
            job("password", sockets["password"], more=secure(password=SECRET)),
            job("certificate", sockets["certificate"], more=secure("client")),
            job("wrong-password", sockets["password"], more=secure(password=SECRET.upper())),
            job("no-password", sockets["password"], more=secure()),
            job("wrong-certificate", sockets["certificate"], more=secure("stranger")),
            job("no-certificate", sockets["certificate"], more=secure()),
            job("plain", sockets["password"]),
        ]
        configuration = (
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\n"
            f"rule_files: [ipcctl.rules.yml]\nscrape_configs:\n{''.join(jobs)}"
        )
        server = closing.enter_context(prometheus(directory, configuration))
        server.wait(lambda: server.targets() == len(jobs) + 1, lambda: "no targets")
        yield Scene(server, directory, sockets)


def test_promql_gives_the_numbers_of_proc_while_objects_come_and_go(scene: Scene) -> None:
    def until(metric: str, expected: float) -> None:
        metric, brace, labels = metric.partition("{")
        scene.server.until(f'{metric}{{job="numbers"{"," if brace else "}"}{labels}', expected)

    with serve(listen=False, passed=scene.sockets["numbers"]):
        until('ipcctl_objects{kind="sem"}', 0)
        sets = [sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX) for _ in range(7)]
        segment = sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=123456)
        queue = sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
        queue.send(b"12345")
        posix_ipc.SharedMemory("/psm_1", posix_ipc.O_CREX, size=4096).close_fd()
        until('ipcctl_objects{kind="sem"}', 7)
        until("ipcctl_semaphores", 7)
        until("ipcctl_shm_size_bytes", 123456)
        until("ipcctl_shm_attachments", 1)
        until('ipcctl_message_bytes{kind="msg"}', 5)
        until('ipcctl_objects{kind="pshm"}', 1)
        with open("/proc/sys/kernel/sem") as limits:
            semmni = int(limits.read().split()[3])
        until('ipcctl_objects_limit{kind="sem"}', semmni)
        for one in sets:
            one.remove()
        segment.remove()
        until('ipcctl_objects{kind="sem"}', 0)
        until("ipcctl_shm_pending_destroy_objects", 1)
        segment.detach()
        until('ipcctl_objects{kind="shm"}', 0)
        types = scene.server.api("metadata", metric="ipcctl_objects")["ipcctl_objects"]
        assert "gauge" == types[0]["type"]


def test_tls_with_a_password_and_with_a_client_certificate(scene: Scene) -> None:
    hashed = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()
    (scene.directory / "password.yml").write_text(f"{TLS}basic_auth_users: {{prometheus: {hashed}}}\n")
    (scene.directory / "clients.yml").write_text(TLS + CLIENTS)
    expected = {
        "password": r"up",
        "certificate": r"up",
        "wrong-password": r".*401 Unauthorized",
        "no-password": r".*401 Unauthorized",
        "wrong-certificate": r".*(tls: |broken pipe|connection reset|EOF)",
        "no-certificate": r".*(tls: |broken pipe|connection reset|EOF)",
        "plain": r".*(malformed|connection reset|EOF)",
    }

    def surprising() -> dict[str, str]:
        seen = scene.server.scraped()
        return {name: seen[name] for name in expected if not re.match(expected[name], seen[name])}

    with (
        serve("--web.config.file", f"{scene.directory}/password.yml", listen=False, passed=scene.sockets["password"]),
        serve("--web.config.file", f"{scene.directory}/clients.yml", listen=False, passed=scene.sockets["certificate"]),
    ):
        scene.server.wait(lambda: not surprising(), lambda: str(surprising()))
        for name, outcome in expected.items():
            series = len(scene.server.query(f'ipcctl_build_info{{job="{name}"}}'))
            assert (outcome == "up") == bool(series), name


def test_alerts_fire_and_resolve(scene: Scene) -> None:
    queue = sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    queue.max_size = 10
    queue.send(b"0123456789")
    semaphores = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    pid = os.fork()
    if not pid:
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096).detach()
        os._exit(0)
    os.waitpid(pid, 0)
    expected = {"IpcQueueFull", "IpcProcessesBlocked", "IpcOrphans"}

    def firing() -> set[str]:
        return scene.server.alerts("alerts")

    with (
        serve("--collect.holders", listen=False, passed=scene.sockets["alerts"]),
        actors.actor(lambda: None, sleep=semaphores.acquire, call="semop") as waiting,
    ):
        scene.server.wait(lambda: expected <= firing(), lambda: str(firing()))
        queue.receive()
        waiting.kill()
        semaphores.remove()
        with open("/proc/sysvipc/shm") as rows:
            (segment,) = [int(line.split()[1]) for line in rows.readlines()[1:]]
        sysv_ipc.remove_shared_memory(segment)
        scene.server.wait(lambda: not expected & firing(), lambda: str(firing()))


def test_every_panel_of_the_dashboard_has_data(scene: Scene, tmp_path: Path) -> None:
    semaphores = sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX)
    sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX)
    (tmp_path / "policy.toml").write_text(
        f'[defaults]\nmin_idle = 0\nprotect = []\n[[rule]]\nname = "queues"\nkinds = "msg"\nusers = {os.getuid()}\n'
        'action = "remove"\n'
    )
    (tmp_path / "policy.toml").chmod(0o600)
    cleaned = cli.run("clean", "--policy", tmp_path / "policy.toml", "--textfile", tmp_path / "clean.prom")
    assert 0 == cleaned.code, cleaned.err
    make_queue("/jobs", b"x")
    sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=4096).detach()
    (namespace.SHM / "psm_1").write_bytes(b"x")
    expressions = {
        (panel["title"], target["expr"])
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
    }
    assert len(expressions) > 30
    with (
        actors.actor(lambda: None, sleep=semaphores.acquire, call="semop"),
        serve(*EVERYTHING, listen=False, passed=scene.sockets["exporter"]),
        serve_text(scene.sockets["textfiles"], (tmp_path / "clean.prom").read_bytes()),
    ):
        scene.server.until('ipcctl_semaphores{job="dashboard"}', 1)
        scene.server.until('ipcctl_clean_last_success{job="dashboard"}', 1)
        for title, expression in sorted(expressions):
            query = expression.replace("$job", "dashboard").replace("$instance", ".*")
            assert "$" not in query
            assert scene.server.query(query), f"{title}: {query}"


def test_variables_of_the_dashboard_find_exporters_and_textfiles(scene: Scene) -> None:
    with (
        serve(listen=False, passed=scene.sockets["exporter"]),
        serve_text(scene.sockets["textfiles"], b"ipcctl_clean_last_success 1\n"),
    ):
        scene.server.until('ipcctl_semaphores{job="dashboard"}', 0)
        scene.server.until('ipcctl_clean_last_success{job="dashboard"}', 1)
        addresses = {f"127.0.0.1:{scene.sockets[name].getsockname()[1]}" for name in BOTH}
        for label, expected in (("job", {"dashboard"}), ("instance", addresses)):
            (variable,) = [
                one for one in json.loads(DASHBOARD.read_text())["templating"]["list"] if one["name"] == label
            ]
            selector = variable["definition"].removeprefix("label_values(").removesuffix(f", {label})")
            values = scene.server.api(f"label/{label}/values", **{"match[]": selector.replace("$job", "dashboard")})
            assert expected <= set(values)
