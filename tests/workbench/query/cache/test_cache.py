"""The cache answers at once what it was asked before, and nothing that happens to it is felt."""

import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import ELSEWHERE, archive, elsewhere, path_of
from tests.support.examples import costly
from tests.support.folders import NOON, Log, alter, alter_elsewhere, fill
from tests.support.forking import run
from tests.support.part_archived import noted_reads
from tests.support.processes import PATIENCE
from waterline.encoding import PARQUET
from waterline.errors import DamagedCache, IncompleteAnswer, MissingLogs, UsageError
from workbench.query.cache import cache
from workbench.query.cache.cache import Cache
from workbench.workbench import Workbench

LOG: Log = {"type": "info", "message": "m"}
HOUR = 3_600_000


def outcome(wb: Workbench, **filters: Any) -> str:  # noqa: ANN401 - any filter
    return str(wb.logs(**filters).attrs["cache"])


def cache_of(wb: Workbench) -> Cache:
    assert wb.cache is not None
    return wb.cache


# What it has


def test_kept_answer_is_used_and_newer_logs_are_added(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        assert [outcome(wb), outcome(wb), outcome(wb, type="error")] == ["miss", "hit", "miss"]
        elsewhere(fill, data, [LOG] * 2)
        frame = wb.logs()
        assert (frame["seq"].tolist(), frame.attrs["cache"]) == ([1, 2, 3, 4, 5], "merged")
        assert outcome(wb, type="error") == "hit"
    with workbench.connect(data) as another:
        assert another.arrow().num_rows == 5
        asked = cache_of(another).statistics()
    assert asked.to_dict("list")["outcome"] == ["hit", "merged", "miss"]
    assert asked["questions"].tolist() == [2, 2, 2]
    assert asked["rows"].tolist() == [3, 10, 3]
    assert (asked["median_ms"] <= asked["max_ms"]).all()


def test_kept_answer_reads_no_archive_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, [LOG] * 4)
    archive(data, [(3, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        seen = noted_reads(monkeypatch)
        first, again = wb.logs(), wb.logs()
        assert len(seen) == 1
        assert str(wb.explain()).splitlines()[0] == "from the cache: 4 logs"
        assert wb.explain().files == ()
    pd.testing.assert_frame_equal(first, again)
    assert again.attrs["rows"] == {"hot": 1, "archived": 3}


def test_kept_answer_reads_only_newer_archives(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, [LOG] * 4)
    archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        wb.logs()
        elsewhere(fill, data, [LOG] * 4)
        elsewhere(archive, data, [(1, PARQUET), (4, PARQUET)], clear=True)
        # The batch with the last log that was known is another place for it: all is read anew.
        assert outcome(wb) == "miss"
        elsewhere(fill, data, [LOG] * 2)
        assert outcome(wb) == "merged"
        seen = noted_reads(monkeypatch)
        assert wb.logs()["seq"].tolist() == [*range(1, 11)]
    assert seen == []


def test_moving_window_takes_its_answer_along(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_KEEPING", 1)
    now = NOON
    fill(data, [{**LOG, "timestamp": NOON + n} for n in range(10)])
    with Workbench(data, clock=lambda: now) as wb:
        for n in range(5):
            now = NOON + 10 + n
            assert wb.logs(since="-10ms")["seq"].tolist() == [*range(1 + n, 11 + n)]
            elsewhere(fill, data, [{**LOG, "timestamp": NOON + 10 + n}])
        kept = cache_of(wb).entries()
        assert len(kept) == 1
        assert kept["since"].tolist() == [pd.Timestamp(NOON + 4, unit="ms", tz="UTC")]
        # Of one that is much wider nothing is taken away for a narrow one.
        assert outcome(wb) == "miss"
        elsewhere(fill, data, [{**LOG, "timestamp": now}])
        assert wb.logs(since="-1ms", until=now + 1)["seq"].size == 3
        assert outcome(wb) == "merged"
        assert outcome(wb) == "hit"


def test_pinned_answer_stays_a_hit(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        pin = wb.pin()
        assert outcome(wb, at=pin) == "miss"
        elsewhere(fill, data, [LOG])
        assert outcome(wb, at=pin) == "hit"
        assert len(wb.logs(at=pin)) == 3
        assert len(wb.logs()) == 4


def test_past_that_was_rewritten_is_read_anew(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        wb.logs()
        alter_elsewhere(data / "logs.db", "UPDATE seam SET incarnation = 'another'")
        assert [outcome(wb), outcome(wb)] == ["miss", "hit"]


def test_answer_that_lacks_logs_is_not_kept(data: Path) -> None:
    fill(data, [LOG] * 4)
    (batch,) = archive(data, [(2, PARQUET)], clear=True)
    file = path_of(data, batch)
    content = file.read_bytes()
    file.unlink()
    with workbench.connect(data) as wb:
        with pytest.raises(IncompleteAnswer):
            wb.logs()
        for _ in range(2):
            with pytest.warns(MissingLogs):
                assert outcome(wb, incomplete="warn") == "miss"
        file.write_bytes(content)
        assert wb.logs()["seq"].tolist() == [1, 2, 3, 4]
        file.unlink()
        assert wb.logs()["seq"].tolist() == [1, 2, 3, 4]


# How long, and how much


def test_answer_is_kept_for_an_hour_and_cleaned_up_then(data: Path) -> None:
    now = NOON
    fill(data, [LOG])
    with Workbench(data, clock=lambda: now) as wb:
        assert outcome(wb) == "miss"
        now += HOUR - 1
        assert outcome(wb) == "hit"
        assert cache_of(wb).cleanup() == 0
        now += 1
        assert cache_of(wb).cleanup() == 1
        assert outcome(wb) == "miss"
        now += HOUR
        assert outcome(wb, type="info") == "miss"
        assert cache_of(wb).entries()["log_type"].tolist() == ["info"]
        now -= HOUR  # the clock is set back: that answer is of a time to come
        assert outcome(wb, type="info") == "miss"
    with Workbench(data, clock=lambda: now, cache_ttl="5ms") as wb:
        assert outcome(wb, source="test") == "miss"
        now += 5
        assert outcome(wb, source="test") == "miss"


def test_answer_that_was_added_to_expires_when_it_would_have(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WORTH_KEEPING", 1)
    now = NOON
    fill(data, [LOG] * 3)
    with Workbench(data, clock=lambda: now) as wb:
        assert outcome(wb) == "miss"
        first = cache_of(wb).entries()
        elsewhere(fill, data, [LOG] * 3)
        now += HOUR - 1
        assert outcome(wb) == "merged"
        moved = cache_of(wb).entries()
        assert moved["rows"].tolist() == [6]
        for kept in ("created_at", "expires_at"):
            assert moved[kept].tolist() == first[kept].tolist()
        now += 1
        assert outcome(wb) == "miss"


def test_least_recently_used_go_first(data: Path) -> None:
    now = NOON
    fill(data, [{**LOG, "type": each} for each in "abcdefgh"])
    with Workbench(data, clock=lambda: now, cache_size="9KiB") as wb:
        for each in "abcadefgh":
            now += 1
            wb.logs(type=each)
        kept = cache_of(wb).entries()
    assert kept["log_type"].tolist()[:2] == ["h", "g"]
    assert kept["size"].sum() <= 9 * 1024
    assert 3 <= len(kept) < 8
    with Workbench(data, clock=lambda: now, cache_size="9KiB") as wb:
        now += 1
        first = kept["log_type"].tolist()[-1]
        assert outcome(wb, type=first) == "hit"
        for each in "bc":
            now += 1
            assert outcome(wb, type=each) == "miss"
        assert outcome(wb, type=first) == "hit"


def test_answer_that_would_push_out_most_others_is_not_kept(data: Path) -> None:
    fill(data, [{**LOG, "message": f"{n} {n**9}"} for n in range(400)])
    with workbench.connect(data, cache_size="16KiB") as wb:
        assert [outcome(wb, limit=3), outcome(wb, limit=3)] == ["miss", "hit"]
        assert [outcome(wb), outcome(wb)] == ["miss", "miss"]
        assert cache_of(wb).entries()["rows"].tolist() == [3]


def test_clear_forgets_all_answers(data: Path) -> None:
    fill(data, [{**LOG, "message": f"{n} {n**99}"} for n in range(2000)])
    with workbench.connect(data) as wb:
        wb.logs()
        wb.logs(type="info")
        assert cache_of(wb).clear() == 2
        assert cache_of(wb).entries().empty
        assert {**cache_of(wb).entries().dtypes.astype(str)} == {
            "log_type": "str",
            **dict.fromkeys(("rows", "size", "hits"), "int64"),
            **dict.fromkeys(
                ("since", "created_at", "last_used_at", "expires_at"), "datetime64[us, UTC]"
            ),
        }
        assert outcome(wb, limit=1) == "miss"
    assert (data / "cache.db").stat().st_size < 100_000


def test_nothing_is_kept_without_a_cache(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data, cache=False) as wb:
        assert [outcome(wb), outcome(wb)] == ["off", "off"]
        assert wb.cache is None
        assert str(wb.explain()).startswith("from the cache: nothing\n")
    assert not (data / "cache.db").exists()


def test_cache_file_is_created_when_first_needed(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        wb.count()
        assert not (data / "cache.db").exists()
        wb.logs()
        assert (data / "cache.db").exists()


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"cache_ttl": "soon"}, "cache_ttl: 'soon' is no duration; "),
        ({"cache_ttl": 60}, "cache_ttl=60 is no text; give one such as '1h'"),
        ({"cache_size": "big"}, "cache_size: 'big' is no size; "),
        ({"cache_size": None}, "cache_size=None is no text; give one such as '256MiB'"),
    ],
)
def test_cache_limits_without_meaning_are_refused(
    data: Path, limits: dict[str, Any], sentence: str
) -> None:
    fill(data, [LOG])
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}"):
        workbench.connect(data, **limits)


# How it shows itself


def test_cache_shows_itself(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        shown = repr(wb.cache)
        assert "answers      0 with 0 logs" in shown
        assert "questions    0: hit 0, merged 0, miss 0" in shown
        wb.logs()
        wb.logs()
        shown = repr(wb.cache)
        assert "answers      1 with 3 logs" in shown
        assert re.search(r"size +\S+ KiB of 256.0 MiB", shown)
        assert re.search(
            r"questions +2: hit 1 \(median \S+ ms\), merged 0, miss 1 \(median \S+ ms\)", shown
        )
        html = cache_of(wb)._repr_html_()
    assert "<caption>Waterline cache</caption>" in html
    assert "1 with 3 logs" in html


# What may be wrong with it


def with_garbage(path: Path) -> None:
    path.write_bytes(b"these are words\n" * 1000)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_another_answer(path: Path) -> None:
    alter(path, "UPDATE log_cache SET data = zeroblob(length(data))")


def with_another_seq(path: Path) -> None:
    alter(path, "UPDATE log_cache_state SET last_seq = last_seq - 1")


@pytest.mark.parametrize("damage", [with_garbage, cut_short, with_another_answer, with_another_seq])
def test_damaged_one_is_put_aside(data: Path, damage: Callable[[Path], None]) -> None:
    fill(data, [{**LOG, "n": n} for n in range(500)])
    with workbench.connect(data) as wb:
        expected = wb.logs()
    damage(data / "cache.db")
    sentence = f"{data / 'cache.db'} was damaged and is put aside; answers are kept anew"
    with workbench.connect(data) as wb:
        with pytest.warns(DamagedCache, match=f"^{re.escape(sentence)}$") as warned:
            frame = wb.logs()
        assert warned[0].filename == __file__
        pd.testing.assert_frame_equal(frame, expected)
        assert frame.attrs["cache"] == "miss"
        pd.testing.assert_frame_equal(wb.logs(), expected)
        assert outcome(wb) == "hit"
    assert (data / "cache.db.damaged").exists()


@pytest.mark.slow
@costly(60)
@given(st.data())
@pytest.mark.filterwarnings("ignore::waterline.errors.DamagedCache")
def test_cache_with_any_byte_changed_gives_the_right_answer(draws: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill(data, [{**LOG, "n": n} for n in range(50)])
        with workbench.connect(data) as wb:
            expected = wb.logs()
            wb.logs(type="error")
        content = bytearray((data / "cache.db").read_bytes())
        for _ in range(draws.draw(st.integers(1, 8))):
            content[draws.draw(st.integers(0, len(content) - 1))] ^= draws.draw(st.integers(1, 255))
        (data / "cache.db").write_bytes(content)
        with workbench.connect(data) as wb:
            for _ in range(2):
                pd.testing.assert_frame_equal(wb.logs(), expected)
                assert wb.logs(type="error").empty


def test_cache_file_of_another_program_is_left_alone(data: Path) -> None:
    fill(data, [LOG])
    with closing(sqlite3.connect(data / "cache.db")) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = (data / "cache.db").read_bytes()
    with workbench.connect(data) as wb:
        assert [outcome(wb), outcome(wb)] == ["miss", "miss"]
        assert "not in use   " in repr(wb.cache)
        assert "is not a database of Waterline's" in repr(wb.cache)
    assert (data / "cache.db").read_bytes() == before


def test_cache_file_of_a_later_version_is_left_alone(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        wb.logs()
    alter(data / "cache.db", "PRAGMA user_version = 99")
    with workbench.connect(data) as wb:
        assert [outcome(wb), outcome(wb)] == ["miss", "miss"]
        assert "has schema version 99" in repr(wb.cache)


def test_cache_that_cannot_be_created_is_done_without(data: Path) -> None:
    fill(data, [LOG])
    (data / "cache.db").mkdir()
    with workbench.connect(data) as wb:
        assert [outcome(wb), outcome(wb)] == ["miss", "miss"]
        assert "not in use   " in repr(wb.cache)
        shutil.rmtree(data / "cache.db")
        assert [outcome(wb), outcome(wb)] == ["miss", "hit"]
        assert "not in use" not in repr(wb.cache)


_ON_A_FULL_DISK = """
import resource, sys, workbench
resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))
with workbench.connect(sys.argv[1]) as wb:
    print([(len(frame), frame.attrs["cache"]) for frame in (wb.logs(), wb.logs(), wb.logs())])
    print(wb.cache)
"""


@pytest.mark.slow
def test_on_a_full_disk_one_does_without(data: Path) -> None:
    fill(data, [{**LOG, "message": f"{n} {n**50}"} for n in range(3000)])
    done = run([sys.executable, "-c", _ON_A_FULL_DISK, str(data)])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[(3000, 'miss'), (3000, 'miss'), (3000, 'miss')]\n")


@pytest.mark.slow
def test_cache_written_by_another_process_delays_no_answer(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        wb.logs()
        with closing(apsw.Connection(str(data / "cache.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            assert outcome(wb) == "hit"
            assert len(wb.logs(type="info")) == 1
            assert "is held by another process" in repr(wb.cache)
        assert [outcome(wb, type="info"), outcome(wb, type="info")] == ["miss", "hit"]


def ask_again_and_again(data: Path, types: str) -> set[str]:
    with workbench.connect(data, cache_size="9KiB") as wb:
        outcomes = set()
        for _ in range(40):
            for each in types:
                frame = wb.logs(type=each)
                assert frame["type"].tolist() == [each] * 3
                outcomes.add(frame.attrs["cache"])
        assert "not in use" not in repr(wb.cache)
    return outcomes


@pytest.mark.slow
def test_processes_share_it(data: Path) -> None:
    fill(data, [{**LOG, "type": each} for each in "abcdef" * 3])
    with ProcessPoolExecutor(3, mp_context=ELSEWHERE) as pool:
        types = ["abcd", "cdef", "ab"]
        futures = [pool.submit(ask_again_and_again, data, each) for each in types]
        assert {"hit", "miss"} <= set().union(*(each.result(PATIENCE) for each in futures))
