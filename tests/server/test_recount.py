"""Recounting: what a killed server left uncounted is counted by the next, from rows or archives."""

import gzip
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
import msgspec
import pytest

from server.recount import MOST_AT_THE_END, Recount
from tests.support.folders import NOON, Batch, alter, fill_batches
from tests.support.object_store import object_store
from tests.support.processes import create_token, run_waterline, serving
from tests.support.rollups import by_label, counted
from tests.support.waiting import wait_until
from waterline.archive.jobs.count import ArchivedCount
from waterline.errors import DataFolderError
from waterline.metrics.parcel import pack_seconds, unpack_seconds
from waterline.metrics.recorder import MetricsRecorder, Second
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

Log = Mapping[str, object]
LATER = NOON + 60_000
OLD_ARCHIVE = b"""{
    "metadata": {"archiveDate": "2025-01-01T00:00:00Z", "batch": 1, "totalLogs": 1,
                 "compression": "gzip", "version": "2.0"},
    "logs": [{"id": "z", "type": "old", "message": "m", "timestamp": 1735689600000}]
}"""
BATCHES = [
    Batch([{"type": "a", "message": "m", "duration_ms": each} for each in range(5)], "x", NOON),
    Batch([{"type": "b", "message": "m"}, {"type": "a", "message": "n"}], "y", NOON + 400),
    Batch([{"type": "b", "message": "é", "duration_ms": 7.5}] * 3, "x", LATER),
]
# The logs are months old.
RETENTION = ("--metrics-seconds", "3650d", "--metrics-minutes", "3650d", "--metrics-hours", "3650d")
BY_TYPE = {(NOON, "a"): 6, (NOON, "b"): 1, (LATER, "b"): 3}
BY_SOURCE = {(NOON, "x"): 5, (NOON, "y"): 2, (LATER, "x"): 3}
DURATIONS = {(NOON, "a"): (5, 10.0), (LATER, "b"): (3, 22.5)}


def counts(
    seconds: Mapping[int, Second], metric: str, dimension: str
) -> dict[tuple[int, str], int]:
    return {
        (begin, series.label): summary.count
        for begin, second in seconds.items()
        for series, summary in second.summaries.items()
        if (series.metric, series.dimension) == (metric, dimension)
    }


def flat(seconds: Mapping[int, Second]) -> dict[object, object]:
    """Return seconds as values that can be compared."""
    return {
        begin: (
            second.counted_through,
            second.heard,
            {
                series: (
                    each.count,
                    each.sum,
                    each.min,
                    each.max,
                    each.sketch and each.sketch.cells(),
                )
                for series, each in second.summaries.items()
            },
        )
        for begin, second in seconds.items()
    }


@pytest.fixture
def filled(data: Path) -> Path:
    fill_batches(data, BATCHES)
    return data


def recounted(data: Path, after: int = 0, through: int = 10) -> dict[int, Second]:
    recorder = MetricsRecorder()
    assert Recount(Settings(data=data), recorder).record(after, through)
    return recorder.take()


def archive(data: Path, *options: str) -> None:
    done = run_waterline("archive", "run", "--older-than", "0s", "--data", data, *options)
    assert done.returncode == 0, done.stderr


# From the rows


def test_logs_are_counted_in_second_of_their_receipt(filled: Path) -> None:
    seconds = recounted(filled)
    assert counts(seconds, "logs_stored", "type") == BY_TYPE
    assert counts(seconds, "logs_stored", "source") == BY_SOURCE
    assert {begin: second.counted_through for begin, second in seconds.items()} == {
        NOON: 7,
        LATER: 10,
    }
    assert seconds[NOON].heard == {"x": (NOON, NOON), "y": (NOON + 400, NOON + 400)}


def test_only_what_is_in_range_is_counted(filled: Path) -> None:
    seconds = recounted(filled, 6, 8)
    assert counts(seconds, "logs_stored", "type") == {(NOON, "a"): 1, (LATER, "b"): 1}


def test_bytes_are_those_of_logs_as_they_are_sent_to_readers(data: Path) -> None:
    fill_batches(data, [Batch([{"id": "1", "type": "t", "message": "é"}], "x", NOON)])
    (second,) = recounted(data, 0, 1).values()
    ((_, size),) = [
        (series, each.sum)
        for series, each in second.summaries.items()
        if (series.metric, series.dimension) == ("bytes_received", "type")
    ]
    assert size == len(
        '{"seq":1,"id":"1","type":"t","timestamp":1773748800000,"received_at":1773748800000,'
        '"source":"x","message":"é","attributes":{}}'.encode()
    )


