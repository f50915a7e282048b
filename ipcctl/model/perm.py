"""Permissions spelled out."""

from __future__ import annotations


def spell(mode: int, *, alter: bool) -> str:
    """``owner rw, group r, others -``; *alter* = System V semaphores, whose write is called alter (semget(2))."""
    write = "a" if alter else "w"
    words = []
    for who, shift in (("owner", 6), ("group", 3), ("others", 0)):
        bits = mode >> shift
        words.append(f"{who} {('r' if bits & 4 else '') + (write if bits & 2 else '') or '-'}")
    return ", ".join(words)
