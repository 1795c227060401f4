"""Release of the memory of large messages to the system."""

import ctypes
from typing import Final

# glibc, malloc.h
_M_MMAP_THRESHOLD: Final = -3
# Bytes of a block that has pages of its own.
LARGE_BLOCK: Final = 2**20


def release_large_blocks() -> None:
    """Let glibc return each block of LARGE_BLOCK bytes or more to the system once it is free.

    With each such block that is freed glibc raises its threshold, up to 32 MiB (mallopt(3)). Larger
    messages then lie on the heap, and the gaps between them stay with the process. Other C
    libraries have no such setting, and nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def release_free_memory() -> None:
    """Let glibc return to the system what is free amid its heap, as malloc_trim(3) does."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
