"""Real programs that use IPC objects: PostgreSQL and Apache, skipped where they are not installed, and Python's own."""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipcctl.kernel.lineage import live_descendants
from tests.live import namespace, users
from tests.live.cli import TIMEOUT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PR_SET_PDEATHSIG = 1
APACHE_MODULES = Path("/usr/lib/apache2/modules")
READY = {"postgres": b"ready to accept connections", "apache2": b"resuming normal operations"}
"""What they say when they are."""

APACHE = """
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{ports[0]}
Listen 127.0.0.1:{ports[1]}
PidFile {directory}/pid
ErrorLog /dev/stderr
User www-data
Group www-data
Mutex sysvsem default
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule auth_digest_module {modules}/mod_auth_digest.so
StartServers 2
MinSpareServers 2
MaxSpareServers 3
"""
"""Two addresses: the workers take turns by a semaphore. Another one waits for requests that mod_auth_digest gets."""


class Program:
    """A running program and the processes it started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Take charge of *process*, whose stderr is a pipe."""
        self.process = process
        self._said = b""

    @property
    def pid(self) -> int:
        """Its first process."""
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """All the others that descend from it."""
        return live_descendants(self.pid)

    def until_said(self, text: bytes) -> None:
        """Wait until it says something new with *text* in it."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + TIMEOUT
        while text not in self._said:
            ready, _, _ = select.select([self.process.stderr], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            assert more, f"{text!r} never came: {self._said.decode()}"
            self._said += more
        self._said = self._said.partition(text)[2]

    def stop(self, how: signal.Signals) -> None:
        """Send the signal to its first process; wait until all have ended."""
        workers = self.workers
        self.process.send_signal(how)
        self.process.wait(TIMEOUT)
        until_gone(workers)

    def kill(self) -> None:
        """Kill -9 all of it at once."""
        workers = self.workers
        with suppress(ProcessLookupError):
            self.process.kill()
        kill(workers)
        self.process.wait(TIMEOUT)


def kill(pids: Sequence[int]) -> None:
    """Kill -9 processes that are no children of ours, and wait until they are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until_gone(pids)


def until_gone(pids: Sequence[int]) -> None:
    """Wait for processes that are no children of ours."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            ready, _, _ = select.select([descriptor], [], [], TIMEOUT)
            os.close(descriptor)
            assert ready, f"process {pid} did not end"


def account(name: str) -> pwd.struct_passwd:
    """The account; the test is skipped where there is none, and where this run cannot become another user."""
    if not namespace.sees_everybody():
        pytest.skip("another uid needs root: the user namespace of this run maps one uid only")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pytest.skip(f"there is no user {name}")


def postgres_directory() -> Path:
    """Where PostgreSQL's programs are: Debian keeps them off PATH."""
    on_path = shutil.which("postgres")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("postgres is not installed")
    return found[-1].resolve().parent


@contextmanager
def cluster() -> Iterator[Path]:
    """A new database cluster of the user postgres, not running: the directory around its data."""
    programs, owner = postgres_directory(), account("postgres")
    with tempfile.TemporaryDirectory(prefix="ipcctl-postgres-") as name:
        os.chown(name, owner.pw_uid, owner.pw_gid)
        command: list[str | Path] = [programs / "initdb", "-D", f"{name}/data", "-A", "trust", "-N", "--locale=C"]
        subprocess.run(command, user=owner.pw_uid, group=owner.pw_gid, extra_groups=[], check=True,
                       capture_output=True, cwd=name, timeout=TIMEOUT)  # fmt: skip
        yield Path(name)


@contextmanager
def postgres(directory: Path, *settings: str) -> Iterator[Program]:
    """Run the cluster there, reached through a socket in that directory, in System V shared memory."""
    usual = (
        "shared_memory_type=sysv",
        "shared_buffers=1MB",
        "listen_addresses=",
        f"unix_socket_directories={directory}",
    )
    command = [postgres_directory() / "postgres", "-D", directory / "data"]
    for setting in (*usual, *settings):
        command += ["-c", setting]
    with _running(list(map(str, command)), directory, account("postgres").pw_uid) as it:
        yield it


def ask_postgres(directory: Path, question: str) -> str:
    """The answer to a query."""
    command: list[str | Path] = [postgres_directory() / "psql", "-h", directory, "-U", "postgres", "-Atc", question]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT)
    return done.stdout.strip()


@contextmanager
def apache(configuration: str = APACHE) -> Iterator[Program]:
    """Run Apache, which starts as root and has workers that are www-data."""
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("apache2 is not installed")
    account("www-data")
    with tempfile.TemporaryDirectory(prefix="ipcctl-apache-") as name:
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            ports = [it.getsockname()[1] for it in (one, other)]
        file = Path(name) / "conf"
        file.write_text(configuration.format(directory=name, ports=ports, modules=APACHE_MODULES))
        with _running([program, "-f", str(file), "-DFOREGROUND"], Path(name)) as it:
            yield it


@contextmanager
def python(program: str, uid: int | None = None) -> Iterator[Program]:
    """Run a program that writes `ready` to stderr when it is."""
    with _running([sys.executable, "-c", program], Path("/"), uid) as it:
        yield it


@contextmanager
def _running(command: list[str], directory: Path, uid: int | None = None) -> Iterator[Program]:
    """As somebody else if `uid` is given, in a session of its own as service managers do."""
    if uid is not None:
        users.closed_directories()  # found while everything can still be read, and kept

    def prepare() -> None:
        if uid is not None:
            users.become(uid, gid)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    gid = next((entry.pw_gid for entry in pwd.getpwall() if entry.pw_uid == uid), uid)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=directory,
        preexec_fn=prepare, start_new_session=True, env=environment(stranger=uid is not None),  # noqa: PLW1509
    )  # fmt: skip
    it = Program(process)
    try:
        it.until_said(READY.get(Path(command[0]).name, b"ready"))
        yield it
    finally:
        it.kill()
        if process.stderr:
            process.stderr.close()
