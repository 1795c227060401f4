"""Log lines: the logs that match, with long texts cut, hot and archived."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import archives
from tests.support.archives import archive, path_of, prune
from tests.support.examples import costly
from tests.support.finding import finding
from tests.support.folders import NOON, Batch, fill, fill_batches
from tests.support.plainly import answer_plainly, same_json, store_plainly
from tests.workbench.query.test_archived import Archiving, apply, archivings
from tests.workbench.query.test_execute import batches_of_logs, questions
from waterline.encoding import JSON_GZ, PARQUET
from workbench.explore.lines import (
    MAX_TEXT,
    PIECE_BYTES,
    LogLine,
    Part,
    begin_of,
    find_lines,
    lines_of,
    piece_of,
)
from workbench.query.execute import Logs
from workbench.query.question import ask

pytestmark = pytest.mark.slow

HALF = [(2, PARQUET), (1, JSON_GZ)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Batch], Archiving, list[dict[str, object]]]:
    batches = draw(batches_of_logs)
    asked = draw(st.lists(questions(batches), min_size=1, max_size=3))
    return batches, draw(archivings), asked


@costly(150)
@given(cases())
def test_lines_are_the_logs_of_a_plain_filter_in_its_order(
    case: tuple[list[Batch], Archiving, list[dict[str, object]]],
) -> None:
    batches, archiving, several = case
    logs = store_plainly(batches)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        fill_batches(data, batches)
        apply(data, archiving)
        with finding(data) as found:
            for filters in several:
                question = ask(now=NOON, **filters)  # type: ignore[arg-type]
                expected = answer_plainly(logs, question)
                lines = find_lines(found, question)
                assert lines.missing == ()
                assert lines.lacks is None
                assert [each.seq for each in lines.lines] == [each.seq for each in expected]
                for line, log in zip(lines.lines, expected, strict=True):
                    assert (line.type, line.source) == (log.type, log.source)
                    assert line.place == (log.timestamp, log.seq)
                    assert line.message == log.message
                    stored = whole(found, line, "attributes") if line.attributes_rest else None
                    assert same_json(
                        msgspec.json.decode(stored or line.attributes),
                        msgspec.json.decode(msgspec.json.encode(log.attributes)),
                    )


def whole(found: Logs, line: LogLine, part: Part) -> str:
    """Read a text piece by piece."""
    text, end = "", 0
    while (piece := piece_of(found, line.seq, part, end)) is not None:
        text, end = text + piece.text, piece.end
        if not piece.rest:
            break
    return text


TEXTS = [
    "é水" * 100_000,  # characters lie across the ends of pieces
    "",
    "a\0b",
    "水\0",
    "x" * MAX_TEXT,
    "x" * MAX_TEXT + "y",
]


@pytest.mark.parametrize("parts", [[], HALF, [(9, PARQUET)], [(9, JSON_GZ)]])
def test_long_texts_are_cut_and_read_piece_by_piece(data: Path, parts: list[archives.Part]) -> None:
    fill(data, [{"type": "info", "message": each, "k": each} for each in TEXTS])
    archive(data, parts, clear=True)
    with finding(data) as found:
        lines = find_lines(found, ask(now=NOON)).lines
        assert [each.is_archived for each in lines] == [
            each < sum(rows for rows, _ in parts) for each in range(len(TEXTS))
        ]
        for line, text in zip(lines, TEXTS, strict=True):
            assert line.message == text[:MAX_TEXT]
            assert line.message_rest == len(text.encode()) - len(line.message.encode())
            assert whole(found, line, "message") == text
            pairs = whole(found, line, "attributes")
            assert msgspec.json.decode(pairs) == {"k": text}
            assert line.attributes == pairs[:MAX_TEXT]
            assert line.attributes_rest == len(pairs[MAX_TEXT:].encode())
        first = piece_of(found, 1, "message", 0)
        assert first is not None
        assert PIECE_BYTES - 4 < first.end <= PIECE_BYTES
        assert piece_of(found, 99, "message", 0) is None
        assert [each.seq for each in lines_of(found, [1, 99])] == [1]
        assert lines_of(found, []) == []


def test_begin_of_a_text_ends_where_a_character_ends() -> None:
    assert begin_of("ab水".encode()[:4], 5) == ("ab", 3)
    assert begin_of("ab水".encode(), 5) == ("ab水", 0)
    assert begin_of("ab水".encode(), 5, 1) == ("a", 4)
    assert begin_of(b"", 0) == ("", 0)


def test_line_of_a_batch_that_cannot_be_read_is_missing_and_told(data: Path) -> None:
    fill(data, [{"type": "info", "message": f"{n}"} for n in range(6)])
    pruned, damaged, _ = archive(data, [(2, PARQUET)] * 3, clear=True)
    prune(data, [pruned])
    path_of(data, damaged).write_bytes(b"no batch")
    with finding(data) as found:
        lines = find_lines(found, ask(now=NOON))
        assert [each.message for each in lines.lines] == ["4", "5"]
        assert lines.lacks is not None
        (fault,) = lines.missing
        assert str(path_of(data, damaged)) in fault
        assert [each.seq for each in lines_of(found, range(1, 7))] == [5, 6]
        assert piece_of(found, 1, "message", 0) is None
        assert piece_of(found, 3, "message", 0) is None
        assert lines.last_seq == 6
