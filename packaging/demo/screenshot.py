"""Draw the README's picture: what three commands show of the demo's mess, as SVG by rich.

The same picture comes out wherever it is drawn: namespaces of its own (IPC, mounts, processes) number objects and
processes from the beginning, accounts are of its own, and ages, the only thing left to chance, are rounded away.
Needs root, as the mess belongs to several users.
"""

import fcntl
import html
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import demo
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

TARGET = Path(__file__).with_name("screenshot.svg")
COLUMNS = 124
ACCOUNTS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/usr/sbin/nologin
www-data:x:33:33:www-data:/:/usr/sbin/nologin
postgres:x:71:71:postgres:/:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
"""
GROUPS = "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\npostgres:x:71:\nnogroup:x:65534:\n"
COMMANDS = (
    ("limits", "--check", "80"),
    ("ls", "shm", "pshm", "--verdict", "-o", "ref,perms,user,size,verdict,why"),
    ("rm", "shm", "pshm", "--user", "www-data", "--dry-run"),  # of sets and queues no pid namespace of its own can tell
)

_MARGIN = 2  # on the right, in columns
_TEXT = re.compile(r'(<text [^>]*\bx=")([\d.]+)("[^>]*\btextLength=")([\d.]+)("[^>]*>)([^<]*)</text>')

# rich's own frame, less the fonts that it has a browser fetch from elsewhere.
FRAME = """\
<svg class="{unique_id}" viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect fill="#191919" x="0" y="0" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<g transform="translate(9, 9)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run(arguments: tuple[str, ...]) -> str:
    """What ipcctl writes on a terminal of COLUMNS columns, escape sequences and all."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    command = [sys.executable, "-m", "ipcctl", *arguments]
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        written = io.BytesIO()
        while chunk := read(ours):
            written.write(chunk)
        process.wait()
    return written.getvalue().decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """The next bytes; nothing once the other side is closed, which the kernel reports as EIO."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def draw(outputs: list[str]) -> str:
    """The picture."""
    console = Console(
        record=True, width=COLUMNS + _MARGIN, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for arguments, output in zip(COMMANDS, outputs, strict=True):
        console.print(Text(f"$ ipcctl {' '.join(arguments)}", style="bold"))
        console.print(Text.from_ansi(re.sub(r"\b[0-9]s ago", "1s ago", output)))
    picture = console.export_svg(title="ipcctl", theme=DIMMED_MONOKAI, code_format=FRAME, unique_id="ipcctl")
    return "\n".join(line.rstrip() for line in _TEXT.sub(_trimmed, picture).splitlines()) + "\n"


def _trimmed(text: re.Match[str]) -> str:
    """A piece of text without the blanks around it, which not every viewer draws as wide as rich means them."""
    before, x, between, length, after, content = text.groups()
    content = html.unescape(content)
    words = content.strip("\xa0")
    if not words:
        return ""
    cell = float(length) / len(content)
    start = float(x) + cell * (len(content) - len(content.lstrip("\xa0")))
    shown = html.escape(words).replace("\xa0", "&#160;")
    return f"{before}{start:g}{between}{cell * len(words):g}{after}{shown}</text>"


def inside() -> None:
    """Furnish the namespaces, make the mess, draw."""
    for path, text in (("/etc/passwd", ACCOUNTS), ("/etc/group", GROUPS)):
        with tempfile.NamedTemporaryFile("w") as own:
            own.write(text)
            own.flush()
            os.chmod(own.name, 0o644)
            subprocess.run(["mount", "--bind", own.name, path], check=True)
    demo.mount("tmpfs", "/dev/shm", "-o", "mode=1777,size=64m")
    os.makedirs("/dev/mqueue", exist_ok=True)
    demo.mount("mqueue", "/dev/mqueue")
    crew = demo.Crew()
    try:
        accounts = [demo.account(name) for name in ("postgres", "www-data", "nobody")]
        db, web, job = (account or demo.myself() for account in accounts)
        demo.make_mess(crew, db, web, job, demo.nameless())
        demo.fill_up()
        picture = draw([run(arguments) for arguments in COMMANDS])
    finally:
        crew.dismiss()
    TARGET.write_text(picture, encoding="utf-8")
    print(TARGET)


def main() -> int:
    """Enter the namespaces first."""
    if demo.INSIDE in sys.argv:
        inside()
        return 0
    if os.geteuid() != 0:
        print("screenshot: only root has the several users that the picture shows", file=sys.stderr)
        return 1
    unshare = ["unshare", "--ipc", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run([*unshare, sys.executable, os.path.abspath(__file__), demo.INSIDE], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
