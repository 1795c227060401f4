"""Levels of small batches: they are compressed harder, as that takes no time that is noticed."""

from dataclasses import replace
from typing import Final

import pyarrow as pa

from waterline.encoding import PARQUET, Encoding

# Bytes of a batch in memory at most, and the level. Each takes half a second at most.
_HARDER: Final = ((2**20, 19), (2**23, 15))


def encoding_for(logs: pa.Table, encoding: Encoding) -> Encoding:
    """Return how a batch is written: small ones at a higher level than the default.

    Args:
        logs: the logs of the batch.
        encoding: how batches are written; of another format or level it stays.
    """
    if encoding != PARQUET.encoding():
        return encoding
    fitting = (level for most, level in _HARDER if logs.nbytes <= most)
    return replace(encoding, level=next(fitting, encoding.level))
