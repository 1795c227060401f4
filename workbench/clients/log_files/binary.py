"""Files that are no text: refused, with a word on how to send what is in them."""

import re
import shlex
from typing import Final

from waterline.errors import UsageError

BYTES_LOOKED_AT: Final = 8192
_PACKED: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"PK\x03\x04", "zip", "unzip -p"),
)
# Where a tar archive names its kind (POSIX ustar).
_TAR: Final = slice(257, 262)
# A file that is cut while a program writes it has a run of NULs; fewer are a binary file's.
_FEW_NULS: Final = re.compile(rb"(?<!\x00)\x00{1,15}(?=[^\x00])")


def refuse_binary(head: bytes, name: str) -> None:
    """Pass if a file that begins like this may be text.

    Args:
        head: its first 8 KiB, or all of it if it is shorter.
        name: what to call the file; "-" is standard input.

    Raises:
        UsageError: it is packed in a way that is not known here, a Parquet file, or has single NUL
            bytes; the sentence says what it is and what to do.
    """
    # The command in the sentence must work as it is pasted.
    file = "FILE" if name == "-" else shlex.quote(name)
    called = "standard input" if name == "-" else name
    for magic, packer, unpacker in _PACKED:
        if head.startswith(magic):
            raise UsageError(
                f"{called} is packed with {packer}; use `{unpacker} {file} | waterline send -`"
            )
    if head[_TAR] == b"ustar":
        raise UsageError(
            f"{called} is an archive of tar; use `tar xOf {file} | waterline send -`, or unpack it "
            "and send the folder"
        )
    if head.startswith(b"PAR1"):
        raise UsageError(
            f"{called} is a Parquet file; write it as JSON, one object a line, with "
            'pandas.read_parquet(...).to_json(..., orient="records", lines=True), and send that'
        )
    if nul := _FEW_NULS.search(head):
        raise UsageError(
            f"{called} has a NUL byte at offset {nul.start()}, as binary files do; if it is a log "
            rf"all the same, use `tr -d '\000' < {file} | waterline send -`"
        )
