"""A question sees archived and hot logs, each once: the answers are those from before archiving."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import archived
from tests.support.archives import adopt, archive, change, elsewhere, path_of, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, alter, alter_elsewhere, fill, fill_batches
from tests.support.sessions import session_of
from tests.workbench.query.test_execute import NAMES, batches_of_logs, questions
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat
from waterline.errors import ArchiveError, PrunedLogs
from waterline.recognition.time_values import MAX_TIMESTAMP
from waterline.storage.catalog import ArchivedBatch
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

DAY = 86_400_000

formats = st.sampled_from([*FORMATS.values()])


@dataclass(frozen=True)
class Archiving:
    """What becomes of the logs of a folder: a prefix archived, a piece behind it adopted."""

    parts: list[tuple[int, BatchFormat]]
    clear: bool
    adopted: tuple[int, int, BatchFormat] | None


archivings = st.builds(
    Archiving,
    st.lists(st.tuples(st.integers(1, 6), formats), min_size=1, max_size=5),
    st.booleans(),
    st.none() | st.tuples(st.integers(1, 20), st.integers(1, 6), formats),
)


def apply(data: Path, archiving: Archiving) -> None:
    archive(data, archiving.parts, clear=archiving.clear)
    if archiving.adopted is not None:
        first, rows, format_ = archiving.adopted
        adopt(data, first, first + rows - 1, format_)


def answers(data: Path, asked: Sequence[dict[str, Any]]) -> list[pd.DataFrame]:
    """Return everything there is to be asked, each as a frame."""
    frames = []
    with Workbench(data, clock=lambda: NOON) as wb:
        for filters in asked:
            unlimited = {k: v for k, v in filters.items() if k not in ("order", "limit")}
            frames += [
                wb.logs(**filters),
                pd.DataFrame({"count": [wb.count(**filters)]}),
                pd.DataFrame({"count": [wb.count(**unlimited)]}),
                wb.throughput("10000y", exact=True, clock="timestamp", **unlimited),
                wb.throughput("2ms", by="source", exact=True, **unlimited),
            ]
        frames += [
            wb.logs(attributes="all"),
            wb.latency("duration_ms", by="type", exact=True),
            wb.latency("duration_ms", every="3ms", exact=True, clock="timestamp"),
            wb.latency("status", by="source", exact=True, limit=5),
        ]
        held = wb.holdings()
        frames += [
            pd.DataFrame({"value": pd.Series(numbers, dtype="object")})
            for numbers in (held.types, held.sources, [held.first_timestamp, held.last_timestamp])
        ]
    return frames


@st.composite
def folders_and_questions(draw: st.DrawFn) -> tuple[list[Batch], list[dict[str, Any]]]:
    batches = draw(batches_of_logs)
    return batches, draw(st.lists(questions(batches), min_size=6, max_size=10))


@costly(40)
@given(folders_and_questions(), archivings)
def test_archiving_changes_no_answer(
    case: tuple[list[Batch], list[dict[str, Any]]], archiving: Archiving
) -> None:
    batches, asked = case
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        fill_batches(data, batches)
        before = answers(data, [{}, *asked])
        apply(data, archiving)
        after = answers(data, [{}, *asked])
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


integers_near_64_bits = st.integers(-(2**70), 2**70) | st.integers(2**62, 2**64)
numbers = integers_near_64_bits | st.floats(allow_nan=False, allow_infinity=False)


@costly(40)
@given(
    st.lists(numbers, min_size=1, max_size=40),
    st.data(),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]),
)
def test_numbers_of_an_archive_are_read_as_those_of_hot_rows_are(
    values: list[int | float], draws: st.DataObject, operator: str
) -> None:
    wanted: Any = draws.draw(st.sampled_from(values) | st.sampled_from(values).map(nearest))
    where = {"a": (operator, [wanted] if operator == "in" else wanted)}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        fill(data, [{"type": "info", "message": "m", "a": each} for each in values])
        before = seqs(data, where=where)
        archive(data, [(len(values), PARQUET)])
        assert seqs(data, where=where) == before


def nearest(value: float) -> float:
    """Return the float next to a number."""
    return float(value)


def seqs(data: Path, **filters: Any) -> list[int]:  # noqa: ANN401 - any filter
    with Workbench(data, clock=lambda: NOON) as wb:
        found = wb.logs(**filters)["seq"].tolist()
        assert wb.count(**filters) == len(found)
    return found


def logs_at(*timestamps: int, log_type: str = "info") -> list[Log]:
    return [
        {"type": log_type, "message": f"m{n}", "timestamp": each, "n": n}
        for n, each in enumerate(timestamps)
    ]


def unreadable(data: Path, batch: ArchivedBatch) -> None:
    """Take a batch's file away: whoever opens it fails."""
    path_of(data, batch).unlink()


