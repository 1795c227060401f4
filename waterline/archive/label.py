"""The label of an archive file: what the file says of itself, whatever its format."""

from typing import Final

import msgspec

VERSION: Final = "2.1"


class Label(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an archive file says of itself; as JSON its members are named as in version 2.0.

    Attributes:
        archive_date: when it was written, RFC 3339 in UTC with milliseconds.
        batch: the number in its name.
        total_logs: how many logs it holds.
        compression: the codec, such as `zstd` or `gzip`.
        version: of what archive files hold.
        folder_id: the id of the data folder that it was written for.
    """

    archive_date: str
    batch: int
    total_logs: int
    compression: str
    version: str = VERSION
    folder_id: str


_decoder: Final = msgspec.json.Decoder(Label)
_encoder: Final = msgspec.json.Encoder()


def write_label(label: Label) -> bytes:
    """Return a label as a JSON object."""
    return _encoder.encode(label)


def read_label(text: bytes) -> Label:
    """Read a label from a JSON object.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _decoder.decode(text)
