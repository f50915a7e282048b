"""Make a believable mess of IPC objects, look at it with ipcctl, clean up.

Everything happens in an IPC and mount namespace of its own, which ends with this program: the host's
objects are neither seen nor touched. Where the kernel grants no namespace, the demo makes a few objects
under names and keys of its own on the host, names nothing else to ipcctl, and removes them at the end.
"""

import contextlib
import ctypes
import errno
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

import posix_ipc
import sysv_ipc

INSIDE = "--inside"  # followed by the IPC namespace of the host
ON_HOST = "--on-host"
IPC_NAMESPACE = "/proc/self/ns/ipc"

KIB = 1024
MIB = 1024 * KIB
HOUR = 3600
DAY = 24 * HOUR
WEB_ACCOUNTS = ("www-data", "apache", "http", "nginx")
WAITER_SECONDS = 120
PR_SET_NAME = 15
PROGRAMS = {"www-data": "apache2", "http": "httpd", "postgres": "postgres"}
"""What the processes of an account call themselves; others are a job."""
RESTART = 2.5
"""Seconds from the end of the web server's earlier run to its next: nobody of the next one was there then."""
FORGOTTEN_SETS = 4

libc = ctypes.CDLL(None, use_errno=True)


class Owner(NamedTuple):
    """Who makes an object. name is None where the uid has no account."""

    uid: int
    gid: int
    name: str | None


class NotMade(Exception):
    """A process of the demo could not make its objects, and has said why."""


class Crew:
    """The processes of the demo: each makes its objects, then ends or stays. All end with this one."""

    def __init__(self) -> None:
        self._staying: list[int] = []
        # Nobody writes here: who stays reads from it, and wakes when the only writer, this process, is gone.
        self._alive_read, self._alive_write = os.pipe()

    def make(self, owner: Owner, work: Callable[[], object]) -> None:
        """Do work as owner in a process that is gone afterwards: what it made is forgotten."""
        pid = os.fork()
        if pid == 0:
            self._child(owner, work)
        _, status = os.waitpid(pid, 0)
        if status:
            raise NotMade

    def stay(self, owner: Owner, work: Callable[[], object], then: Callable[[], object] | None = None) -> None:
        """Do work as owner in a process that keeps what it holds, doing then (or nothing) until the end."""
        ready_read, ready_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready_read)
            self._child(owner, work, ready_write, then or self._wait_for_the_end)
        self._staying.append(pid)
        os.close(ready_write)
        ready = os.read(ready_read, 1)
        os.close(ready_read)
        if not ready:
            raise NotMade

    def dismiss(self) -> None:
        """End the processes that stayed, by pid."""
        for pid in self._staying:
            os.kill(pid, signal.SIGKILL)
        for pid in self._staying:
            os.waitpid(pid, 0)
        self._staying.clear()

    def _child(
        self,
        owner: Owner,
        work: Callable[[], object],
        ready: int | None = None,
        then: Callable[[], object] | None = None,
    ) -> NoReturn:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = 1
        try:
            os.close(self._alive_write)
            become(owner)
            libc.prctl(PR_SET_NAME, PROGRAMS.get(owner.name or "", "job").encode(), 0, 0, 0)
            held = work()  # kept: what it holds is let go when nothing refers to it
            if ready is not None:
                os.write(ready, b"!")
            if then is not None:
                then()
            del held
            status = 0
        except (OSError, ValueError, posix_ipc.Error, sysv_ipc.Error) as error:
            # A waiter whose object is removed under it has done its part.
            print(f"demo: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)

    def _wait_for_the_end(self) -> None:
        os.read(self._alive_read, 1)


def become(owner: Owner) -> None:
    """Take on the owner's ids, for good."""
    if (owner.uid, owner.gid) != (os.getuid(), os.getgid()):
        os.setgroups([])
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    os.umask(0)  # the modes below are meant as written


def segment(key: int | None, size: int, mode: int) -> sysv_ipc.SharedMemory:
    """Create a System V segment; it stays attached for as long as the result lives."""
    return sysv_ipc.SharedMemory(key, sysv_ipc.IPC_CREX, mode=mode, size=size, init_character=b"\0")


def segment_never_attached(key: int, size: int, mode: int) -> None:
    """Create a System V segment and leave it at that; sysv_ipc always attaches."""
    if libc.shmget(ctypes.c_int(key), ctypes.c_size_t(size), sysv_ipc.IPC_CREX | mode) < 0:
        raise_errno("shmget")


def doomed_segment(size: int, mode: int) -> sysv_ipc.SharedMemory:
    """Create a segment and remove it while it is attached: the kernel keeps it, marked dest."""
    doomed = segment(None, size, mode)
    doomed.remove()
    return doomed


def found_segment(key: int) -> sysv_ipc.SharedMemory:
    """Find a segment without staying attached to it."""
    found = sysv_ipc.SharedMemory(key)
    found.detach()
    return found


def semaphore_set(key: int, values: list[int], mode: int) -> None:
    """Create a set of several semaphores; sysv_ipc makes sets of one only."""
    setval = 16
    semid = libc.semget(ctypes.c_int(key), len(values), sysv_ipc.IPC_CREX | mode)
    if semid < 0:
        raise_errno("semget")
    for number, value in enumerate(values):
        if libc.semctl(semid, number, setval, ctypes.c_long(value)) < 0:
            raise_errno("semctl")


def raise_errno(call: str) -> NoReturn:
    """Raise the error that the C library left behind."""
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}")