# Which files are opened


def test_batch_of_another_time_type_or_source_is_not_opened(data: Path) -> None:
    fill_batches(data, [Batch(logs_at(10, 20), "web"), Batch(logs_at(30, log_type="error"), "app")])
    (first,) = archive(data, [(2, PARQUET)])
    unreadable(data, first)
    assert seqs(data, type="error") == [3]
    assert seqs(data, source="app") == [3]
    assert seqs(data, since=21) == [3]
    assert seqs(data, until=10) == []
    assert seqs(data, type=[]) == []
    for filters in ({"since": 20}, {"until": 11}, {"type": "info"}, {"source": ["web", "app"]}):
        with pytest.raises(ArchiveError):
            seqs(data, **filters)


def test_limit_opens_only_what_can_add_to_it(data: Path) -> None:
    fill(data, logs_at(10, 20, 30, 40, 50, 60))
    first, second = archive(data, [(2, PARQUET), (2, JSON_GZ)])
    unreadable(data, first)
    assert seqs(data, limit=2) == [5, 6]
    assert seqs(data, limit=4) == [3, 4, 5, 6]
    assert seqs(data, limit=4, order="newest") == [6, 5, 4, 3]
    with pytest.raises(ArchiveError, match=re.escape(str(path_of(data, first)))):
        seqs(data, limit=5)
    unreadable(data, second)
    assert seqs(data, limit=2) == [5, 6]
    assert seqs(data, limit=0) == []


def test_limit_finds_newer_logs_in_an_older_batch(data: Path) -> None:
    # Whoever sent the first had a clock that goes ahead.
    fill(data, logs_at(90, 10, 80, 20, 70, 30))
    archive(data, [(2, PARQUET), (2, PARQUET)])
    assert seqs(data, limit=1) == [1]
    assert seqs(data, limit=3) == [5, 3, 1]


def test_limit_keeps_the_last_that_came_of_equal_timestamps(data: Path) -> None:
    fill(data, logs_at(*[NOON] * 6))
    archive(data, [(2, PARQUET), (2, PARQUET)])
    assert seqs(data, limit=3) == [4, 5, 6]
    adopt(data, 6, 6, PARQUET)
    assert seqs(data, limit=3) == [4, 5, 6]
    assert seqs(data, limit=1) == [6]


def test_count_opens_no_file_where_the_catalog_can_count(data: Path) -> None:
    fill_batches(
        data,
        [
            Batch([*logs_at(10, 20), *logs_at(30, log_type="error")], "web"),
            Batch(logs_at(40, 50), "app"),
        ],
    )
    (batch,) = archive(data, [(4, PARQUET)])
    unreadable(data, batch)
    with Workbench(data) as wb:
        assert wb.count() == 5
        assert wb.count(type="info") == 4
        assert wb.count(type=["info", "info"]) == 4
        assert wb.count(source="web") == 3
        assert wb.count(source=["web", "app"], type="error") == 1
        assert wb.count(since=10, until=41) == 4
        assert wb.count(limit=4) == 4
        for filters in (
            {"source": "web", "type": "info"},
            {"since": 11},
            {"until": 40},
            {"contains": "m"},
            {"where": {"n": 0}},
        ):
            with pytest.raises(ArchiveError):
                wb.count(**filters)


