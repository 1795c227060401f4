"""A pin brings back the same rows, whatever has come, gone to batches or started since."""

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archive_runs import lose_logs
from tests.support.archives import archive, elsewhere, prune
from tests.support.examples import costly
from tests.support.folders import NOON, fill, fill_batches
from tests.workbench.query.test_execute import batches_of_logs, questions
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.encoding import FORMATS, JSON_GZ, PARQUET
from waterline.errors import (
    ArchiveError,
    IncompleteAnswer,
    MissingLogs,
    PrunedLogs,
    UsageError,
)
from waterline.storage.folder import DataFolder
from workbench.query.pin import UNPROVEN, LakePin, Pin, take_lake_pin, take_pin, to_pin
from workbench.workbench import Workbench

DAY = 86_400_000
LOG = {"type": "info", "message": "m"}

pins = st.builds(
    take_pin,
    st.integers(-(10**12), 10**14),
    st.integers(0, 10**18 - 1),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.just(UNPROVEN) | st.text("0123456789abcdef", min_size=8, max_size=8),
)


def answers(wb: Workbench, asked: list[dict[str, Any]], at: Pin | str | None) -> list[object]:
    """Return everything that a pin must bring back."""
    found: list[object] = []
    for filters in asked:
        unlimited = {k: v for k, v in filters.items() if k not in ("order", "limit")}
        found += [
            wb.logs(**filters, at=at).to_dict("list"),
            wb.count(**filters, at=at),
            wb.throughput("10000y", exact=True, clock="timestamp", **unlimited, at=at).to_dict(
                "list"
            ),
            wb.latency("duration_ms", by="type", exact=True, **filters, at=at).to_dict("list"),
        ]
    return found


# Its text


@given(pins)
def test_text_of_a_pin_is_short_and_says_all_of_it(pin: Pin) -> None:
    assert to_pin(str(pin)) == pin
    assert to_pin(f" {pin}\n") == pin
    assert to_pin(pin) is pin
    assert len(str(pin)) < 80
    assert repr(pin) == f"Pin('{pin}')"


lakes = st.builds(
    take_lake_pin,
    st.integers(-(10**12), 10**14),
    st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True), pins),
)


@given(lakes)
def test_text_of_a_pin_of_a_lake_says_all_of_it(pin: LakePin) -> None:
    assert to_pin(str(pin)) == pin
    assert repr(pin) == f"Pin('{pin}')"
    assert [pin.of(name) for name, _ in pin.nodes] == [each for _, each in pin.nodes]
    assert pin.of("another") is None


@given(pins | lakes, st.data())
def test_slip_of_the_pen_is_found(pin: Pin, data: st.DataObject) -> None:
    text = str(pin)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("0123456789abcdef")) + text[at + 1 :]
    if changed != text:
        with pytest.raises(UsageError, match=r"is no pin|was changed"):
            to_pin(changed)


@pytest.mark.parametrize(
    "given", ["", "now", 5, 2.5, ["a"], "2026-99-99T00:00:00.000Z/1/" + "a" * 8]
)
def test_pin_without_meaning_is_refused_by_its_argument(data: Path, given: object) -> None:
    fill(data, [LOG])
    sentence = f"at={given!r} is no pin; give what wb.pin() has returned, or its text"
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=re.escape(sentence)):
        wb.logs(at=given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=re.escape(sentence)):
        workbench.connect(data, at=given)  # type: ignore[arg-type]


# The same rows

steps = st.lists(
    st.one_of(
        batches_of_logs.map(lambda batches: ("ingest", batches)),
        st.tuples(st.integers(1, 6), st.sampled_from([*FORMATS.values()]), st.booleans()).map(
            lambda chosen: ("archive", chosen)
        ),
        st.just(("pin", None)),
    ),
    min_size=2,
    max_size=8,
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Any], list[dict[str, Any]]]:
    first = draw(batches_of_logs)
    asked = [{}, *draw(st.lists(questions(first), min_size=1, max_size=2))]
    return [("ingest", first), ("pin", None), *draw(steps)], asked


@pytest.mark.slow
@costly(30)
@given(histories())
def test_pin_brings_back_what_was_there(case: tuple[list[Any], list[dict[str, Any]]]) -> None:
    history, asked = case
    kept: list[tuple[Pin, list[object]]] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for what, given in history:
            if what == "ingest":
                fill_batches(data, given)
            elif what == "archive":
                rows, format_, clear = given
                archive(data, [(rows, format_)], clear=clear)
            else:
                with Workbench(data, clock=lambda: NOON) as wb:
                    pin = wb.pin()
                    kept.append((pin, answers(wb, asked, None)))
        for pin, before in kept:
            with Workbench(data, clock=lambda: NOON + DAY) as wb:
                assert answers(wb, asked, str(pin)) == before
            with Workbench(data, clock=lambda: NOON + DAY, at=pin) as wb:
                assert answers(wb, asked, None) == before
                assert wb.pin() == pin


