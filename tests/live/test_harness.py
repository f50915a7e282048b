"""The harness does what it says: otherwise no test built on it says anything."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import sys
from pathlib import Path

import posix_ipc
import pytest
import sysv_ipc

from tests.live import actors, namespace
from tests.live.actors import actor, as_user
from tests.live.cli import run, run_program


def rows(kind: str) -> list[list[str]]:
    """Return the rows of /proc/sysvipc/KIND, without the heading."""
    return [line.split() for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]]


def python(code: str) -> list[str]:
    """Return the command that runs `code` with the interpreter of this run."""
    return [sys.executable, "-c", code]


def test_host_is_another_namespace() -> None:
    assert namespace.current().host_ipc != os.readlink("/proc/self/ns/ipc")


def test_every_listing_begins_empty(mqueue: Path) -> None:
    assert [] == [*rows("msg"), *rows("sem"), *rows("shm"), *os.listdir(mqueue), *os.listdir(namespace.SHM)]


@pytest.mark.parametrize("_again", range(2))
def test_first_id_of_a_fresh_namespace_is_zero(_again: int) -> None:
    assert 0 == sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX).id


def test_entering_again_leaves_everything_behind() -> None:
    sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100)
    posix_ipc.MessageQueue("/left", posix_ipc.O_CREX)
    posix_ipc.SharedMemory("/left", posix_ipc.O_CREX, size=100)
    mqueue = namespace.enter().mqueue
    assert [] == [*rows("shm"), *os.listdir(mqueue), *os.listdir(namespace.SHM)]


def test_mounts_do_not_pile_up() -> None:
    mounts = Path("/proc/self/mountinfo")
    before = len(mounts.read_text().splitlines())
    for _ in range(20):
        namespace.enter()
    assert before == len(mounts.read_text().splitlines())


def test_mqueue_file_system_shows_the_queues_of_this_namespace(mqueue: Path) -> None:
    posix_ipc.MessageQueue("/seen", posix_ipc.O_CREX)
    assert ["seen"] == os.listdir(mqueue)


def test_own_dev_shm_lets_everybody_create() -> None:
    assert 0o1777 == stat.S_IMODE(os.stat(namespace.SHM).st_mode)


def test_forked_child_that_enters_takes_nothing_from_its_parent() -> None:
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    (namespace.SHM / "kept").write_bytes(b"x")
    seen = as_user(os.geteuid(), lambda: (namespace.enter(), len(rows("msg")), os.listdir(namespace.SHM))[1:])
    assert (0, []) == seen
    assert (1, ["kept"]) == (len(rows("msg")), os.listdir(namespace.SHM))


def test_another_user_is_really_another(strangers: tuple[int, int]) -> None:
    alice, _ = strangers
    ids = as_user(alice, lambda: (os.getresuid(), os.getresgid(), os.getgroups(), _capabilities()))
    assert ((alice,) * 3, (alice,) * 3, [], 0) == ids


def test_object_made_as_another_user_is_his(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    shmid = as_user(alice, lambda: sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100, mode=0o600).id)
    assert alice == int(rows("shm")[0][7])
    with pytest.raises(sysv_ipc.PermissionsError):
        as_user(bob, lambda: sysv_ipc.remove_shared_memory(shmid))
    as_user(alice, lambda: sysv_ipc.remove_shared_memory(shmid))
    assert [] == rows("shm")


def test_named_users_have_names(named_users: list[pwd.struct_passwd]) -> None:
    user = named_users[0]
    assert user.pw_name == as_user(user.pw_uid, lambda: pwd.getpwuid(os.getuid()).pw_name)


def test_attached_segment_counts_its_process_until_kill_9() -> None:
    segment = sysv_ipc.SharedMemory(7, sysv_ipc.IPC_CREX, size=100)
    segment.detach()
    with actors.attached(segment.id) as process:
        assert (1, process.pid) == (segment.number_attached, segment.last_pid)
        process.kill()
        assert (0, -signal.SIGKILL) == (segment.number_attached, process.status)
        assert not Path(f"/proc/{process.pid}").exists()


def test_actor_stops_in_good_order() -> None:
    with actor(lambda: None) as process:
        process.stop()
    assert 0 == process.status


def test_actor_is_gone_after_its_block() -> None:
    with actor(lambda: None) as process:
        assert Path(f"/proc/{process.pid}").exists()
    assert not Path(f"/proc/{process.pid}").exists()


def test_failing_actor_tells_its_story() -> None:
    with pytest.raises(actors.ActorError, match="ZeroDivisionError"), actor(lambda: 1 // 0):
        pass


def test_blocked_receiver_sleeps_in_msgrcv() -> None:
    queue = sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    with actors.receiving(queue.id) as process:
        assert actors.asleep_in(process.pid) in actors.numbers("msgrcv")
        queue.send(b"wake up")
        while not queue.last_receive_pid:
            pass
        assert process.pid == queue.last_receive_pid


def test_blocked_sender_sleeps_in_msgsnd_on_a_full_queue() -> None:
    queue = sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    with actors.sending(queue.id) as process:
        assert actors.asleep_in(process.pid) in actors.numbers("msgsnd")
        assert queue.current_messages > 0


@pytest.mark.parametrize(("value", "op", "counted"), [(0, -1, "waiting_for_nonzero"), (1, 0, "waiting_for_zero")])
def test_blocked_semop_is_counted(value: int, op: int, counted: str) -> None:
    semaphore = sysv_ipc.Semaphore(7, sysv_ipc.IPC_CREX, initial_value=value)
    with actors.waiting(semaphore.id, op=op) as process:
        assert actors.asleep_in(process.pid) in actors.numbers("semop")
        assert 1 == getattr(semaphore, counted)
    assert 0 == getattr(semaphore, counted)


def test_blocked_posix_receiver_and_sender_sleep() -> None:
    posix_ipc.MessageQueue("/empty", posix_ipc.O_CREX)
    posix_ipc.MessageQueue("/full", posix_ipc.O_CREX)
    with actors.mq_receiving("/empty") as receiver, actors.mq_sending("/full") as sender:
        assert actors.asleep_in(receiver.pid) in actors.numbers("mq_receive")
        assert actors.asleep_in(sender.pid) in actors.numbers("mq_send")


def test_opened_object_is_seen_as_a_descriptor_and_mapped_one_only_as_a_mapping() -> None:
    path = namespace.SHM / "thing"
    path.write_bytes(bytes(100))
    with actors.opened(path) as process:
        assert (True, False) == (str(path) in _descriptors(process.pid), _maps(process.pid, path))
    with actors.mapped(path) as process:
        assert (False, True) == (str(path) in _descriptors(process.pid), _maps(process.pid, path))


def test_open_queue_is_seen_as_a_descriptor() -> None:
    posix_ipc.MessageQueue("/mine", posix_ipc.O_CREX).close()
    with actors.mq_opened("/mine") as process:
        assert "/mine" in _descriptors(process.pid)


def test_actor_of_another_user_can_be_seen_by_that_user_only(strangers: tuple[int, int]) -> None:
    alice, bob = strangers
    path = namespace.SHM / "thing"
    as_user(alice, lambda: path.write_bytes(bytes(100)))
    with actors.mapped(path, uid=alice) as process:
        assert as_user(alice, lambda: _maps(process.pid, path))
        with pytest.raises(PermissionError):
            as_user(bob, lambda: _maps(process.pid, path))


def test_command_runs_in_the_namespace_of_the_test() -> None:
    sysv_ipc.MessageQueue(7, sysv_ipc.IPC_CREX)
    result = run_program(python("print(open('/proc/sysvipc/msg').read().count('\\n'))"))
    assert (0, "2\n", "") == result


def test_command_runs_as_another_user_wherever_the_checkout_lies(strangers: tuple[int, int]) -> None:
    code = "import os, ipcctl, ipcctl.errors, typer; print(os.getuid(), os.getgid(), os.getgroups())"
    assert (0, f"{strangers[0]} {strangers[0]} []\n", "") == run_program(python(code), uid=strangers[0])


def test_command_in_a_pipe_has_no_terminal_and_reads_what_it_is_given() -> None:
    code = "import os, sys; print([os.isatty(n) for n in range(3)], sys.stdin.read()); sys.exit(3)"
    assert (3, "[False, False, False] typed\n", "") == run_program(python(code), stdin="typed")


def test_command_on_a_terminal_sees_its_width_and_answers() -> None:
    widths = "' '.join(str(os.get_terminal_size(n).columns) for n in range(3))"
    code = f"import os; print(input()); os.write(2, {widths}.encode())"
    assert (0, "yes\n", "97 97 97") == run_program(python(code), stdin="yes\n", tty=True, columns=97)


def test_command_on_a_terminal_without_answers_gets_end_of_input() -> None:
    result = run_program(python("import sys; sys.exit(len(sys.stdin.read()))"), tty=True)
    assert (0, "", "") == result


def test_command_on_a_terminal_as_another_user(strangers: tuple[int, int]) -> None:
    code = "import os; os.open('/dev/tty', os.O_RDWR); print(os.getuid())"
    assert (0, f"{strangers[0]}\n", "") == run_program(python(code), uid=strangers[0], tty=True)


def test_command_is_the_one_under_test() -> None:
    assert 0 == run("--version").code


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)


def _descriptors(pid: int) -> list[str]:
    return [os.readlink(entry) for entry in os.scandir(f"/proc/{pid}/fd")]


def _maps(pid: int, path: Path) -> bool:
    return str(path) in Path(f"/proc/{pid}/maps").read_text()
