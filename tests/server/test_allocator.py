"""Where the C library puts large blocks."""

import ctypes

import pytest

from server.allocator import LARGE_BLOCK, release_large_blocks


class Mallinfo(ctypes.Structure):
    """What glibc tells of its heap: struct mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def mapped_bytes() -> int:
    """Return the bytes in blocks with pages of their own."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        pytest.skip("this C library does not tell where its blocks are")
    mallinfo.restype = Mallinfo
    return int(mallinfo().hblkhd)


def test_large_block_has_pages_of_its_own_also_after_larger_one_was_freed() -> None:
    release_large_blocks()
    larger = bytes(16 * LARGE_BLOCK)
    del larger  # without the setting, glibc would keep smaller ones on the heap from now on
    before = mapped_bytes()
    block = bytes(LARGE_BLOCK)
    assert mapped_bytes() - before >= LARGE_BLOCK
    del block
    assert mapped_bytes() == before