def wait_in_line(key: int) -> None:
    """Block in semop() on the first semaphore of a set."""
    with contextlib.suppress(sysv_ipc.BusyError, sysv_ipc.ExistentialError):
        sysv_ipc.Semaphore(key).acquire(timeout=WAITER_SECONDS)


def message_queue(key: int, mode: int, text: bytes, count: int | None) -> None:
    """Create a System V queue with count messages, or as many as go in where count is None."""
    queue = sysv_ipc.MessageQueue(key, sysv_ipc.IPC_CREX, mode=mode, max_message_size=len(text) + 16)
    with contextlib.suppress(sysv_ipc.BusyError):
        number = 0
        while count is None or number < count:
            queue.send(text + b" %d" % number, block=False, type=1 + number % 3)
            number += 1


def shared_memory(name: str, size: int, mode: int, age: int) -> None:
    """Create a POSIX shared memory object, all of it allocated, last written age seconds ago."""
    memory = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=mode, size=size)
    os.posix_fallocate(memory.fd, 0, size)
    when = time.time() - age
    os.utime(memory.fd, (when, when))
    memory.close_fd()


def named_semaphore(name: str, value: int, mode: int) -> None:
    """Create a POSIX named semaphore."""
    posix_ipc.Semaphore(name, posix_ipc.O_CREX, mode=mode, initial_value=value).close()


def posix_queue(name: str, mode: int, messages: list[tuple[bytes, int]]) -> None:
    """Create a POSIX queue that holds some (text, priority)."""
    queue = posix_ipc.MessageQueue(name, posix_ipc.O_CREX, mode=mode, max_messages=8, max_message_size=512)
    for text, priority in messages:
        queue.send(text, priority=priority)
    queue.close()


