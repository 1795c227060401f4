"""The raw size of logs: what msgspec writes them with, to the byte."""

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.archive.batch import raw_size
from waterline.archive.columns import SCHEMA
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.records import StoredLog, encode_stored

LOG = StoredLog(1, "a", "info", 0, 0, "demo", "m", msgspec.Raw(b"{}"))
TEXTS = ["id", "type", "source", "message"]

# Characters that are escaped, of one to four bytes, and any other.
texts = st.text(st.sampled_from('a\x00\x1f\b\t\n\f\r"\\/\x7fß…💧') | st.characters(codec="utf-8"))
moments = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP) | st.integers(-1000, 1000)
attributes = st.dictionaries(texts, texts | st.integers()).map(
    lambda members: msgspec.Raw(msgspec.json.encode(members))
)
logs = st.lists(
    st.builds(
        StoredLog,
        st.integers(0, 2**63 - 1),
        texts,
        texts,
        moments,
        moments,
        texts,
        texts,
        attributes,
    ),
    max_size=8,
)


def changed(**members: int | str) -> StoredLog:
    return msgspec.structs.replace(LOG, **members)


def table_of(logs: list[StoredLog]) -> pa.Table:
    """Return logs in the columns that archives have."""
    columns = {name: [getattr(each, name) for each in logs] for name in SCHEMA.names}
    columns["attributes"] = list(map(bytes, columns["attributes"]))
    return pa.table(columns, schema=SCHEMA)


def written_size(logs: list[StoredLog]) -> int:
    return sum(len(encode_stored(each)) for each in logs)


@given(logs)
@example([])
def test_raw_size_is_that_of_logs_as_json(logs: list[StoredLog]) -> None:
    assert raw_size(table_of(logs)) == written_size(logs)


@pytest.mark.parametrize("name", TEXTS)
def test_each_character_counts_as_it_is_escaped(name: str) -> None:
    for code in (*range(0x100), 0x2028, 0xFFFF, 0x10FFFF):
        logs = [changed(**{name: f"a{chr(code)}b{chr(code)}"})]
        assert raw_size(table_of(logs)) == written_size(logs), hex(code)


@pytest.mark.parametrize("moment", [0, 9, 10, -1, -9, -10, MIN_TIMESTAMP, MAX_TIMESTAMP, 10**12])
def test_every_digit_and_minus_sign_counts(moment: int) -> None:
    for seq in (0, 9, 10, 99, 100, 2**63 - 1):
        logs = [changed(seq=seq, timestamp=moment), changed(seq=seq, received_at=moment)]
        assert raw_size(table_of(logs)) == written_size(logs)


@given(logs, st.integers(0, 8), st.integers(0, 8))
def test_raw_size_of_slice_counts_its_own_logs(logs: list[StoredLog], start: int, end: int) -> None:
    table = table_of(logs).slice(start, max(0, end - start))
    assert raw_size(table) == written_size(logs[start:end])


@given(st.lists(logs, max_size=3))
def test_table_in_pieces_counts_as_all_of_them(pieces: list[list[StoredLog]]) -> None:
    table = pa.concat_tables([SCHEMA.empty_table(), *map(table_of, pieces)])
    assert raw_size(table) == sum(map(written_size, pieces))