def test_holdings_open_no_file(data: Path) -> None:
    fill(data, logs_at(10, 20, 30) + logs_at(5, log_type="error"))
    first, second = archive(data, [(1, PARQUET), (2, PARQUET)])
    unreadable(data, first)
    unreadable(data, second)
    with Workbench(data) as wb:
        held, shown = wb.holdings(), repr(wb)
    assert (held.logs, held.archived, held.batches, held.pruned) == (4, 3, 2, 0)
    assert held.types == {"info": 3, "error": 1}
    assert (held.first_timestamp, held.last_timestamp) == (5, 30)
    assert "logs         4\narchived     3 of them, in 2 batches\ntypes" in shown


def test_catalog_whose_first_batches_say_less_than_the_later_is_read(data: Path) -> None:
    fill(data, logs_at(NOON))
    kept = [replace(archived.batch(1), batch=n, file=f"{n}.parquet") for n in range(1, 1501)]
    uploaded = replace(archived.batch(2), batch=2000, uploaded_to="s3://bucket", uploaded_at=NOON)
    adopted = replace(archived.batch(3), batch=2001, adopted_from="0" * 64)
    archived.record(data, *kept, uploaded, adopted)
    with Workbench(data) as wb:
        assert wb.holdings().archived == 1502 * archived.ROWS


# Files that are not what they should be


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


ASKS: dict[str, Callable[[Workbench], object]] = {
    "logs": Workbench.logs,
    "count": lambda wb: wb.count(contains="m"),
    "throughput": lambda wb: wb.throughput(exact=True),
    "latency": lambda wb: wb.latency("n", exact=True),
}


@pytest.mark.parametrize("format_", FORMATS.values())
@pytest.mark.parametrize("harm", [damage, cut, Path.unlink])
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
def test_file_that_is_missing_or_damaged_is_named_and_nothing_returned(
    data: Path,
    ask: Callable[[Workbench], object],
    harm: Callable[[Path], None],
    format_: BatchFormat,
) -> None:
    fill(data, logs_at(10, 20, 30))
    first, second = archive(data, [(1, format_), (1, format_)])
    harm(path_of(data, second))
    with Workbench(data) as wb:
        with pytest.raises(ArchiveError, match=re.escape(str(path_of(data, second)))):
            ask(wb)
        assert wb.logs(until=20)["seq"].tolist() == [1]
        assert path_of(data, first).exists()


def test_batch_that_the_catalog_describes_badly_is_refused(data: Path) -> None:
    fill(data, logs_at(10, 20, 30))
    (batch,) = archive(data, [(2, PARQUET)])
    change(data, [replace(batch, rows=3)])
    with pytest.raises(ArchiveError, match=re.escape(str(path_of(data, batch)))):
        seqs(data)


# Changes while a question is being answered


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
def test_batch_archived_while_connected_is_noticed(
    data: Path, ask: Callable[[Workbench], object]
) -> None:
    fill(data, logs_at(10, 20, 30, 40))
    with Workbench(data) as wb:
        before = ask(wb)
        for clear in (False, True):
            elsewhere(archive, data, [(1, PARQUET)], clear=clear)
            after = ask(wb)
            if isinstance(before, pd.DataFrame):
                assert isinstance(after, pd.DataFrame)
                pd.testing.assert_frame_equal(before, after)
            else:
                assert before == after


class Interfering:
    """Does something to the folder each time a batch is about to be read."""

    def __init__(self, wb: Workbench, *acts: Callable[[], object]) -> None:
        self.acts = list(acts)
        self.reads = 0
        self._read = session_of(wb).logs.reader.read_packed
        session_of(wb).logs.reader.read_packed = self.read  # type: ignore[method-assign, assignment]

    def read(self, batch: ArchivedBatch, *wanted: Any) -> Any:  # noqa: ANN401 - an Arrow table
        self.reads += 1
        if self.acts:
            self.acts.pop(0)()
        return self._read(batch, *wanted)