def test_many_pages_are_counted_once(data: Path) -> None:
    logs: Sequence[Log] = [{"type": "t", "message": "m"}] * 1_250
    fill_batches(data, [Batch(logs, "x", NOON)])
    assert counts(recounted(data, 0, 1_250), "logs_stored", "type") == {(NOON, "t"): 1_250}


def test_recount_that_fails_records_nothing(filled: Path) -> None:
    content = bytearray((filled / "logs.db").read_bytes())
    content[4096:] = b"?" * (len(content) - 4096)
    (filled / "logs.db").write_bytes(content)
    recorder = MetricsRecorder()
    with pytest.raises(DataFolderError):
        Recount(Settings(data=filled), recorder).record(0, 10)
    assert recorder.take() == {}


# From archives


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "json.gz"])
def test_what_is_archived_is_counted_as_when_it_was_hot(filled: Path, kind: str) -> None:
    expected = flat(recounted(filled))
    archive(filled, "--format", kind, "--batch-rows", "3")
    assert flat(recounted(filled)) == expected


@pytest.mark.slow
def test_of_archived_logs_too_only_what_is_in_range_is_counted(filled: Path) -> None:
    expected = flat(recounted(filled, 6, 9))
    archive(filled)
    assert flat(recounted(filled, 6, 9)) == expected


@pytest.mark.slow
def test_logs_on_both_sides_of_watermark_are_counted_once(data: Path) -> None:
    fill_batches(data, BATCHES[:2])
    archive(data)
    fill_batches(data, BATCHES[2:])
    seconds = recounted(data)
    assert counts(seconds, "logs_stored", "type") == BY_TYPE
    assert counts(seconds, "logs_stored", "source") == BY_SOURCE


@pytest.mark.slow
def test_adopted_logs_never_came_in_and_are_not_counted(data: Path, tmp_path: Path) -> None:
    fill_batches(data, BATCHES)
    archive(data)
    file = tmp_path / "elsewhere.json.gz"
    file.write_bytes(gzip.compress(OLD_ARCHIVE))
    done = run_waterline("archive", "adopt", file, "--data", data)
    assert done.returncode == 0, done.stderr
    count = ArchivedCount(DataFolder(data), 0, 1_000, ())
    count.record()
    assert by_label_of(count) == {"a": 6, "b": 4}


def by_label_of(count: ArchivedCount) -> Mapping[str, int]:
    found = counts(count.recorder.take(), "logs_stored", "type")
    return by_label({key: (each, 0.0) for key, each in found.items()})


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["damaged", "missing", "pruned"])
def test_batch_that_cannot_be_read_is_named_and_others_are_counted(data: Path, fault: str) -> None:
    fill_batches(data, BATCHES)
    archive(data, "--batch-rows", "4")
    first, *_ = sorted((data / "archives").rglob("*.parquet"))
    if fault == "damaged":
        first.write_bytes(first.read_bytes()[:-1] + b"?")
    elif fault == "missing":
        first.unlink()
    else:
        alter(data / "logs.db", "UPDATE archive_batches SET pruned_at = 1 WHERE first_seq = 1")
    count = ArchivedCount(DataFolder(data), 0, 10, ())
    count.record()
    assert len(count.missing) == 1
    assert first.name in count.missing[0]
    assert by_label_of(count) == {"a": 2, "b": 4}


