"""A search of the page, and how what comes afterwards is followed."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import archive
from tests.support.finding import asking
from tests.support.folders import NOON, alter_elsewhere, fill
from tests.support.meanwhile import meanwhile
from tests.support.processes import run_waterline, serving
from tests.support.sockets import send
from waterline.clock import now_ms
from waterline.encoding import JSON_GZ, PARQUET
from workbench.dashboard.explorer import search as module
from workbench.dashboard.explorer.asked import Asked, Reach, interpret
from workbench.dashboard.explorer.messages import Ask
from workbench.dashboard.explorer.search import (
    SHOWN,
    Counted,
    Fields,
    Found,
    Fresh,
    InRange,
    Older,
    Opened,
    Stale,
    follow,
    older,
    search,
)
from workbench.explore import calls
from workbench.query.asking import Asking

pytestmark = pytest.mark.slow

MINUTE = 60_000


def asked(now: int = NOON, **message: Any) -> Asked:  # noqa: ANN401 - any part of a message
    return interpret(Ask(1, **message), Reach(None, None), now)


def told(
    act: Callable[..., None],
    found: Asking,
    *given: Any,  # noqa: ANN401 - what the act takes
) -> list[object]:
    """Return what an act tells."""
    results: list[object] = []
    act(found, *given, results.append)
    return results


def one(results: Sequence[object], kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind
    (result,) = (each for each in results if isinstance(each, kind))
    return result


def fill_hour(data: Path, count: int) -> None:
    """Store logs of the hour before noon, the third of them errors."""
    fill(
        data,
        [
            {
                "type": "info" if n % 3 else "error",
                "message": f"n {n}",
                "path": f"/{n % 2}",
                "timestamp": NOON - MINUTE + n,
            }
            for n in range(count)
        ],
    )


def test_search_tells_lines_first_then_fields_and_counts(data: Path) -> None:
    fill_hour(data, 500)
    archive(data, [(200, PARQUET), (100, JSON_GZ)], clear=True)
    question = asked(begin="-1h", types=("error",), query="path:/0", by="path")
    with asking(data) as found:
        results = told(search, found, question, [1, 500, 900])
    assert [type(each) for each in results] == [Found, Fields, Opened, Counted, InRange]
    expected = [n for n in reversed(range(500)) if n % 6 == 0]
    lines = one(results, Found)
    assert [each.message for each in lines.lines.lines] == [f"n {n}" for n in expected[:SHOWN]]
    assert lines.is_all == (len(expected) <= SHOWN)
    assert one(results, Fields).sample == len(expected)
    opened = one(results, Opened)
    assert sorted(each.seq for each in opened.lines) == [1, 500]
    assert opened.missing == [900]
    counted = one(results, Counted)
    assert counted.types.totals == {"info": 166, "error": 84}
    assert counted.chart.totals == {"/0": 84}
    assert one(results, InRange).logs == 500


def test_older_lines_are_each_log_once_and_in_order(data: Path) -> None:
    # Many at the same moment, hot and archived.
    fill(
        data,
        [{"type": "info", "message": f"{n}", "timestamp": NOON - n % 7} for n in range(950)],
    )
    archive(data, [(300, PARQUET), (200, JSON_GZ)], clear=True)
    question = asked(begin="-1h", end="2026-03-17T12:00:01Z")
    with asking(data) as found:
        result = one(told(search, found, question, []), Found)
        lines = [*result.lines.lines]
        while not result.is_all:
            (result,) = told(older, found, question, lines[-1].place)
            assert isinstance(result, Older)
            lines += result.lines.lines
    assert [each.place for each in lines] == sorted((each.place for each in lines), reverse=True)
    assert sorted(int(each.message) for each in lines) == [*range(950)]


def test_log_that_comes_between_lines_and_counts_is_followed_as_both(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_hour(data, 10)
    plain = calls.tally
    late: list[None] = []

    def late_tally(*given: Any) -> Any:  # noqa: ANN401 - as the tally
        if not late:
            late.append(None)
            alter_elsewhere(
                data / "logs.db",
                "INSERT INTO logs SELECT 11, 'late', type, timestamp + 1, received_at, source, "
                "'late', attributes FROM logs WHERE seq = 10",
            )
        return plain(*given)

    monkeypatch.setattr(calls, "tally", late_tally)
    question = asked(begin="-1h")
    with asking(data) as found:
        results = told(search, found, question, [])
        counted = one(results, Counted)
        assert counted.types.logs == len(one(results, Found).lines.lines) == 10
        (fresh,) = told(follow, found, question, counted)
    assert isinstance(fresh, Fresh)
    assert [each.message for each in fresh.lines] == ["late"]
    assert fresh.counted.types.logs == 11


def test_logs_and_archive_jobs_that_come_meanwhile_lose_and_repeat_none(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Follow as the page does, while a server stores and jobs archive."""
    monkeypatch.setattr(module, "SHOWN", 500)  # what comes between two looks on a slow machine
    sent = 0
    enough, archived = threading.Event(), threading.Event()
    with serving(data) as server:
        send(server, {"type": "odd", "message": "-1", "path": "/x"})

        def feed(_: threading.Event) -> None:
            nonlocal sent
            while not enough.is_set() and sent < 3000:
                logs = [
                    {"type": f"t{n % 3}", "message": f"{n}", "path": f"/{n % 2}"}
                    for n in range(sent, sent + 20)
                ]
                send(server, *logs)
                sent += 20

        def run_job() -> None:
            done = run_waterline("archive", "run", "--older-than", "0s", "--data", data)
            assert done.returncode == 0, done.stderr

        def jobs(_: threading.Event) -> None:
            run_job()
            archived.set()

        rows: Counter[str] = Counter()
        searches = follows = 0
        counted: Counted | None = None
        question = asked(now_ms(), begin="-1h", types=("t0", "t1"), by="path")
        with meanwhile(feed), meanwhile(jobs), asking(data) as found:
            is_last = False
            while not is_last:
                is_last = enough.is_set()
                if is_last:
                    send(server, {"type": "t0", "message": "end", "path": "/x"})
                if counted is None:
                    results = told(search, found, question, [])
                    counted, searches = one(results, Counted), searches + 1
                    newest, rows = one(results, Found), Counter()
                    lines, is_all = [*newest.lines.lines], newest.is_all
                    before = question.through(counted.types.moment.last_seq)
                    while not is_all:
                        (further,) = told(older, found, before, lines[-1].place)
                        assert isinstance(further, Older)
                        lines += further.lines.lines
                        is_all = further.is_all
                    rows.update(each.message for each in lines)
                    is_last = False
                    continue
                (result,) = told(follow, found, question, counted)
                if isinstance(result, Stale):
                    counted, is_last = None, False
                    continue
                assert isinstance(result, Fresh)
                assert result.is_all
                rows.update(each.message for each in result.lines)
                counted, follows = result.counted, follows + 1
                if archived.is_set() and not enough.is_set():
                    send(server, {"type": "t0", "message": "end", "path": "/x"})
                    run_job()  # what it archives has not been followed
                    enough.set()
                assert counted.types.totals.keys() <= {"odd", "t0", "t1", "t2"}
    ends = rows.pop("end")
    assert rows == Counter({f"{n}": 1 for n in range(sent) if n % 3 != 2})
    assert counted is not None
    assert counted.chart.totals == {
        "/0": sum(1 for n in range(0, sent, 2) if n % 3 != 2),
        "/1": sum(1 for n in range(1, sent, 2) if n % 3 != 2),
        "/x": ends,
    }
    assert counted.types.logs == sent + 1 + ends
    assert searches > 1
    assert follows > 1


def test_more_than_is_shown_says_so_and_very_many_are_searched_anew(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_hour(data, 1)
    question = asked(begin="-1h")
    with asking(data) as found:
        counted = one(told(search, found, question, []), Counted)
    fill_hour(data, 300)
    with asking(data) as found:
        (fresh,) = told(follow, found, question, counted)
        assert isinstance(fresh, Fresh)
        assert (len(fresh.lines), fresh.is_all) == (SHOWN, False)
        assert fresh.counted.types.logs == 301
        monkeypatch.setattr(calls, "MOST_FRESH", 299)
        assert told(follow, found, question, counted) == [Stale()]


def test_past_that_is_another_is_searched_anew(data: Path) -> None:
    fill_hour(data, 5)
    question = asked(begin="-1h")
    with asking(data) as found:
        counted = one(told(search, found, question, []), Counted)
        alter_elsewhere(data / "logs.db", "UPDATE seam SET incarnation = 'other'")
        assert told(follow, found, question, counted) == [Stale()]
