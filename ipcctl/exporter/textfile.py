"""A file of metrics for node_exporter's textfile collector, which reads it at any moment: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from ipcctl.errors import Unwritable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

SUFFIX = ".prom"  # node_exporter reads no other name
_MODE = 0o644  # node_exporter runs as another user


def check_textfile(path: str) -> None:
    """Raise UsageError for a name that would never be read, Unwritable where the file cannot be put."""
    if not path.endswith(SUFFIX) or os.path.basename(path) == SUFFIX:
        message = f"bad textfile {path!r}: its name does not end in {SUFFIX}"
        raise UsageError(message, hint="node_exporter reads *.prom in --collector.textfile.directory only")
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        why = "is no directory" if os.path.lexists(directory) else "does not exist"
        message = f"cannot write {path}: {directory} {why}"
        raise Unwritable(message, hint="make it, and name it to node_exporter: --collector.textfile.directory")
    if os.path.isdir(path):
        message = f"cannot write {path}: it is a directory"
        raise Unwritable(message, hint="name a file in it")


def write_textfile(path: str, content: bytes | Iterable[Metric]) -> None:
    """Put *content* (text exposition, or metric families) at *path*, replacing what was there in one step.

    The old file stays as it is until the new one is whole and on disk. Raises UsageError for a path that does not end
    in ``.prom``, Unwritable for one that cannot be written; neither leaves anything behind.
    """
    check_textfile(path)
    text = content if isinstance(content, bytes) else exposition(content)
    directory, name = os.path.split(path)
    try:
        _replace(directory or ".", name, text)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise Unwritable(message, hint="the old file, if there was one, is as it was") from error


def exposition(families: Iterable[Metric]) -> bytes:
    """Metric families in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Given(Collector):
        def collect(self) -> Iterable[Metric]:
            return families

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given())
    return generate_latest(registry)


def _replace(directory: str, name: str, text: bytes) -> None:
    """Write beside the target and rename. A crash leaves at most a hidden file that node_exporter does not read."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, _MODE)
            os.fsync(descriptor)
        os.replace(temporary, os.path.join(directory, name))
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
