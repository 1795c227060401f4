"""Where the C library puts large blocks."""

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import PATIENCE
from waterline.allocator import LARGE_BLOCK, release_large_blocks

_ROOT: Final = Path(__file__).parents[2]


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
    mapped_bytes()  # or it is skipped
    # On a heap of its own: in the gaps that other tests left on this one large blocks find room.
    program = f"from {__name__} import use_large_blocks; use_large_blocks()"
    subprocess.run([sys.executable, "-c", program], cwd=_ROOT, check=True, timeout=PATIENCE)


def use_large_blocks() -> None:
    """Take and free blocks, and see where they are."""
    release_large_blocks()
    larger = bytes(16 * LARGE_BLOCK)
    del larger  # without the setting, glibc would keep smaller ones on the heap from now on
    before = mapped_bytes()
    block = bytes(LARGE_BLOCK)
    assert mapped_bytes() - before >= LARGE_BLOCK
    del block
    assert mapped_bytes() == before
