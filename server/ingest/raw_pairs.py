"""Names and values that protobuf messages hold as bytes: decoded once, as most come again."""

from collections.abc import Callable
from typing import Final

# Pairs of a request that are remembered, and bytes of each at most.
_MOST: Final = 4000
_LONGEST: Final = 200
# Tags of the first field and the second, if they are texts or messages. From 128 on a length takes
# several bytes.
_FIRST: Final = 0x0A
_SECOND: Final = 0x12
_MANY: Final = 128
# Bytes of two tags and two lengths.
_LEAST: Final = 4

Pair = tuple[str, object]


class RawPairs(dict[bytes, Pair]):
    """Pairs of a request by their bytes.

    Args:
        decode: decodes one.
    """

    def __init__(self, decode: Callable[[bytes], Pair]) -> None:
        super().__init__()
        self._decode = decode

    def __missing__(self, raw: bytes) -> Pair:
        pair = self._decode(raw)
        # What could be changed is not shared.
        if len(self) < _MOST and len(raw) <= _LONGEST and type(pair[1]) not in (dict, list):
            self[raw] = pair
        return pair


def value_at(raw: bytes) -> int:
    """Return where the value of a pair begins, and goes on to its end; 0 if the pair is not short.

    Such a pair is the name and the value and nothing else, each with its tag and a byte of length.
    """
    size = len(raw)
    if size < _LEAST or raw[0] != _FIRST or raw[1] >= _MANY:
        return 0
    at = raw[1] + _LEAST
    left = size - at
    if 0 <= left < _MANY and raw[at - 1] == left and raw[at - 2] == _SECOND:
        return at
    return 0
