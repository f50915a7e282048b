"""Whether a process can have an IPC object mapped, asked without having its maps file written out.

PROCMAP_QUERY (Linux 6.11) goes from mapping to mapping in numbers, shared ones alone if asked: it takes a tenth of the
time that the kernel needs to write 200 lines. All that is asked is whether they are worth reading.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

_SIZE = 104  # struct procmap_query
_PROCMAP_QUERY = 3 << 30 | _SIZE << 16 | ord("f") << 8 | 17  # elsewhere encoded otherwise: then it is refused
_SHARED, _THIS_OR_NEXT, _FILE_BACKED = 0x08, 0x10, 0x20
_QUESTION = struct.Struct("=3Q")  # size, flags, address
_ANSWER = struct.Struct("=32x3Q16x2I")  # end, flags, page size, major and minor number of the device


class Sieve:
    """Holds back the maps files that speak of no IPC object. Lets all through where the kernel cannot be asked."""

    def __init__(self, device: int | None) -> None:
        """Keep segments of System V, and whatever maps a file of *device* (None = no file is looked for)."""
        # A segment is mapped shared, and its file lies where those of memfd_create(2) do. A file may be mapped
        # privately too, which only the device tells.
        self._flags = _THIS_OR_NEXT | (_SHARED if device is None else _FILE_BACKED)
        self._device = (-1, -1) if device is None else (os.major(device), os.minor(device))
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._query = bytearray(_SIZE)
        try:
            memory = os.memfd_create("ipcctl")
        except (OSError, AttributeError):  # a Python built for an old C library has no such call
            self._works = False
            return
        held_in = os.fstat(memory).st_dev
        os.close(memory)
        self._works, self._segments = True, (os.major(held_in), os.minor(held_in))

    def lets_through(self, maps: int) -> bool:
        """Whether the maps file open as *maps* may speak of an IPC object. Raises ProcessLookupError: no memory."""
        if not self._works:
            return True
        query, flags, address = self._query, self._flags, 0
        try:
            while True:
                _QUESTION.pack_into(query, 0, _SIZE, flags, address)
                fcntl.ioctl(maps, _PROCMAP_QUERY, query)
                address, found, page, major, minor = _ANSWER.unpack_from(query)
                device = (major, minor)
                if device == self._device or (found & _SHARED and (device == self._segments or page != self._page)):
                    return True
        except OSError as error:
            if error.errno == errno.ENOENT:  # there is no further one
                return False
            if error.errno == errno.ESRCH:
                raise
            self._works = False
            return True