def make_mess(crew: Crew, db: Owner, web: Owner, job: Owner, gone: Owner) -> tuple[str, str]:
    """Make the mess in a namespace of our own; return the references of a full queue and a contended set."""
    full, lock = 0x4D01002A, 0x61016F12
    crew.stay(db, lambda: segment(0x0052E2C1, 2 * MIB, 0o600))
    crew.make(db, lambda: posix_queue("/billing-in", 0o660, [(b"invoice 4711", 1), (b"refund 12", 9)]))
    crew.make(web, lambda: segment(0x41021ACF, 4 * MIB, 0o600))
    crew.make(web, lambda: segment_never_attached(0x41021AD0, 64 * KIB, 0o640))
    crew.make(web, lambda: semaphore_set(0x41021AD1, [1], 0o600))
    for _ in range(FORGOTTEN_SETS):
        crew.make(web, lambda: semaphore_set(sysv_ipc.IPC_PRIVATE, [1], 0o600))
    crew.make(web, lambda: message_queue(0x41021AD2, 0o600, b"session expired " * 16, 31))
    crew.make(web, lambda: shared_memory("/psm_8f2c1a", 256 * KIB, 0o600, age=5 * HOUR))
    crew.make(job, lambda: message_queue(full, 0o644, b"frame", None))
    crew.make(job, lambda: shared_memory("/torch_4711_0", 8 * MIB, 0o600, age=3 * DAY))
    crew.make(job, lambda: named_semaphore("/render-lock", 1, 0o600))
    crew.make(gone, lambda: segment(0x5EED0001, 1 * MIB, 0o640))
    crew.make(gone, lambda: semaphore_set(lock, [0, 1, 1, 4], 0o666))
    time.sleep(RESTART)
    crew.stay(web, lambda: segment(0x41021ACE, 512 * KIB, 0o600))
    crew.stay(web, lambda: doomed_segment(128 * KIB, 0o600))
    crew.stay(job, lambda: None, then=lambda: wait_in_line(lock))
    return f"msg:{full:#010x}", f"sem:{lock:#010x}"


class HostObjects:
    """A few objects on the host, under keys and names that only this process uses."""

    def __init__(self) -> None:
        # 16 keys of our own, by pid; each is created exclusively, so nothing that exists is ever taken over.
        self._base = 0x1C000000 | (os.getpid() & 0xFFFFF) << 4
        self._prefix = f"/ipcctl-demo-{os.getpid()}-"
        self._removers: list[Callable[[], object]] = []
        self.keys = f"{self._base:#010x}"[:-1] + "?"
        self.names = f"{self._prefix}*"

    def make(self, crew: Crew, me: Owner) -> tuple[str, str]:
        """Make them; return the references of a full queue and a contended set."""
        in_use, forgotten, full, lock = (self._base + number for number in range(4))
        memory, guard, queue = (self._prefix + word for word in ("torch_0", "render-lock", "billing-in"))
        crew.stay(me, lambda: segment(in_use, 512 * KIB, 0o600))
        self._removers.append(found_segment(in_use).remove)
        crew.make(me, lambda: segment(forgotten, 64 * KIB, 0o600))
        self._removers.append(found_segment(forgotten).remove)
        crew.make(me, lambda: message_queue(full, 0o600, b"frame", None))
        self._removers.append(sysv_ipc.MessageQueue(full).remove)
        crew.make(me, lambda: semaphore_set(lock, [0, 1], 0o666))
        self._removers.append(sysv_ipc.Semaphore(lock).remove)
        crew.stay(me, lambda: None, then=lambda: wait_in_line(lock))
        crew.make(me, lambda: shared_memory(memory, 256 * KIB, 0o600, age=3 * DAY))
        self._removers.append(lambda: posix_ipc.unlink_shared_memory(memory))
        crew.make(me, lambda: named_semaphore(guard, 1, 0o600))
        self._removers.append(lambda: posix_ipc.unlink_semaphore(guard))
        crew.make(me, lambda: posix_queue(queue, 0o600, [(b"invoice 4711", 1)]))
        self._removers.append(lambda: posix_ipc.unlink_message_queue(queue))
        return f"msg:{full:#010x}", f"sem:{lock:#010x}"

    def remove(self) -> None:
        """Remove what is left of them."""
        for remover in self._removers:
            with contextlib.suppress(posix_ipc.ExistentialError, sysv_ipc.ExistentialError):
                remover()


