"""Reading small and large kernel files whole."""

from __future__ import annotations

import os

_CHUNK = 1 << 16
_BUFFER = 1 << 20
_PIECE = 3 << 10
_PIECES = _BUFFER // _PIECE  # under IOV_MAX


def read_bytes(path: str, chunk: int = _CHUNK) -> bytes:
    """All of *path*, *chunk* bytes at most in a read(2) call. Raises OSError.

    Small files of many processes are read faster in small chunks: the buffer is allocated for each call.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return read_open(descriptor, chunk)
    finally:
        os.close(descriptor)


def read_open(descriptor: int, chunk: int = _CHUNK) -> bytes:
    """What is left to read of an open file, as :func:`read_bytes`."""
    chunks = []
    while piece := os.read(descriptor, chunk):
        chunks.append(piece)
    return b"".join(chunks)


def read_large(path: str) -> bytes:
    """All of *path*, a table that may be large, in as few system calls as the kernel allows. Raises OSError.

    A table in /proc comes a page at most at a time, whatever is asked for; a piece smaller than a page it fills
    exactly, and readv(2) goes on to the next piece. So a thread that reads a large table needs the GIL but rarely.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunk = os.read(descriptor, _CHUNK)
        chunks = [chunk]
        if len(chunk) >= _PIECE:
            buffer = bytearray(_PIECE * _PIECES)
            view = memoryview(buffer)
            pieces = [view[start : start + _PIECE] for start in range(0, len(buffer), _PIECE)]
            while length := os.readv(descriptor, pieces):
                chunks.append(bytes(view[:length]))
        else:
            while chunk:
                chunk = os.read(descriptor, _CHUNK)
                chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def read_text(path: str) -> str:
    """All of *path* as text; bytes that are not UTF-8 stay visible as surrogates. Raises OSError."""
    return read_bytes(path).decode("utf-8", "surrogateescape")
