"""The comparison at the end: a log that is missing or differs is found, and named."""

from pathlib import Path

from tests.support.folders import alter
from waterline.archive.progress import silent
from waterline.records import Record
from waterline.storage.folder import DataFolder
from workbench.migration.compare import compare
from workbench.migration.entries import OldLog
from workbench.migration.findings import Findings
from workbench.migration.known import rehearsing, writing
from workbench.migration.sink import Resolver, Sink, Tally

LOGS = [
    OldLog(
        Record(f"log-{each}", "info", 1_795_400_000_000 + each, f"message {each}", '{"a":1}'),
        None,
        "logs",
        f"row {each}",
    )
    for each in range(5)
]


def stored(data: Path, *statements: str) -> DataFolder:
    """Store the logs, then change what is stored."""
    folder = DataFolder(data)
    folder.create()
    with writing(folder, "old") as (connection, known):
        sink = Sink(connection, known, Resolver(known, Findings()), "old", lambda: 7)
        for log in LOGS:
            sink.put(log, Tally())
        sink.flush()
    alter(folder.logs, *statements)
    return folder


def test_logs_as_they_were_read_are_equal(data: Path) -> None:
    with rehearsing(stored(data), "old") as known:
        found = compare(LOGS, known, silent, 5)
    assert (found.logs, found.equal, found.lacks, found.missing) == (5, 5, 0, [])
    assert found.read == found.stored
    assert found.is_whole


def test_missing_and_changed_logs_are_named(data: Path) -> None:
    folder = stored(
        data,
        "DELETE FROM logs WHERE id = 'log-1'",
        "UPDATE logs SET message = 'another' WHERE id = 'log-2'",
        "UPDATE logs SET timestamp = 5 WHERE id = 'log-3'",
        "UPDATE logs SET attributes = '{}' WHERE id = 'log-4'",
    )
    with rehearsing(folder, "old") as known:
        found = compare(LOGS, known, silent, 5)
    assert (found.logs, found.equal, found.lacks) == (5, 1, 4)
    assert found.missing == ["logs, row 1", "logs, row 2", "logs, row 3", "logs, row 4"]
    assert not found.is_whole


def test_logs_of_another_source_are_not_theirs(data: Path) -> None:
    with rehearsing(stored(data, "UPDATE logs SET source = 'web'"), "old") as known:
        assert compare(LOGS, known, silent, 5).lacks == 5
