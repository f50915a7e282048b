"""How this process takes memory from the C library (mallopt(3))."""

from __future__ import annotations

_M_ARENA_MAX = -8


def share_one_arena() -> None:
    """Let all threads take memory from one place; call it before there are any.

    glibc gives each thread an arena of its own, and what a large scrape left in each of them is never given back
    together. Another C library has no such call, and no need of it.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
