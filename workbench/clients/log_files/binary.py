"""Files that are no text: refused, with a word on how to send what is in them."""

import shlex
from typing import Final

from waterline.errors import UsageError

BYTES_LOOKED_AT: Final = 8192
_PACKED: Final = (
    (b"\x1f\x8b", "gzip", "zcat"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"\xfd7zXZ\x00", "xz", "xzcat"),
    (b"PK\x03\x04", "zip", "unzip -p"),
    *((b"BZh%d1AY&SY" % level, "bzip2", "bzcat") for level in range(1, 10)),
)
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def refuse_binary(head: bytes, name: str) -> None:
    """Pass if a file that begins like this may be text.

    Args:
        head: its first 8 KiB, or all of it if it is shorter.
        name: what to call the file; "-" is standard input.

    Raises:
        UsageError: it is packed, a Parquet file, UTF-16, or has a NUL byte; the sentence says
            what it is and what to do.
    """
    # The command in the sentence must work as it is pasted.
    file = "FILE" if name == "-" else shlex.quote(name)
    called = "standard input" if name == "-" else name
    for magic, packer, unpacker in _PACKED:
        if head.startswith(magic):
            raise UsageError(
                f"{called} is packed with {packer}; use `{unpacker} {file} | waterline send -`"
            )
    if head.startswith(b"PAR1"):
        raise UsageError(
            f"{called} is a Parquet file; write it as JSON, one object a line, with "
            'pandas.read_parquet(...).to_json(..., orient="records", lines=True), and send that'
        )
    if head.startswith(_UTF_16):
        raise UsageError(
            f"{called} is UTF-16 text; use `iconv -f UTF-16 -t UTF-8 {file} | waterline send -`"
        )
    nul = head.find(b"\x00")
    if nul >= 0:
        raise UsageError(
            f"{called} has a NUL byte at offset {nul}, as binary files do; if it is a log all the "
            rf"same, use `tr -d '\000' < {file} | waterline send -`"
        )
