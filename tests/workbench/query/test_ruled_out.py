"""Batches that their filters rule out: no answer lacks a log, and files are not even opened."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import archive, change, path_of
from tests.support.folders import NOON, fill
from tests.support.sessions import session_of
from waterline.archive import parquet
from waterline.archive.batch_filter.cache import FILTERS
from waterline.encoding import JSON_GZ, PARQUET
from waterline.storage.catalog import ArchivedBatch
from workbench import IncompleteAnswer, Workbench

DAYS = 6
EACH = 300


def log_of(number: int) -> dict[str, Any]:
    """Return a log, with an id at random in its message and odd attributes now and then."""
    attributes: dict[str, Any] = {
        "order": f"A-{number}",
        "shop": f"s{number // EACH}",
        "status": (200, 404, 500)[number % 3],
        "part": number // EACH,
        "http": {"path": f"/{number % 4}", "trace": f"{number * 7_919_777:012x}"},
    }
    if number % 37 == 0:
        attributes |= {"order": number, "http": "none", "list": [number]}
    if number % 53 == 0:
        attributes = {"http.path": f"/{number}", "status": "500", "big": 2**64 + number}
    words = ("Ordér", "retry", "ünïcode", "x")
    return {
        "type": "info" if number % 5 else "error",
        "message": f"{words[number % 4]} {number * 104_729_888:016x}-{number} took 5 ms 💧",
        "timestamp": NOON + number,
        **attributes,
    }


LOGS = [log_of(each) for each in range(DAYS * EACH)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[ArchivedBatch]]:
    """A folder of hot logs, and one with the same in batches, of which one is of JSON."""
    path = tmp_path_factory.mktemp("folders")
    fill(path / "hot", LOGS)
    fill(path / "cold", LOGS)
    parts = [(EACH, PARQUET)] * (DAYS - 1) + [(EACH, JSON_GZ)]
    with pytest.MonkeyPatch.context() as patched:
        # Of batches as small as these, a filter is else too small to tell ids apart.
        patched.setattr(parquet, "_FILTERED", 1)
        return path / "hot", path / "cold", archive(path / "cold", parts, clear=True)


@pytest.fixture(scope="module")
def both(folders: tuple[Path, Path, Any]) -> Iterator[tuple[Workbench, Workbench]]:
    hot, cold, _ = folders
    with workbench.connect(hot) as one, workbench.connect(cold, cache=False) as other:
        yield one, other


needles = st.builds(
    lambda number, begin, length: cast("str", LOGS[number]["message"])[begin : begin + length],
    st.integers(0, len(LOGS) - 1),
    st.integers(0, 45),
    st.integers(0, 45),
) | st.text(max_size=9)
values = (
    st.integers(0, len(LOGS)).map(lambda number: ("order", f"A-{number}"))
    | st.integers(0, len(LOGS)).map(lambda number: ("order", number))
    | st.integers(0, len(LOGS)).map(lambda number: ("http.trace", f"{number * 7_919_777:012x}"))
    | st.sampled_from(
        [
            ("shop", "s2"),
            ("part", 3),
            ("part", 3.0),
            ("part", 3.5),
            ("status", "500"),
            ("status", 500),
            ("status", 501),
            ("http", "none"),
            ("http.path", "/53"),
            ("http.path", "/3"),
            ("http.path", "/9"),
            ("big", 2**64 + 53),
            ("big", float(2**64)),
            ("list", "x"),
            ("nowhere", "x"),
            ("nowhere", True),
        ]
    )
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "contains": needles,
        "where": st.lists(values, min_size=1, max_size=2).map(dict)
        | st.lists(values, min_size=1, max_size=3).map(
            lambda pairs: {pairs[0][0]: ("in", [value for _, value in pairs])}
        ),
    },
)


@given(filters, st.sampled_from([str, str.upper, str.lower, str.swapcase]))
def test_answers_are_those_of_hot_logs(
    both: tuple[Workbench, Workbench], filters: dict[str, Any], change_case: Callable[[str], str]
) -> None:
    hot, cold = both
    if "contains" in filters:
        filters = {**filters, "contains": change_case(filters["contains"])}
    assert cold.count(**filters) == hot.count(**filters)


@given(st.integers(0, len(LOGS) - 1), values)
def test_alternatives_are_ruled_out_only_together(
    both: tuple[Workbench, Workbench], number: int, pair: tuple[str, Any]
) -> None:
    hot, cold = both
    name, value = pair
    written = f'"{value}"' if isinstance(value, str) else str(value)
    query = f'order:"A-{number}" or "no such text" or ({name}:{written} "took")'
    assert cold.count(query=query) == hot.count(query=query)


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({"contains": f"{700 * 104_729_888:016x}-700"}, [2]),
        ({"contains": "no such text"}, []),
        ({"where": {"order": "A-700"}}, [2]),
        ({"where": {"shop": "s1"}}, [1]),
        ({"where": {"shop": ("in", ["s1", "s4"])}}, [1, 4]),
        ({"where": {"part": 3.0}}, [3]),
        ({"where": {"http.trace": f"{700 * 7_919_777:012x}"}}, [2]),
        ({"query": "shop:s1 or shop:s2"}, [1, 2]),
        ({"where": {"shop": ("!=", "s1")}}, [0, 1, 2, 3, 4]),
        ({"query": "-shop:s1"}, [0, 1, 2, 3, 4]),
        ({"contains": "took"}, [0, 1, 2, 3, 4]),
    ],
)
def test_plan_and_answer_open_only_batches_that_may_match(
    folders: tuple[Path, Path, list[ArchivedBatch]],
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, Any],
    places: list[int],
) -> None:
    _, cold, batches = folders
    expected = [batches[place].file for place in [*places, DAYS - 1]]
    with workbench.connect(cold, cache=False) as wb:
        plan = wb.explain(**filters)
        assert [each.file for each in plan.files] == expected
        assert plan.ruled_out == len(batches) - len(expected)
        told = f"left out by their filters: {plan.ruled_out} file"
        assert (told in str(plan)) == bool(plan.ruled_out)
        assert plan.most == sum(each.rows for each in plan.files)
        read: list[str] = []
        reader = session_of(wb).logs.reader
        before = reader.read_packed

        def noted(batch: ArchivedBatch, *wanted: Any) -> object:  # noqa: ANN401 - what is read
            read.append(batch.file)
            return before(batch, *wanted)

        monkeypatch.setattr(reader, "read_packed", noted)
        wb.logs(**filters)
        assert sorted(read) == expected


def _asked(data: Path, **filters: Any) -> int:  # noqa: ANN401 - any filter
    FILTERS.__init__()  # type: ignore[misc] # as in a new process
    with workbench.connect(data, cache=False) as wb:
        return wb.count(**filters)


def test_filter_takes_few_of_the_bytes_of_its_file(tmp_path: Path) -> None:
    fill(tmp_path, LOGS)
    (batch,) = archive(tmp_path, [(len(LOGS), PARQUET)], clear=True)
    assert batch.filter_bytes is not None
    assert 0 < batch.filter_bytes <= batch.stored_bytes / 32 + 200
    assert _asked(tmp_path, where={"order": "A-700"}, contains="-700 took") == 1


def test_filter_that_is_damaged_or_unknown_rules_out_nothing(tmp_path: Path) -> None:
    fill(tmp_path, LOGS[:EACH])
    (batch,) = archive(tmp_path, [(EACH, PARQUET)], clear=True)
    path = path_of(tmp_path, batch)
    assert batch.filter_offset is not None
    assert batch.filter_bytes is not None
    content = bytearray(path.read_bytes())
    content[batch.filter_offset + batch.filter_bytes - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IncompleteAnswer, match="SHA-256"):
        _asked(tmp_path, contains="no such text")
    path.unlink()
    with pytest.raises(IncompleteAnswer, match=batch.file):
        _asked(tmp_path, contains="no such text")


def test_batch_without_filter_is_read(tmp_path: Path) -> None:
    fill(tmp_path, LOGS[:EACH])
    (batch,) = archive(tmp_path, [(EACH, PARQUET)], clear=True)
    bare = replace(batch, filter_offset=None, filter_bytes=None, filter_sha256=None)
    change(tmp_path, [bare])
    assert _asked(tmp_path, where={"order": "A-7"}) == 1
    path_of(tmp_path, batch).unlink()
    with pytest.raises(IncompleteAnswer):
        _asked(tmp_path, contains="no such text")
