"""The id of a line: the same each time its file is read, so that sending it again is harmless."""

from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 8
_ENDINGS: Final = frozenset((b"\n", b"\r"))


def first_line_hash(line: bytes) -> str:
    """Return 16 hex digits that tell a file by its first line, whatever the file is called."""
    return blake2b(without_ending(line), digest_size=_DIGEST_BYTES).hexdigest()


def line_id(first_hash: str, offset: int, line: bytes) -> str:
    """Return the id of a line, 49 characters long; ids of one file sort as their offsets do.

    Args:
        first_hash: what `first_line_hash` gave for the file.
        offset: where the line starts in the file, in bytes.
        line: the line, with its ending or without.
    """
    if line[-1:] in _ENDINGS:
        line = without_ending(line)
    hashed = blake2b(line, digest_size=_DIGEST_BYTES).hexdigest()
    return "%s-%015d-%s" % (first_hash, offset, hashed)  # noqa: UP031 - twice as fast


def without_ending(line: bytes) -> bytes:
    r"""Return the line without its ending, `\n` or `\r\n`, or the `\r` that is half of one.

    The half counts because a file may be read while its last ending is being written.
    """
    return line.removesuffix(b"\n").removesuffix(b"\r")
