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

_CHANGEABLE: Final = (dict, list)

Pair = tuple[str, object]


class RawPairs(dict[bytes, Pair]):
    """Pairs of a request by their bytes.

    A short pair is the name and the value and nothing else, each with its tag and a byte of length.

    Args:
        decode: decodes any pair.
        decode_value: decodes the value of a short one, from its begin and with its size; None if
            that is not so simple.
    """

    def __init__(
        self, decode: Callable[[bytes], Pair], decode_value: Callable[[bytes, int, int], object]
    ) -> None:
        super().__init__()
        self._decode = decode
        self._decode_value = decode_value

    def __missing__(self, raw: bytes) -> Pair:
        size = len(raw)
        value = None
        if size >= _LEAST and raw[0] == _FIRST and raw[1] < _MANY:
            begin = raw[1] + _LEAST
            left = size - begin
            if 0 <= left < _MANY and raw[begin - 1] == left and raw[begin - 2] == _SECOND:
                value = self._decode_value(raw, begin, left)
        pair = self._decode(raw) if value is None else (raw[2 : begin - 2].decode(), value)
        # What could be changed is not shared.
        if len(self) < _MOST and size <= _LONGEST and type(pair[1]) not in _CHANGEABLE:
            self[raw] = pair
        return pair
