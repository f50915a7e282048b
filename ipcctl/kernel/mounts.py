"""What is mounted where, as far as it matters who answers for it."""

from __future__ import annotations

from ipcctl.kernel.files import read_text
from ipcctl.parse.mountinfo import remote_points


def remote_paths(proc: str) -> tuple[str, ...]:
    """How paths on network file systems begin, each with its last slash: if the server is down, a look never ends.

    The root is not among them: where all is remote, nothing could be looked at. None where mounts cannot be seen.
    """
    try:
        points = remote_points(read_text(f"{proc}/self/mountinfo"))
    except OSError:
        return ()
    return tuple(f"{point}/" for point in points if point != "/")