def test_relative_times_count_from_the_pin(data: Path) -> None:
    fill(data, [LOG | {"id": "a", "timestamp": NOON - 30_000}])
    with Workbench(data, clock=lambda: NOON) as wb:
        pin = wb.pin()
        assert wb.count(since="-1min") == 1
    with Workbench(data, clock=lambda: NOON + DAY) as wb:
        assert (wb.count(since="-1min"), wb.count(since="-1min", at=pin)) == (0, 1)


def test_question_may_have_another_pin_than_its_workbench(data: Path) -> None:
    pins = []
    for _ in range(2):
        fill(data, [LOG])
        with workbench.connect(data) as wb:
            pins.append(wb.pin())
    with workbench.connect(data, at=pins[0]) as wb:
        assert (wb.count(), wb.count(at=pins[1])) == (1, 2)


def test_pin_within_a_batch_cuts_it(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        pin = wb.pin()
    fill(data, [LOG] * 3)
    archive(data, [(6, PARQUET)], clear=True)
    with workbench.connect(data, at=pin) as wb:
        assert wb.count() == 3
        assert wb.logs(order="newest", limit=2)["seq"].tolist() == [3, 2]
        assert [wb.count(type="info"), wb.count(type="error")] == [3, 0]


def test_empty_folder_has_a_pin_too(data: Path) -> None:
    fill(data)
    with workbench.connect(data) as wb:
        pin = wb.pin()
    fill(data, [LOG])
    with workbench.connect(data, at=pin) as wb:
        assert wb.logs().empty
        assert wb.count() == 0


# What cannot be brought back


def test_logs_pruned_since_the_pin_are_told(data: Path) -> None:
    fill(data, [LOG] * 4)
    batches = archive(data, [(2, PARQUET), (2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        pin = wb.pin()
    elsewhere(prune, data, batches[:1])
    with workbench.connect(data, at=pin) as wb:
        with pytest.warns(PrunedLogs, match="^this answer lacks 2 logs, pruned with batches "):
            assert wb.logs()["seq"].tolist() == [3, 4]
        with pytest.warns(PrunedLogs, match="lacks 2 logs"):
            assert wb.count() == 2


def test_pin_of_another_folder_is_refused(data: Path, tmp_path: Path) -> None:
    for path in (data, tmp_path / "other"):
        fill(path, [LOG])
    with workbench.connect(data) as wb:
        pin = wb.pin()
    sentence = f"the pin {pin} is of another data folder; connect to that one, or take a new pin"
    with workbench.connect(tmp_path / "other") as wb, pytest.raises(UsageError, match=sentence):
        wb.logs(at=pin)
    with pytest.raises(UsageError, match=sentence):
        workbench.connect(tmp_path / "other", at=pin)


def test_pin_of_a_past_that_was_rewritten_is_refused(data: Path) -> None:
    fill(data, [LOG] * 3)
    archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        pin = wb.pin()
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    fill(data, [LOG | {"message": "another"}])  # it has the seq of the one that is lost
    with workbench.connect(data) as wb, pytest.raises(UsageError, match="past of this folder was"):
        wb.logs(at=pin)


def test_pin_from_after_a_backup_is_refused(data: Path) -> None:
    fill(data, [LOG])
    backup = (data / "logs.db").read_bytes()
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        pin = wb.pin()
    lose_logs(data)
    (data / "logs.db").write_bytes(backup)
    with workbench.connect(data) as wb:
        with pytest.raises(UsageError, match="ends at seq 1, before the pin"):
            wb.logs(at=pin)
        assert wb.count() == 1


def as_rows(data: Path) -> None:
    """Leave the logs hot."""


def in_one_batch(data: Path) -> None:
    archive(data, [(100, PARQUET)], clear=True)


def in_json(data: Path) -> None:
    archive(data, [(100, JSON_GZ)], clear=True)


def in_small_batches(data: Path) -> None:
    archive(data, [(1, PARQUET)] * 100, clear=True)


def as_garbage(data: Path) -> None:
    archive(data, [(100, PARQUET)], clear=False)


PLACES = [as_rows, in_one_batch, in_json, in_small_batches, as_garbage]
ASKED: list[Callable[..., object]] = [
    Workbench.logs,
    Workbench.arrow,
    Workbench.count,
    Workbench.explain,
    lambda wb, at: list(wb.iter_logs(at=at)),
    lambda wb, at: wb.sql("SELECT count(*) FROM logs", at=at),
    lambda wb, at: wb.sql("SELECT * FROM logs WHERE timestamp < now()", at=at),
    lambda wb, at: wb.throughput("1d", exact=True, at=at),
    lambda wb, at: wb.logs(at=at, incomplete="warn"),
]


@pytest.mark.parametrize(
    ("first", "pinned", "after"),
    [(0, as_rows, as_rows), *itertools.product([4], [as_rows, in_one_batch, as_garbage], PLACES)],
)
def test_pin_is_refused_where_a_whole_folder_has_grown_past_it_from_a_backup(
    data: Path,
    tmp_path: Path,
    first: int,
    pinned: Callable[[Path], None],
    after: Callable[[Path], None],
) -> None:
    """All files of the folder come back together, so that none of them tells of what was."""
    backup = tmp_path / "backup"
    fill(data, [LOG] * first)
    shutil.copytree(data, backup)
    fill(data, [LOG | {"id": "mine"}] + [LOG] * 4)
    pinned(data)
    with workbench.connect(data) as wb:
        pin = wb.pin()
        assert wb.count(at=pin) == first + 5
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    fill(data, [LOG | {"message": "another"}] * 9, received_at=NOON + 1)
    after(data)
    sentence = f"the past of this folder was rewritten since the pin {pin}: a backup was put back"
    with pytest.raises(UsageError, match=sentence):
        workbench.connect(data, at=pin)
    with workbench.connect(data) as wb:
        for ask in ASKED:
            if ask is Workbench.explain and after not in (as_rows, as_garbage):
                continue  # it opens no file
            with pytest.raises(UsageError, match=sentence):
                ask(wb, at=str(pin))
        assert wb.count() == first + 9


@pytest.mark.parametrize("pinned", [as_rows, in_one_batch])
@pytest.mark.parametrize("after", PLACES)
@pytest.mark.parametrize("more", [0, 3])
def test_pin_holds_wherever_its_last_log_goes(
    data: Path, pinned: Callable[[Path], None], after: Callable[[Path], None], more: int
) -> None:
    fill(data, [LOG | {"message": 'a\u0000b "\\ 水', "n": [1.5, None]}] * 3)
    pinned(data)
    with workbench.connect(data) as wb:
        pin = wb.pin()
        kept = wb.logs()
    fill(data, [LOG] * more)
    after(data)
    with workbench.connect(data, at=str(pin)) as wb:
        assert wb.logs().equals(kept)
        assert wb.count() == 3
        assert wb.sql("SELECT count(*) AS n FROM logs")["n"].tolist() == [3]
        assert sum(map(len, wb.iter_logs())) == 3


def test_pin_that_was_made_without_a_proof_is_read(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        pin = wb.pin()
        assert pin.last
        older = replace(pin, last=UNPROVEN)
        assert len(str(older)) == len(str(pin)) - 9
        fill(data, [LOG])
        assert wb.count(at=str(older)) == 3
        assert not to_pin(str(older)).last


def test_batch_that_is_lost_cannot_prove_a_pin(data: Path) -> None:
    fill(data, [LOG | {"timestamp": 5}])
    fill(data, [LOG] * 2)
    with workbench.connect(data) as wb:
        pin = wb.pin()
    fill(data, [LOG])
    batches = archive(data, [(1, PARQUET), (9, PARQUET)], clear=True)
    file = DataFolder(data).archives / batches[1].file
    file.rename(tmp := file.with_name("aside"))
    with workbench.connect(data, at=pin) as wb:
        with pytest.raises(IncompleteAnswer, match=re.escape(str(file))):
            wb.logs(until=9)
        with pytest.raises(ArchiveError, match=re.escape(str(file))):
            list(wb.iter_logs(until=9))
        with pytest.warns(MissingLogs, match=re.escape(str(file))):
            frame = wb.logs(incomplete="warn")
        assert len(frame.attrs["missing"]) == 1
        assert frame["seq"].tolist() == [1]
        tmp.rename(file)
        assert wb.count() == 3


@pytest.mark.parametrize(
    ("ask", "advice"),
    [
        (Workbench.throughput, "exact=True reads the logs"),
        (lambda wb, **at: wb.latency("n", **at), "exact=True reads the logs"),
        (Workbench.latency, "leave it out"),
    ],
)
def test_measurements_refuse_a_pin(data: Path, ask: Callable[..., object], advice: str) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        pin = wb.pin()
        with pytest.raises(UsageError) as refused:
            ask(wb, at=pin)
    assert str(refused.value) == f"at='{pin}': the measurements are of now; {advice}"


@pytest.mark.parametrize(
    ("ask", "advice"),
    [
        (Workbench.throughput, "exact=True reads the logs"),
        (lambda wb: wb.latency("n"), "exact=True reads the logs"),
        (Workbench.latency, "connect without one"),
    ],
)
def test_workbench_of_a_pin_reports_only_exactly(
    data: Path, ask: Callable[..., object], advice: str
) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        pin = wb.pin()
    with workbench.connect(data, at=pin) as wb:
        with pytest.raises(UsageError) as refused:
            ask(wb)
        assert wb.throughput("1d", exact=True)["logs"].sum() == 1
        assert wb.latency("n", exact=True).empty
    assert str(refused.value) == (
        f"the measurements are of now, and this workbench is of the pin {pin}; {advice}"
    )


def test_pins_are_equal_when_they_are_of_one_moment(data: Path) -> None:
    fill(data, [LOG])
    with Workbench(data, clock=lambda: NOON) as wb:
        assert wb.pin() == wb.pin() == to_pin(str(wb.pin()))
