"""A database as blocks of pages, so that a backup writes only those that changed."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import pyarrow as pa

from waterline.backup.record import Block, DatabaseCopy
from waterline.errors import ArchiveError
from waterline.storage.copies import make_private

BLOCK: Final = 2**16
"""Bytes of a block, a multiple of any page."""
FILE_SIZE: Final = 8 * 2**20
"""Bytes of blocks in a file, before it is written."""
_CODEC: Final = pa.Codec("zstd", 3)
_DIGEST: Final = 16


def store_database(
    copy: Path, known: DatabaseCopy | None, add_file: Callable[[bytes], str]
) -> DatabaseCopy:
    """Store the blocks of a database that an earlier backup has not.

    Blocks in a file of which more than half is of no use any more are stored anew, so that what
    is kept stays below twice the database.

    Args:
        copy: a database that nobody writes.
        known: what the earlier backup has of it.
        add_file: stores a file, and returns its SHA-256.

    Raises:
        ArchiveError: the copy cannot be read, or a file not be written.
    """
    digests = [_digest(block) for block in _blocks(copy)]
    there = {} if known is None else _worth_keeping(known, {*digests})
    files = {} if known is None else {**known.files}
    waiting: dict[str, bytes] = {}
    held = 0

    def flush() -> None:
        nonlocal held
        sha256, begin = add_file(b"".join(waiting.values())), 0
        for digest, packed in waiting.items():
            there[digest] = Block(digest, sha256, begin, len(packed))
            begin += len(packed)
        files[sha256] = begin
        waiting.clear()
        held = 0

    for digest, block in zip(digests, _blocks(copy), strict=True):
        if digest not in there and digest not in waiting:
            waiting[digest] = _CODEC.compress(block, asbytes=True)
            held += len(waiting[digest])
            if held >= FILE_SIZE:
                flush()
    if waiting:
        flush()
    blocks = [there[each] for each in digests]
    used = {each.sha256 for each in blocks}
    return DatabaseCopy(
        size=copy.stat().st_size,
        blocks=blocks,
        files={sha256: size for sha256, size in files.items() if sha256 in used},
    )


def _worth_keeping(known: DatabaseCopy, wanted: set[str]) -> dict[str, Block]:
    """Return the known blocks by digest, in files that mostly have wanted ones."""
    found = {each.digest: each for each in known.blocks if each.digest in wanted}
    used: dict[str, int] = {}
    for each in found.values():
        used[each.sha256] = used.get(each.sha256, 0) + each.size
    full = {sha256 for sha256, size in used.items() if 2 * size >= known.files.get(sha256, 0)}
    return {digest: each for digest, each in found.items() if each.sha256 in full}


def write_database(stored: DatabaseCopy, content: Callable[[str], bytes], path: Path) -> None:
    """Write a database from its blocks, for its user alone; it is not synced.

    Args:
        stored: the blocks.
        content: returns the verified content of a file by its SHA-256.
        path: the file to write.

    Raises:
        ArchiveError: a file is missing or damaged, or the database cannot be written.
    """
    places: dict[str, list[int]] = {}
    for number, block in enumerate(stored.blocks):
        places.setdefault(block.sha256, []).append(number)
    make_private(path)
    try:
        with path.open("wb") as target:
            # File by file, so that no more than one is held.
            for sha256, numbers in places.items():
                held = memoryview(content(sha256))
                for number in numbers:
                    target.seek(number * BLOCK)
                    target.write(_unpacked(stored, number, held))
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}; make room") from error


def _unpacked(stored: DatabaseCopy, number: int, held: memoryview) -> bytes:
    """Return a block of a database out of the file that has it.

    Raises:
        ArchiveError: it is not what the record says.
    """
    block = stored.blocks[number]
    size = min(BLOCK, stored.size - number * BLOCK)
    packed = held[block.begin : block.begin + block.size]
    try:
        pages = _CODEC.decompress(packed, decompressed_size=size, asbytes=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ArchiveError(f"block {number} of the measurements is damaged: {error}") from error
    if _digest(pages) != block.digest:
        raise ArchiveError(f"block {number} of the measurements is damaged")
    return cast("bytes", pages)


def _digest(block: bytes) -> str:
    return hashlib.blake2b(block, digest_size=_DIGEST).hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while block := source.read(BLOCK):
                yield block
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error
