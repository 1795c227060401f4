"""Moving in from the source document's server: all of it, each once, whatever interrupts it."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.archive_runs import all_rows, archive, catalog, hot_rows
from tests.support.disk import PowerCut
from tests.support.doomed_migration import migrate_until
from tests.support.folders import fill
from tests.support.processes import run_waterline, serving
from tests.support.rollups import counted
from tests.support.source_document import BEGUN, DAY, SourceDocument, ordinary, row
from tests.support.waiting import wait_until
from waterline.archive.jobs.verify import verify
from waterline.clock import now_ms
from waterline.encoding import PARQUET
from waterline.errors import DataFolderError, DataFolderInUse, UsageError
from waterline.storage.folder import DataFolder, ServerLock
from workbench.migration.from_source import Outcome, migrate_folder

NOW = BEGUN + 10 * DAY


@pytest.fixture
def old(tmp_path: Path) -> SourceDocument:
    """Fifty messages, twenty rows of `logs`, and two batches of archived ones."""
    old = SourceDocument(tmp_path / "old")
    old.take_logs(0, 50)
    old.create(row(each) for each in range(20))
    first, second = [row(each) for each in range(100, 130)], [row(each) for each in range(130, 140)]
    old.archive("2026-10-01", first, second)
    old.measure(("query_duration", each / 2, BEGUN + each * 100) for each in range(40))
    return old


def move(old: SourceDocument, data: Path, **changes: Any) -> Outcome:  # noqa: ANN401 - any argument
    given: dict[str, Any] = {
        "source": "old",
        "encoding": PARQUET.encoding(),
        "measured": ["duration_ms"],
        "clock": lambda: NOW,
    }
    return migrate_folder(old.path, DataFolder(data), **(given | changes))


def content(data: Path) -> list[tuple[object, ...]]:
    """Return all logs without seq."""
    return sorted(each[1:] for each in all_rows(data))


def logs_of(data: Path, log_id: str) -> list[tuple[object, ...]]:
    return [each for each in content(data) if each[0] == log_id]


def test_tables_and_archives_become_logs_each_once(old: SourceDocument, data: Path) -> None:
    done = move(old, data)
    assert done.is_whole
    assert done.findings == []
    assert [(name, each.read, each.new) for name, each in done.tallies.items()] == [
        ("realtime_logs", 50, 50),
        ("logs", 20, 20),
        ("archives", 40, 40),
    ]
    assert {name: (each.logs, each.equal) for name, each in done.compared.items()} == {
        "realtime_logs": (50, 50),
        "logs": (20, 20),
        "archives": (40, 40),
    }
    assert len(content(data)) == 110
    live = ordinary(7)
    attributes = '{"duration_ms":7.5}'
    said = (live["type"], live["timestamp"], BEGUN + 70, "old", live["message"], attributes)
    assert logs_of(data, "live-7") == [("live-7", *said)]
    (stored,) = logs_of(data, "row-3")
    made = BEGUN - 40 * DAY + 3
    assert stored[1:3] == ("info", made)
    assert stored[4:] == ("old", "order 3", f'{{"service":"web","created_at":{made}}}')
    assert [each.rows for each in catalog(data)] == [30, 10]
    assert verify(DataFolder(data)).faults == []


def test_received_at_is_that_of_old_server_and_never_goes_back(
    old: SourceDocument, data: Path
) -> None:
    move(old, data)
    received = [each[4] for each in hot_rows(data)]
    assert received[:50] == [BEGUN + each * 10 for each in range(50)]
    assert received == sorted(received), "rows of logs are older, and come behind"


def test_dry_run_writes_nothing_and_finds_the_same(old: SourceDocument, data: Path) -> None:
    old.create([row(3)])
    before = old.state()
    rehearsed = move(old, data, dry_run=True)
    assert not data.exists()
    done = move(old, data)
    assert rehearsed.tallies == done.tallies
    assert rehearsed.findings == done.findings
    assert done.tallies["logs"].known == 1
    assert old.state() == before
    again = move(old, data, dry_run=True)
    assert [each.new for each in again.tallies.values()] == [0, 0, 0]


def test_second_run_adds_nothing_also_when_all_is_archived(old: SourceDocument, data: Path) -> None:
    move(old, data)
    before = sorted(all_rows(data))
    assert move(old, data).is_whole
    assert sorted(all_rows(data)) == before
    archive(data, older_than=0, now=NOW + 1)
    assert hot_rows(data) == []
    assert move(old, data, clock=lambda: NOW + 3 * DAY).is_whole
    assert sorted(all_rows(data)) == before


def test_logs_that_came_in_meanwhile_are_added_by_next_run(old: SourceDocument, data: Path) -> None:
    move(old, data)
    old.take_logs(50, 5)
    shutil.move(old.archive("2026-11-01", [row(0), row(200)]), old.path / "archives" / "2026-11-02")
    done = move(old, data)
    assert (done.tallies["realtime_logs"].new, done.tallies["archives"].new) == (5, 1)
    assert len(content(data)) == 116, "row-0 was moved as a row before it was archived"
    assert done.is_whole


def test_log_of_both_tables_and_archives_is_stored_once(data: Path, tmp_path: Path) -> None:
    old = SourceDocument(tmp_path / "old")
    said = {"type": "info", "message": "order 1", "timestamp": BEGUN, "service": "web"}
    old.take([("a", BEGUN + 5, json.dumps({"id": "a", **said}))])
    twice = {"id": "a", **said, "created_at": BEGUN // 1000}
    old.create([twice])
    old.archive("2026-10-01", [twice])
    done = move(old, data)
    assert len(content(data)) == 1
    assert done.is_whole
    assert done.findings == [
        (
            "logs: 1 row with a time in seconds in place of milliseconds, read as seconds (the "
            "first: row 1)"
        ),
        (
            "logs: 1 log with an id that came before, of the same log, stored once (the first: row "
            "1, a)"
        ),
        (
            "archives: 1 log with a time in seconds in place of milliseconds, read as seconds (the "
            "first: entry 0 of archives/2026-10-01/batch-0001.json.gz)"
        ),
        (
            "archives: 1 log with an id that came before, of the same log, stored once (the first: "
            "entry 0 of archives/2026-10-01/batch-0001.json.gz, a)"
        ),
    ]


def test_id_of_another_log_is_kept_as_attribute(old: SourceDocument, data: Path) -> None:
    old.create([row(3, message="something else"), row(3, message="something else")])
    done = move(old, data)
    (first,) = logs_of(data, "row-3")
    (other,) = [each for each in content(data) if each[5] == "something else"]
    assert first[5] == "order 3"
    assert json.loads(str(other[6]))["originalId"] == "row-3"
    assert done.is_whole
    assert [each.split(" (the first")[0] for each in done.findings] == [
        (
            "logs: 2 logs with an id that another log has, stored under one of its own; originalId "
            "has it"
        )
    ]
    before = content(data)
    move(old, data)
    assert content(data) == before


def test_rows_that_are_no_logs_are_kept_as_text_and_told(data: Path, tmp_path: Path) -> None:
    old = SourceDocument(tmp_path / "old")
    old.take(
        [
            ("a", BEGUN, "no JSON {"),
            ("b", BEGUN, '["an", "array"]'),
            ("c", BEGUN, '{"type":"info","message":"m","timestamp":"yesterday"}'),
            ("d", BEGUN // 1000, '{"type":"info","message":"m","timestamp":1795400000}'),
            ("e", BEGUN, '{"level":"WARN","msg":"of another logger","pid":7}'),
            ("f", BEGUN, None),
            ("g" * 200, BEGUN, '{"type":"info","message":"long id"}'),
            (None, BEGUN, '{"type":"info","message":"no id"}'),
            ("h", "not yet", '{"type":"info","message":"no time"}'),
            ("i", BEGUN, '{"type":7,"message":"odd type"}'),
        ]
    )
    statement = "INSERT INTO realtime_logs VALUES ('j', 1, CAST(x'7BFF' AS TEXT), 1)"
    old.execute("logs.db", statement)
    done = move(old, data)
    assert done.is_whole
    stored = {str(each[0]): each for each in content(data)}
    assert len(stored) == 10
    assert stored["a"][5] == "no JSON {"
    assert stored["b"][5] == '["an", "array"]'
    assert stored["c"][2:7] == (BEGUN, BEGUN, "old", "m", '{"timestamp":"yesterday"}')
    assert stored["d"][2] == BEGUN
    assert stored["e"][1:7] == ("warning", BEGUN, BEGUN, "old", "of another logger", '{"pid":7}')
    assert stored["h"][2] == NOW
    assert stored["i"][5] == "odd type"
    assert stored["j"][5] == "{\\xff"
    (long,) = [each for each in stored.values() if each[5] == "long id"]
    assert json.loads(str(long[6])) == {"originalId": "g" * 200} or len(str(long[0])) == 36
    told = [each.split(" (the first")[0] for each in done.findings]
    assert told == [
        "realtime_logs: 3 rows whose data is no JSON object, kept as a log with that text",
        (
            "realtime_logs: 1 row whose timestamp is no time, dated by receipt, the text kept as "
            "an attribute"
        ),
        "realtime_logs: 1 row with a time in seconds in place of milliseconds, read as seconds",
        "realtime_logs: 1 row without data, left behind",
        "realtime_logs: 2 rows without a fit id, given one; theirs is kept as originalId",
        "realtime_logs: 2 rows without any time, dated now",
        "realtime_logs: 1 row with bytes that are no UTF-8, kept as escapes",
        "realtime_logs: 1 row marked as processed, a mark that is left behind",
    ]


def test_faults_of_archives_are_told_and_sound_files_moved(old: SourceDocument, data: Path) -> None:
    day = old.path / "archives" / "2026-10-01"
    (day / "batch-0002.json.gz").unlink()
    (day / "batch-0004.json.gz").write_bytes((day / "batch-0001.json.gz").read_bytes()[:-20])
    other = old.archive("2026-10-02", [row(300)], total=7)
    (other / "manifest.json").unlink()
    last = old.archive("2026-10-03", [row(400)])
    text = (last / "manifest.json").read_text()
    (last / "manifest.json").write_text(text.replace('": "', '": "0'))
    done = move(old, data)
    assert not done.is_whole
    assert [each.split(": ")[0] for each in done.damaged] == [
        f"{day}/batch-0004.json.gz is left behind"
    ]
    assert done.tallies["archives"].new == 32
    assert [each.split(" (the first")[0] for each in done.findings] == [
        (
            "archives/2026-10-02: 1 batch file with another number of logs than its metadata says, "
            "all of which are taken"
        ),
        "archives/2026-10-01: 2 batch files missing",
        "archives/2026-10-01: 1 batch file that the manifest does not name",
        "archives/2026-10-02: 1 manifest missing",
        (
            "archives/2026-10-03: 1 batch file with another SHA-256 than the manifest has: written "
            "again by a later run of the same day, or damaged"
        ),
    ]
    assert verify(DataFolder(data)).faults == []


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA wal_autocheckpoint = 0")
log = '{"type":"info","message":"in the WAL"}'
with connection:
    connection.execute("INSERT INTO realtime_logs VALUES ('wal', 1795400001000, ?, 0)", (log,))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(old: SourceDocument) -> Iterator[subprocess.Popen[str]]:
    """Let a process of another SQLite write to logs.db and keep it open."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(old.path / "logs.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_old_folder_is_not_touched_while_its_server_holds_it(
    old: SourceDocument, data: Path
) -> None:
    with held(old):
        before = old.state()
        assert "logs.db-wal" in before
        assert move(old, data).is_whole
        assert old.state() == before
    assert len(logs_of(data, "wal")) == 1


