"""Reading small and large kernel files whole."""

from __future__ import annotations

import os

_CHUNK = 1 << 20


def read_bytes(path: str, chunk: int = _CHUNK) -> bytes:
    """All of *path*, *chunk* bytes at most in a read(2) call. Raises OSError.

    Small files of many processes are read faster in small chunks: the buffer is allocated for each call.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while piece := os.read(descriptor, chunk):
            chunks.append(piece)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def read_text(path: str) -> str:
    """All of *path* as text; bytes that are not UTF-8 stay visible as surrogates. Raises OSError."""
    return read_bytes(path).decode("utf-8", "surrogateescape")