class Stage:
    """Shows commands as a person would type them, and remembers whether one failed."""

    def __init__(self) -> None:
        self.failed = 0
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str) -> None:
        """Say what comes next, as a shell comment."""
        print(f"\n{self._styled('2', '# ' + text)}", flush=True)

    def run(self, *arguments: str, status: int = 0) -> None:
        """Run ipcctl; status is the exit status that belongs to the story."""
        self._show(("ipcctl", *arguments), [sys.executable, "-m", "ipcctl", *arguments], status)

    def try_semget(self, *, status: int) -> None:
        """Do what a program that needs a semaphore does, by util-linux where it is installed."""
        if shutil.which("ipcmk"):
            self._show(("ipcmk", "-S", "1"), ["ipcmk", "-S", "1"], status)

    def _show(self, shown: Sequence[str], command: Sequence[str], expected: int) -> None:
        line = shlex.join(shown)
        print(self._styled("1", f"$ {line}"), flush=True)
        status = subprocess.run(command, check=False).returncode
        if status != expected:
            self.failed += 1
            print(f"demo: {line}: exit status {status}, not {expected}", file=sys.stderr, flush=True)

    def _styled(self, sgr: str, text: str) -> str:
        return f"\x1b[{sgr}m{text}\x1b[0m" if self._colour else text


def account(name: str) -> Owner | None:
    """Look an account up; None where there is no such."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(entry.pw_uid, entry.pw_gid, name)


def nameless() -> Owner:
    """Find a uid that no account has: somebody who left."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    uid = next(uid for uid in range(31007, 65000) if uid not in taken)
    return Owner(uid, uid, None)


def myself() -> Owner:
    """Return the user who runs the demo."""
    return Owner(os.getuid(), os.getgid(), "me")


def may_become_others() -> bool:
    """Tell whether other uids exist here: root has them, a user namespace of one user has not."""
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        mapped = sum(int(line.split()[2]) for line in lines)
    return os.getuid() == 0 and mapped > 65534  # noqa: PLR2004 - up to nobody


def mount(kind: str, where: str, *options: str) -> bool:
    """Mount a file system of that kind; False where it cannot be had."""
    return subprocess.run(["mount", "-t", kind, *options, "none", where], check=False).returncode == 0


def fill_up() -> bool:
    """Lower this namespace's limit on semaphore sets to what there is; False where that is not permitted."""
    with open("/proc/sysvipc/sem", encoding="ascii") as lines:
        sets = len(lines.readlines()) - 1
    try:
        with open("/proc/sys/kernel/sem", "r+", encoding="ascii") as limits:
            semmsl, semmns, semopm, _ = limits.read().split()
            limits.seek(0)
            limits.write(f"{semmsl} {semmns} {semopm} {sets}")
    except OSError:
        return False
    return True


def show_namespace(stage: Stage, crew: Crew) -> None:
    """Play the piece in a namespace of our own."""
    if may_become_others():
        web = next(filter(None, map(account, WEB_ACCOUNTS)), None) or account("daemon") or myself()
        db = account("postgres") or account("daemon") or myself()
        full, lock = make_mess(crew, db, web, account("nobody") or myself(), nameless())
    else:
        web = myself()
        full, lock = make_mess(crew, web, web, web, web)
    whose = ("--user", web.name or str(web.uid))
    if fill_up():
        stage.say("The web server does not start any more. No disk is full, and yet:")
        stage.try_semget(status=1)
        stage.say("Which limit is it, and who uses it up?")
        stage.run("limits", "--check", "80", status=1)
        stage.say("What else is wrong here, and what would mend it?")
        stage.run("doctor", status=1)
    else:
        stage.say("How close is the kernel to its limits, and who uses them up?")
        stage.run("limits")
    stage.run("users")
    stage.say("What is all that?")
    stage.run("ls")
    stage.say("A queue that nobody reads; its messages stay where they are:")
    stage.run("show", full, "--peek", "2")
    stage.say("A semaphore set that anybody may change, and somebody waits:")
    stage.run("show", lock)
    stage.say("What did earlier runs of the web server leave behind? What would go?")
    stage.run("rm", *whose, "--dry-run")
    stage.say("What is in use stays. Do it:")
    stage.run("rm", *whose, "--yes")
    stage.say("And now?")
    stage.try_semget(status=0)
    stage.run("ls", "shm", "sem", "msg")