def test_batch_pruned_before_it_is_read_makes_the_question_be_asked_anew(data: Path) -> None:
    fill(data, logs_at(10, 20, 30))
    first, second = archive(data, [(1, PARQUET), (1, PARQUET)])
    with Workbench(data) as wb:
        meanwhile = Interfering(wb, lambda: None, lambda: elsewhere(prune, data, [first]))
        with pytest.warns(PrunedLogs):
            frame = wb.logs()
        assert frame["seq"].tolist() == [2, 3]
        assert meanwhile.reads == 3
    assert path_of(data, second).exists()


def test_question_is_not_asked_anew_for_ever(data: Path) -> None:
    fill(data, logs_at(10, 20))
    (batch,) = archive(data, [(1, PARQUET)])
    unreadable(data, batch)
    counting = "UPDATE seam SET generation = generation + 1"
    with Workbench(data) as wb:
        meanwhile = Interfering(
            wb, *[lambda: alter_elsewhere(data / "logs.db", counting) for _ in range(9)]
        )
        with pytest.raises(ArchiveError):
            wb.logs()
        assert meanwhile.reads == 3


def test_file_that_is_missing_without_a_change_is_looked_for_once(data: Path) -> None:
    fill(data, logs_at(10, 20))
    (batch,) = archive(data, [(1, PARQUET)])
    unreadable(data, batch)
    with Workbench(data) as wb:
        meanwhile = Interfering(wb)
        with pytest.raises(ArchiveError):
            wb.logs()
        assert meanwhile.reads == 1


# What was pruned


def pruned_folder(data: Path) -> None:
    """Four logs pruned, one archived, one hot."""
    fill(data, [*logs_at(NOON, NOON + 5, NOON + DAY), *logs_at(-1, log_type="error")])
    fill(data, logs_at(NOON + 2 * DAY, NOON + 3 * DAY))
    batches = archive(data, [(2, PARQUET), (2, JSON_GZ), (1, PARQUET)])
    prune(data, batches[:2])


def told(record: pytest.WarningsRecorder) -> list[str]:
    return [str(each.message) for each in record]


def test_answer_without_pruned_logs_says_so(data: Path) -> None:
    pruned_folder(data)
    with Workbench(data) as wb:
        with pytest.warns(PrunedLogs) as record:
            frame = wb.logs()
        with pytest.warns(PrunedLogs) as record_of_count:
            assert wb.count() == 2
    assert frame["seq"].tolist() == [5, 6]
    sentence = (
        "this answer lacks 4 logs, pruned with batches that reached from 1969-12-31T23:59:59.999Z "
        "to 2026-03-18T12:00:00.000Z; since='2026-03-18T12:00:00.001Z' asks only for what is kept"
    )
    assert told(record) == told(record_of_count) == [sentence]
    assert frame.attrs["pruned"] == sentence


def test_its_advice_gives_an_answer_that_lacks_nothing(data: Path) -> None:
    pruned_folder(data)
    with Workbench(data) as wb:
        with pytest.warns(PrunedLogs) as record:
            wb.logs()
        (since,) = re.findall(r"since='([^']+)'", told(record)[0])
        frame = wb.logs(since=since)
    assert frame["seq"].tolist() == [5, 6]
    assert "pruned" not in frame.attrs


@pytest.mark.parametrize(
    ("filters", "lacks"),
    [
        ({"type": "error"}, "lacks 1 log, .* from 1969"),
        ({"type": "info", "source": "test"}, "lacks 3 logs, "),
        ({"contains": "m"}, "lacks up to 4 logs, "),
        ({"where": {"n": 1}}, "lacks up to 4 logs, "),
        ({"since": NOON + 1}, "lacks up to 4 logs, "),
        ({"until": NOON + 6}, r"to 2026-03-18T12:00:00\.000Z$"),
        ({"limit": 3}, "lacks 4 logs, "),
    ],
)
def test_pruned_warning_counts_as_well_as_the_catalog_knows(
    data: Path, filters: dict[str, Any], lacks: str
) -> None:
    pruned_folder(data)
    with Workbench(data) as wb:
        with pytest.warns(PrunedLogs, match=lacks):
            wb.logs(**filters)
        with pytest.warns(PrunedLogs, match=lacks):
            wb.count(**filters)


