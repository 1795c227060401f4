"""Search for a text within many."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from workbench.query import substrings
from workbench.query.substrings import contains


@pytest.mark.parametrize("part_bytes", [1, 7, 2**20])
@pytest.mark.parametrize("many", [0, 3, 1_000])
def test_contains_finds_what_is_in_wild_texts(
    monkeypatch: pytest.MonkeyPatch, part_bytes: int, many: int
) -> None:
    monkeypatch.setattr(substrings, "_PART_BYTES", part_bytes)
    monkeypatch.setattr(substrings, "_MANY", many)
    chance = random.Random(part_bytes + many)
    for _ in range(300):
        # Few letters, so that a match often goes over the end of a text.
        texts = ["".join(chance.choices("abé😀\0", k=chance.randrange(5))) for _ in range(9)]
        begin = chance.randrange(10)
        column = pa.array(texts).slice(begin, chance.randrange(10))
        wanted = "".join(chance.choices("abé😀\0", k=chance.randrange(1, 4)))
        assert contains(column, wanted).to_pylist() == [
            wanted in each for each in column.to_pylist()
        ]


def test_contains_finds_no_match_over_the_end_of_a_text() -> None:
    assert contains(pa.array(["shard 7", "91", "", "a shard 791"]), "shard 791").to_pylist() == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (pa.array(["one", None, "two"]), "o"),
        (pa.array(["one", "two"]), ""),
        (pa.array([], pa.string()), "o"),
        (pa.array(["", ""]), "o"),
        (pa.array(["one", "two"], pa.large_string()), "w"),
        (pa.chunked_array([], pa.string()), "o"),
        (pa.chunked_array([["one"], [], ["two", "three"]], pa.string()), "o"),
    ],
    ids=["null", "empty text", "no texts", "empty texts", "large", "no chunks", "chunks"],
)
def test_contains_answers_as_arrow_does(texts: pa.Array | pa.ChunkedArray, wanted: str) -> None:
    assert contains(texts, wanted).equals(pc.match_substring(texts, wanted))