def queues_visible() -> bool:
    """Tell whether POSIX queues can be listed here: root needs no mount for that."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return os.geteuid() == 0 or any(" - mqueue " in mount for mount in mounts)


def show_host(stage: Stage, crew: Crew) -> None:
    """Play a smaller piece on the host, with our own objects only."""
    objects = HostObjects()
    try:
        full, lock = objects.make(crew, myself())
        by_key = ("--key", objects.keys)
        by_name = ("--name", objects.names)
        system_v = ("shm", "sem", "msg")
        posix = ("pshm", "psem", "pmsg") if queues_visible() else ("pshm", "psem")
        stage.say("What did the demo leave?")
        stage.run("ls", *system_v, *by_key)
        stage.run("ls", *posix, *by_name)
        stage.say("A queue that nobody reads; its messages stay where they are:")
        stage.run("show", full, "--peek", "2")
        stage.say("A semaphore set that anybody may change, and somebody waits:")
        stage.run("show", lock)
        stage.say("How close is the kernel to its limits, and who uses them up?")
        stage.run("limits")
        stage.run("users")
        stage.say("What would go? What is in use stays.")
        stage.run("rm", *system_v, *by_key, "--dry-run")
        stage.run("rm", *system_v, *by_key, "--yes")
        stage.run("rm", *posix, *by_name, "--yes")
        stage.run("ls", *system_v, *by_key)
    finally:
        objects.remove()


def play_inside(stage: Stage, crew: Crew) -> None:
    """Furnish the namespace that unshare made, then play."""
    if os.readlink(IPC_NAMESPACE) == sys.argv[-1]:
        message = "demo: this is the host's namespace"
        raise SystemExit(message)
    if os.path.isdir("/dev/shm") and not mount("tmpfs", "/dev/shm", "-o", "mode=1777,size=64m"):
        message = "demo: cannot mount a /dev/shm of its own"
        raise SystemExit(message)
    own = None
    try:
        where = "/dev/mqueue"
        if not os.path.isdir(where):
            where = own = tempfile.mkdtemp(prefix="ipcctl-demo-")
        mount("mqueue", where)
        show_namespace(stage, crew)
    finally:
        if own:
            subprocess.run(["umount", own], check=False)
            with contextlib.suppress(OSError):
                os.rmdir(own)


def namespace_commands() -> list[list[str]]:
    """List the ways into a private namespace, the best first."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return []
    private = ["unshare", "--ipc", "--mount"]
    as_a_user = ["unshare", "--user", "--map-root-user", "--ipc", "--mount"]
    return [private, as_a_user] if os.geteuid() == 0 else [as_a_user]


def enter() -> NoReturn:
    """Start again in a private namespace, or on the host where none is to be had."""
    again = [sys.executable, os.path.abspath(__file__)]
    for unshare in namespace_commands():
        # What works is more than unshare: the demo has to mount there.
        trial = [*unshare, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
        if subprocess.run(trial, check=False, capture_output=True).returncode == 0:
            os.execvp(unshare[0], [*unshare, *again, INSIDE, os.readlink(IPC_NAMESPACE)])
    print("demo: no private namespace to be had here: using the host's, and only objects of its own")
    sys.stdout.flush()
    os.execv(again[0], [*again, ON_HOST])


def main() -> int:
    """Run the demo; 1 where a command failed."""
    if INSIDE not in sys.argv and ON_HOST not in sys.argv:
        enter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up then, too
    stage, crew = Stage(), Crew()
    try:
        (play_inside if INSIDE in sys.argv else show_host)(stage, crew)
    except OSError as error:
        hint = ": a limit of the kernel is reached" if error.errno == errno.ENOSPC else ""
        print(f"demo: {error}{hint}", file=sys.stderr)
        return 1
    except NotMade:
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        crew.dismiss()
    return 1 if stage.failed else 0


if __name__ == "__main__":
    sys.exit(main())