@pytest.mark.parametrize(
    "filters",
    [
        {"since": NOON + DAY + 1},
        {"until": -1},
        {"type": "debug"},
        {"source": "web"},
        {"limit": 2},
        {"limit": 0},
    ],
)
def test_answer_that_lacks_nothing_says_nothing(data: Path, filters: dict[str, Any]) -> None:
    pruned_folder(data)
    with Workbench(data) as wb:
        assert "pruned" not in wb.logs(**filters).attrs
        wb.count(**filters)


def test_no_advice_is_given_where_the_pruned_logs_reach_the_end_of_time(data: Path) -> None:
    fill(data, logs_at(MAX_TIMESTAMP, 10))
    prune(data, archive(data, [(1, PARQUET)]))
    with Workbench(data) as wb, pytest.warns(PrunedLogs, match="to 9999-12-31T23:59:59.999Z$"):
        wb.logs()


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
def test_warning_is_shown_at_the_line_of_the_analyst(
    data: Path, ask: Callable[[Workbench], object]
) -> None:
    pruned_folder(data)
    with Workbench(data) as wb, pytest.warns(PrunedLogs) as record:
        ask(wb)
    (warning,) = record
    assert warning.filename == __file__


def test_holdings_tell_what_was_pruned_without_a_warning(data: Path) -> None:
    pruned_folder(data)
    with Workbench(data) as wb:
        held, shown = wb.holdings(), repr(wb)
    assert (held.logs, held.archived, held.batches, held.pruned) == (2, 1, 1, 4)
    assert held.types == {"info": 2}
    assert held.first_timestamp == NOON + 2 * DAY
    assert "archived     1 of them, in 1 batch\npruned       4 more\n" in shown


# Odd folders


def test_all_logs_may_be_archived(data: Path) -> None:
    fill(data, logs_at(30, 10, 20))
    archive(data, [(2, JSON_GZ), (5, PARQUET)], clear=True)
    assert seqs(data) == [2, 3, 1]
    assert seqs(data, limit=2) == [3, 1]
    assert seqs(data, order="newest") == [1, 3, 2]


def test_adopted_batch_behind_the_seam_is_read_and_logs_go_on_behind_it(data: Path) -> None:
    fill(data, logs_at(10, 20, 30))
    adopt(data, 2, 3, JSON_GZ)
    fill(data, logs_at(15, 25))
    archive(data, [(1, PARQUET)])
    assert seqs(data) == [1, 4, 2, 5, 3]


def test_long_answer_comes_in_order(data: Path) -> None:
    amount = 25_000
    fill(data, logs_at(*(n * 7919 % amount for n in range(amount))))
    archive(data, [(9_000, PARQUET), (4_000, JSON_GZ)], clear=True)
    with Workbench(data) as wb:
        frame = wb.logs()
        assert frame["timestamp"].dt.as_unit("ms").astype("int64").tolist() == [*range(amount)]
        assert frame["seq"].is_unique
        newest = wb.logs(limit=12_000, order="newest")
    assert newest["timestamp"].dt.as_unit("ms").astype("int64").tolist() == [
        *range(amount - 1, amount - 12_001, -1)
    ]


def test_names_that_sql_could_mistake_are_attributes_of_archived_logs_too(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", name: 1} for name in NAMES])
    archive(data, [(len(NAMES), PARQUET)])
    for place, name in enumerate(NAMES, 1):
        assert seqs(data, where={name: 1}) == [place]


def test_damaged_catalog_is_refused(data: Path) -> None:
    fill(data, logs_at(10, 20))
    archive(data, [(1, PARQUET)])
    alter(data / "logs.db", "UPDATE archive_batches SET types = 'nonsense'")
    with Workbench(data) as wb:
        assert "logs.db holds a batch that is damaged" in repr(wb)
