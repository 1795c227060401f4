"""The raw size of logs: their bytes as compact UTF-8 JSON, told without writing that JSON."""

from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.records import StoredLog, encode_stored

_NUMBERS: Final = ("seq", "timestamp", "received_at")
_TEXTS: Final = ("id", "type", "source", "message")
# Member names and punctuation; the three numbers of this empty log are one digit each.
_AROUND: Final = len(encode_stored(StoredLog(0, "", "", 0, 0, "", "", msgspec.Raw(b"")))) - 3
# RFC 8259, section 7: quote and backslash always need an escape, of two bytes; so do control
# characters, of which these have a short one and all others are written as six bytes.
_BACKSLASHED: Final = tuple(b'"\\')
_SHORT: Final = tuple(b"\b\t\n\f\r")
_FIRST_PRINTABLE: Final = 0x20


def raw_size(table: pa.Table) -> int:
    """Return the bytes of logs in the columns of `SCHEMA` as compact UTF-8 JSON.

    It is the sum of the lengths of what `encode_stored` gives for each log.
    """
    size: int = _AROUND * table.num_rows
    for name in _NUMBERS:
        size += sum(map(_digits, table.column(name).chunks))
    for name in _TEXTS:
        size += sum(len(text) + _escapes(text) for text in map(_text, table.column(name).chunks))
    for text in map(_text, table.column("attributes").chunks):
        size += len(text)
    return size


def _digits(numbers: pa.Array) -> int:
    """Return how many characters all these numbers take in decimal, minus signs too."""
    if not len(numbers):
        return 0
    numbers = numbers.cast(pa.int64())
    span = pc.min_max(numbers)
    signs = 0
    if span["min"].as_py() < 0:
        signs = _true(pc.less(numbers, 0))
        numbers = pc.abs(numbers)
        span = pc.min_max(numbers)
    fewest, most = (len(str(span[each].as_py())) for each in ("min", "max"))
    longer = sum(_true(pc.greater_equal(numbers, 10**each)) for each in range(fewest, most))
    return signs + fewest * len(numbers) + longer


def _text(texts: pa.Array) -> pa.Array:
    """Return the UTF-8 bytes of all these texts, one after the other, without a copy."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return pa.array([], pa.uint8())
    bounds = pa.Array.from_buffers(pa.int32(), len(texts) + texts.offset + 1, [None, offsets])
    start, end = bounds[texts.offset].as_py(), bounds[-1].as_py()
    return pa.Array.from_buffers(pa.uint8(), end - start, [None, content], offset=start)


def _escapes(text: pa.Array) -> int:
    """Return how many bytes escaping adds to UTF-8 text."""
    if not len(text):
        return 0
    extra = sum(_count(text, byte) for byte in _BACKSLASHED)
    if pc.min(text).as_py() < _FIRST_PRINTABLE:
        control = _true(pc.less(text, _byte(_FIRST_PRINTABLE)))
        short = sum(_count(text, byte) for byte in _SHORT)
        extra += short + 5 * (control - short)
    return extra


def _count(text: pa.Array, byte: int) -> int:
    return _true(pc.equal(text, _byte(byte)))


def _true(flags: pa.Array) -> int:
    return int(flags.true_count)


def _byte(value: int) -> pa.Scalar:
    return pa.scalar(value, pa.uint8())
