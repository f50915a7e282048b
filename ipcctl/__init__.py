"""List, explain and remove every IPC object of a Linux host, System V and POSIX."""

__version__ = "0.1.0"
