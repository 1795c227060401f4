"""The ids of lines: stable, short, in the order of the file."""

from hypothesis import given
from hypothesis import strategies as st

from workbench.clients.log_files.ids import first_line_hash, line_id, without_ending

offsets = st.integers(min_value=0, max_value=10**15 - 1)
contents = st.binary().filter(lambda line: not line.endswith((b"\r", b"\n")))


@given(one=offsets, other=offsets, line=contents, other_line=contents)
def test_ids_of_one_file_sort_as_their_offsets_do(
    one: int, other: int, line: bytes, other_line: bytes
) -> None:
    first = first_line_hash(b"start")
    ids = line_id(first, one, line), line_id(first, other, other_line)
    if one != other:
        assert (ids[0] < ids[1]) == (one < other)


@given(offset=offsets, line=contents)
def test_a_line_keeps_its_id_when_its_ending_is_written_bit_by_bit(
    offset: int, line: bytes
) -> None:
    first = first_line_hash(line)
    assert {first_line_hash(line + ending) for ending in (b"\n", b"\r", b"\r\n")} == {first}
    assert (
        len({line_id(first, offset, line + ending) for ending in (b"", b"\n", b"\r", b"\r\n")}) == 1
    )


@given(line=contents)
def test_an_ending_is_taken_off_once(line: bytes) -> None:
    assert without_ending(line + b"\r\n") == line
    assert without_ending(line + b"\r\r\n") == line + b"\r"
    assert without_ending(line + b"\n\n") == line + b"\n"


def test_file_offset_and_line_each_make_another_id() -> None:
    first, second = first_line_hash(b"one file"), first_line_hash(b"another file")
    ids = {
        line_id(first, 7, b"a"),
        line_id(second, 7, b"a"),
        line_id(first, 8, b"a"),
        line_id(first, 7, b"b"),
    }
    assert len(ids) == 4


def test_an_id_is_a_hash_an_offset_of_fifteen_digits_and_a_hash() -> None:
    first = first_line_hash(b"x")
    parts = line_id(first, 42, b"y").split("-")
    assert parts == [first, "000000000000042", first_line_hash(b"y")]


@given(offset=offsets, line=contents)
def test_an_id_is_short_enough_for_a_log(offset: int, line: bytes) -> None:
    assert len(line_id(first_line_hash(line), offset, line)) <= 128
