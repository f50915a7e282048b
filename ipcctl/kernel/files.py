"""Reading small and large kernel files whole."""

from __future__ import annotations

import os

_CHUNK = 1 << 20


def read_bytes(path: str) -> bytes:
    """All of *path*, in as few read(2) calls as the kernel allows. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def read_text(path: str) -> str:
    """All of *path* as text; bytes that are not UTF-8 stay visible as surrogates. Raises OSError."""
    return read_bytes(path).decode("utf-8", "surrogateescape")
