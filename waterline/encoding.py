"""The formats of archive files, by name, with their levels and defaults."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """What a batch file is written as; the value is what its name ends with, after the dot."""

    PARQUET = "parquet"
    JSON_GZ = "json.gz"

    @property
    def compression(self) -> str:
        """The codec that such files are compressed with."""
        return "zstd" if self is Format.PARQUET else "gzip"


LEVELS: Final[Mapping[Format, range]] = {
    Format.PARQUET: range(1, 23),
    Format.JSON_GZ: range(1, 10),
}
DEFAULT_LEVEL: Final[Mapping[Format, int]] = {Format.PARQUET: 3, Format.JSON_GZ: 6}
# A Parquet file compresses better, and is opened less often, the more rows it has; a JSON document
# has to be decoded whole, and 5,000 logs are what the source document put into one.
DEFAULT_ROWS: Final[Mapping[Format, int]] = {Format.PARQUET: 100_000, Format.JSON_GZ: 5_000}
MOST_ROWS: Final = 1_000_000