@pytest.mark.slow
@pytest.mark.logs
def test_what_cannot_be_read_is_told_in_one_line(
    filled: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive(filled, "--batch-rows", "4")
    first, second, _ = sorted((filled / "archives").rglob("*.parquet"))
    first.unlink()
    second.write_bytes(b"")
    seconds = recounted(filled)
    assert counts(seconds, "logs_stored", "type") == {(LATER, "b"): 2}
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith(
        "logs from seq 1 to 10 were archived before they were counted, and these are in no "
        f"measurement: cannot read {first}"
    )
    assert str(second) in line


@pytest.mark.slow
@pytest.mark.logs
def test_process_that_cannot_count_is_told_and_hot_logs_are_counted(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_batches(data, BATCHES[:2])
    archive(data)
    fill_batches(data, BATCHES[2:])
    alter(data / "logs.db", "UPDATE archive_batches SET types = '?'")
    assert counts(recounted(data), "logs_stored", "type") == {(LATER, "b"): 3}
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("logs from seq 1 to 7 were archived before they were counted")
    assert "logs.db holds a batch that is damaged" in line


@pytest.mark.slow
def test_recount_that_is_stopped_records_nothing(filled: Path) -> None:
    archive(filled)
    recorder = MetricsRecorder()
    recount = Recount(Settings(data=filled), recorder)
    recount.stop()
    assert not recount.record(0, 10)
    assert recorder.take() == {}


def test_few_hot_logs_are_counted_also_while_server_stops_and_many_are_not(
    filled: Path,
) -> None:
    recorder = MetricsRecorder()
    recount = Recount(Settings(data=filled), recorder)
    recount.stop()
    assert not recount.record(0, MOST_AT_THE_END + 1)
    assert recorder.take() == {}
    assert recount.record(0, 10)
    assert counts(recorder.take(), "logs_stored", "type") == BY_TYPE


def test_parcel_holds_what_was_packed(filled: Path) -> None:
    seconds = recounted(filled)
    expected = flat(seconds)
    found, missing = unpack_seconds(pack_seconds(seconds, ["one", "two"]))
    assert flat(found) == expected
    assert missing == ["one", "two"]


# A real server


@pytest.fixture
def token(filled: Path) -> str:
    return create_token(filled)


@pytest.fixture
def uncounted(filled: Path, token: str) -> Path:
    """A folder whose logs came in after the server had begun to count, and were not counted."""
    with serving(filled, *RETENTION, token=token):
        pass
    metrics = filled / "metrics.db"
    alter(metrics, "UPDATE progress SET counted_from = 0, counted_through = 0")
    return filled


def assert_counted(data: Path) -> None:
    for dimension, expected in (("type", BY_TYPE), ("source", BY_SOURCE)):
        found = counted(data, "logs_stored", dimension)
        assert {key: count for key, (count, _) in found.items()} == expected
    assert counted(data, "duration_ms", "type") == DURATIONS


@pytest.mark.slow
def test_server_counts_what_lies_in_logs_db_uncounted(uncounted: Path, token: str) -> None:
    with serving(uncounted, *RETENTION, token=token):
        pass
    assert_counted(uncounted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "json.gz"])
def test_server_counts_what_was_archived_uncounted(uncounted: Path, token: str, kind: str) -> None:
    archive(uncounted, "--format", kind)
    for _ in range(2):  # once, and not again
        with serving(uncounted, *RETENTION, token=token) as server:
            wait_until_counted(uncounted, 10)
            assert server.get("/health")[0] == 200
        assert_counted(uncounted)


def wait_until_counted(data: Path, seq: int) -> None:
    def through() -> int:
        with closing(apsw.Connection(str(data / "metrics.db"))) as connection:
            return cast("int", connection.execute("SELECT counted_through FROM progress").get)

    wait_until(lambda: through() >= seq, "the logs were not counted")


@pytest.mark.slow
def test_server_starts_and_counts_rest_although_batch_is_damaged(
    uncounted: Path, token: str
) -> None:
    archive(uncounted, "--batch-rows", "4")
    first, *_ = sorted((uncounted / "archives").rglob("*.parquet"))
    first.write_bytes(b"")
    with serving(uncounted, *RETENTION, token=token) as server:
        server.expected_errors.append(rf"seq 1 to 10 were archived before .*: {first} is damaged")
        wait_until_counted(uncounted, 10)
        with closing(server.connect()) as socket:
            socket.send('{"type":"a","message":"m"}')
            assert msgspec.json.decode(socket.recv())["seq"] == 11
    found = by_label(counted(uncounted, "logs_stored", "type"))
    assert found == {"a": 3, "b": 4}


@pytest.mark.slow
def test_server_starts_although_bucket_of_its_batches_is_gone(
    uncounted: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        archive(uncounted, "--dest", store.address, "--remove-local")
    with serving(uncounted, *RETENTION, token=token) as server:
        server.expected_errors.append("seq 1 to 10 were archived before they were counted")
        with closing(server.connect()) as socket:
            socket.send('{"type":"c","message":"m"}')
            assert msgspec.json.decode(socket.recv())["seq"] == 11
        assert server.get("/health")[0] == 200