def test_old_folder_is_not_touched_after_its_server_was_killed(
    old: SourceDocument, data: Path
) -> None:
    with held(old) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = old.state()
        assert "logs.db-wal" in before
        assert move(old, data).is_whole
        assert old.state() == before
        (old.path / "logs.db-shm").unlink()
        assert move(old, data, dry_run=True).tallies["realtime_logs"].known == 51
        assert set(before) - set(old.state()) == {"logs.db-shm"}
    assert len(logs_of(data, "wal")) == 1


def test_running_server_of_target_is_refused_in_one_sentence(
    old: SourceDocument, data: Path
) -> None:
    DataFolder(data).create()
    with ServerLock(DataFolder(data)):
        with pytest.raises(DataFolderInUse, match="another server"):
            move(old, data)
        done = run_waterline("migrate", "--from-source", old.path, "--data", data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("waterline: another server (process")
    assert done.stderr.count("\n") == 1
    assert not DataFolder(data).logs.exists()


def test_folder_that_is_none_of_documents_is_refused(data: Path, tmp_path: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    given: dict[str, Any] = {"source": "old", "encoding": PARQUET.encoding(), "measured": []}
    with pytest.raises(UsageError, match="is a data folder of Waterline's"):
        migrate_folder(data, DataFolder(tmp_path / "new"), **given)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"has no logs\.db with realtime_logs or logs"):
        migrate_folder(tmp_path / "empty", DataFolder(tmp_path / "new"), **given)
    with pytest.raises(UsageError, match="is no folder"):
        migrate_folder(tmp_path / "none", DataFolder(tmp_path / "new"), **given)
    assert not (tmp_path / "new").exists()


def test_target_is_kept_as_it_was_before(old: SourceDocument, data: Path) -> None:
    fill(data, [{"id": "live-7", "type": "info", "message": "of another source"}])
    before = hot_rows(data)
    done = move(old, data)
    assert len(content(data)) == 111
    (copy,) = done.copies.now
    assert copy.name == "logs.db.before-migrate-20261203T021320"
    with closing(apsw.Connection(str(copy))) as connection:
        assert connection.execute("SELECT * FROM logs").fetchall() == before
    assert [each.name for each in data.glob("*before*")] == [copy.name]


def test_new_folder_has_no_copies(old: SourceDocument, data: Path) -> None:
    assert move(old, data).copies.now == []
    assert list(data.glob("*before*")) == []


@pytest.mark.slow
def test_power_cut_at_any_point_ends_in_the_same_folder(
    old: SourceDocument, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    points = random.Random(7).sample(range(160), pytestconfig.getoption("kills") or 4)
    whole = tmp_path / "whole"
    arguments = ("--from-source", old.path, "--source", "old", "--data")
    assert run_waterline("migrate", *arguments, whole).returncode == 0
    expected = without_moments(whole)
    cuts = 0
    for after in points:
        cut = tmp_path / f"cut-{after}"
        cuts += migrate_until(PowerCut(after, tears=True, seed=after), *arguments, cut)
        done = move(old, cut, clock=lambda: NOW + 10 * DAY)
        assert done.is_whole
        assert without_moments(cut) == expected
        assert measured(cut) == measured(whole)
        assert verify(DataFolder(cut)).faults == []
    assert cuts == len(points)


def without_moments(data: Path) -> list[tuple[object, ...]]:
    """Return all logs but for when archived ones came in: at the moment of the run."""
    through = len(hot_rows(data))
    return [
        (*each[:4], each[4] if each[0] <= through else None, *each[5:]) for each in all_rows(data)
    ]


def measured(data: Path) -> list[Any]:
    with closing(apsw.Connection(str(data / "metrics.db"))) as connection:
        return list(
            connection.execute(
                "SELECT begin, metric, count, sum, min, max, sketch FROM seconds "
                "JOIN series ON series.id = series ORDER BY 1, 2"
            )
        )


def test_measurements_are_by_log_type_of_their_metadata(data: Path, tmp_path: Path) -> None:
    old = SourceDocument(tmp_path / "old")
    old.measure([("query_duration", each, BEGUN) for each in range(5)])
    about = """'{"logType":"error","resultCount":3}' WHERE id <= 2"""
    old.execute("metrics.db", f"UPDATE performance_metrics SET metadata = {about}")
    done = move(old, data)
    (finding,) = done.findings
    assert finding.startswith("performance_metrics: 2 rows with members of metadata besides logTyp")
    assert {
        label: count for (_, label), (count, _) in counted(data, "query_duration", "type").items()
    } == {"error": 2, "other": 3}


def test_tables_of_another_shape_are_refused_in_one_sentence(data: Path, tmp_path: Path) -> None:
    old = SourceDocument(tmp_path / "old")
    old.execute("logs.db", "DROP TABLE logs", "CREATE TABLE logs (id PRIMARY KEY) WITHOUT ROWID")
    with pytest.raises(DataFolderError, match="other tables than the document's: no such column"):
        move(old, data)


def test_measurements_become_series_and_others_are_left_behind(
    old: SourceDocument, data: Path
) -> None:
    rows = [("ack_latency", 1, BEGUN), ("duration_ms", 1, BEGUN), ("x", None, BEGUN), (None, 1, 1)]
    old.measure([*rows, ("x", 2, BEGUN // 1000), ("x", 3, BEGUN)])
    for _ in range(2):
        done = move(old, data)
        assert [(each.name, each.read, each.stored) for each in done.metrics] == [
            ("query_duration", 40, 40),
            ("x", 2, 2),
        ]
    assert sorted(each.split(" (the first")[0] for each in done.findings) == [
        "performance_metrics: 1 row of ack_latency, which the server measures itself, left behind",
        "performance_metrics: 1 row of duration_ms, which the server measures itself, left behind",
        (
            "performance_metrics: 1 row of x with times in seconds in place of milliseconds, read "
            "as seconds"
        ),
        "performance_metrics: 1 row of x without a finite value and a time, left behind",
        "performance_metrics: 1 row without a name of 1 to 64 characters, left behind",
    ]
    assert [each[1:4] for each in measured(data)] == [
        ("query_duration", 10, 22.5),
        ("x", 2, 5),
        ("query_duration", 10, 72.5),
        ("query_duration", 10, 122.5),
        ("query_duration", 10, 172.5),
    ]


@pytest.mark.slow
def test_next_server_counts_logs_in_seconds_of_their_receipt(
    old: SourceDocument, data: Path
) -> None:
    move(old, data, clock=now_ms)
    hour = BEGUN // 3_600_000 * 3_600_000
    with serving(data) as server:
        wait_until(
            lambda: counted(data, "logs_stored", "source", "hours").get((hour, "old")) == (70, 70)
        )
        status, health = server.get("/health")
        assert (status, health["reasons"]) == (200, [])
        socket = server.connect(f"{server.ingest}?ack=batch")
        socket.send('{"type":"info","message":"new"}')
        assert '"lastSeq":111' in str(socket.recv())
        socket.close()


def test_command_says_what_it_found_and_did(old: SourceDocument, data: Path) -> None:
    old.execute("cache.db", "INSERT INTO log_cache (id) VALUES ('row-3'), ('elsewhere')")
    done = run_waterline("migrate", "--from-source", old.path, "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:8] == [
        f"{old.path}/logs.db: 50 rows of realtime_logs",
        f"{old.path}/logs.db: 20 rows of logs",
        f"{old.path}/archives: 2 batch files",
        f"{old.path}/metrics.db: 40 values of query_duration",
        (
            f"{old.path}/cache.db: 2 entries, left behind: they are copies of answers, made anew "
            "when asked for; 1 of them of logs that are nowhere else"
        ),
        "metrics.db: 40 values of query_duration",
        "realtime_logs: 50 logs read, 50 stored, 0 there already",
        "logs: 20 logs read, 20 stored, 0 there already",
    ]
    assert lines[8] == "archives: 40 logs read, 40 stored, 0 there already"
    assert lines[9].startswith(
        "compared realtime_logs: 50 logs, 50 found again with source migrated, 50 of them equal, "
        "SHA-256 "
    )
