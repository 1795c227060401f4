"""The poller over folders that real servers write, and over what becomes of them."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import panel as pn
import pytest

from tests.support.archive_runs import archive, fill_three_days, lose_logs
from tests.support.archived import batch, record_elsewhere
from tests.support.folders import DAY, NOON, fill
from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.storage.schema import LOGS, METRICS
from workbench.dashboard.watched import shared as shared_watched
from workbench.query.database import Database
from workbench.reports.archives import ArchivedDay
from workbench.snapshots import stored as stored_module
from workbench.snapshots.measured_window import MeasuredWindowReader
from workbench.snapshots.poller import FolderPoller
from workbench.snapshots.snapshot import (
    ARCHIVED_DAYS,
    SECOND,
    WINDOW_SECONDS,
    ArchiveTotals,
    Snapshot,
    StoredLogs,
)
from workbench.snapshots.stored import StoredReader

pytestmark = pytest.mark.slow

Log = dict[str, object]


@pytest.fixture
def poller(data: Path) -> Iterator[FolderPoller]:
    """A poller that polls when it is told to."""
    made = FolderPoller(data)
    yield made
    made.stop()


def logs_of(*types: str) -> list[Log]:
    return [{"type": each, "message": f"{each} {place}"} for place, each in enumerate(types)]


def poll_until(poller: FolderPoller, is_so: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + PATIENCE
    while not is_so(snapshot := poller.poll()):
        assert time.monotonic() < deadline, f"it never came: {snapshot}"
        time.sleep(0.05)
    return snapshot


def measured(snapshot: Snapshot) -> Counter[str]:
    total: Counter[str] = Counter()
    for second in snapshot.window.seconds:
        total.update(second.stored)
    return total


def execute(database: Path, script: str) -> None:
    """Write as another process does, with a SQLite library of its own."""
    code = f"import apsw; apsw.Connection({str(database)!r}).execute({script!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_missing_folder_is_waited_for_and_read_when_it_comes(
    data: Path, poller: FolderPoller
) -> None:
    snapshot = poller.poll()
    assert snapshot.waiting
    assert snapshot.troubles == ()
    assert snapshot.stored is None
    assert snapshot.window.seconds == ()
    with serving(data) as server:
        send(server, *logs_of("info"))
        snapshot = poll_until(poller, lambda each: each.newest.last_seq == 1)
    assert not snapshot.waiting
    assert snapshot.troubles == ()


def test_counts_are_exact_and_go_on(server: ServerProcess, poller: FolderPoller) -> None:
    send(server, *logs_of("info", "error", "info"))
    first = poller.poll().stored
    assert first is not None
    assert first.types == {"info": 2, "error": 1}
    send(server, *logs_of("error", "error", "odd"), {"type": "odd", "message": "", "timestamp": 5})
    then = poller.poll().stored
    assert then is not None
    assert then.types == {"error": 3, "info": 2, "odd": 2}
    assert next(iter(then.types)) == "error"
    assert then.complete
    assert then.first_timestamp == 5_000
    assert then.last_timestamp is not None
    assert then.last_timestamp >= first.last_timestamp  # type: ignore[operator]


def test_highest_seq_is_that_of_the_newest_log(server: ServerProcess, poller: FolderPoller) -> None:
    assert poller.poll().newest.last_seq == 0
    send(server, *logs_of("a", "b"))
    first = poller.poll()
    assert first.newest.last_seq == 2
    assert poller.poll().newest is first.newest
    send(server, *logs_of("c"))
    then = poller.poll()
    assert (then.newest.last_seq, then.newest.revision) == (3, first.newest.revision)
    assert then.grew_at == then.taken_at


def test_server_is_heard_each_second_and_not_once_it_is_stopped(data: Path) -> None:
    with serving(data) as server:
        poller = FolderPoller(data)
        silent = poll_until(poller, lambda each: bool(each.window.server_seen_at))
        assert silent.window.measured_at is None
        assert silent.window.first_at is None
        later = poll_until(
            poller, lambda each: each.window.server_seen_at != silent.window.server_seen_at
        )
        assert later.window.server_seen_at > silent.window.server_seen_at  # type: ignore[operator]
        send(server, *logs_of("info"))
        heard = poll_until(poller, lambda each: each.window.first_at is not None)
        assert heard.grew_at is not None
    last = poller.poll().window.server_seen_at
    assert poller.poll().window.server_seen_at == last
    # What a clock that was ahead has written is no sign of life.
    execute(data / "metrics.db", "UPDATE seconds SET begin = begin + 10000000000")
    assert poller.poll().window.server_seen_at == 0
    poller.stop()


def test_throughput_and_latency_are_those_measured(
    server: ServerProcess, poller: FolderPoller
) -> None:
    send(server, *logs_of("info", "error", "info"))
    snapshot = poll_until(poller, lambda each: measured(each).total() == 3)
    assert measured(snapshot) == {"info": 2, "error": 1}
    assert snapshot.window.measured_at is not None
    with_logs = [second for second in snapshot.window.seconds if second.stored]
    for second in with_logs:
        assert second.latency is not None
        assert 0 < second.latency.p50 <= second.latency.p95 <= second.latency.p99
    assert all(second.latency is None for second in snapshot.window.seconds if not second.stored)


def test_window_has_every_second_once(server: ServerProcess, poller: FolderPoller) -> None:
    send(server, *logs_of("info"))
    first = poll_until(poller, lambda each: measured(each).total() == 1)
    send(server, *logs_of("info"))
    then = poll_until(poller, lambda each: measured(each).total() == 2)
    for snapshot in (first, then):
        begins = [second.begin for second in snapshot.window.seconds]
        assert begins == list(range(begins[0], begins[0] + WINDOW_SECONDS * SECOND, SECOND))
    assert then.window.seconds[-1].begin > first.window.seconds[-1].begin
    assert then.window.revision == first.window.revision


def test_reading_on_gives_what_reading_all_gives(server: ServerProcess, data: Path) -> None:
    following = FolderPoller(data)
    for count in (1, 5, 2):
        send(server, *logs_of(*["info"] * count, "error"))
        poll_until(following, lambda each: stored_logs(each) == measured(each).total())
    fresh = FolderPoller(data)
    both = [each.poll() for each in (following, fresh)]
    assert both[0].stored == both[1].stored
    assert both[0].newest.last_seq == both[1].newest.last_seq
    windows = [{second.begin: second for second in each.window.seconds} for each in both]
    shared = windows[0].keys() & windows[1].keys()
    assert len(shared) > WINDOW_SECONDS / 2
    for begin in shared:
        assert windows[0][begin] == windows[1][begin]
    following.stop()
    fresh.stop()


def stored_logs(snapshot: Snapshot) -> int:
    return snapshot.stored.logs if snapshot.stored else -1


def test_late_second_is_put_in_where_it_belongs(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    reader, now = MeasuredWindowReader(), int(time.time()) * SECOND + 600 * SECOND
    late = now - 10 * SECOND
    with Database(data / "metrics.db", METRICS) as metrics:
        with metrics.view() as view:
            before = reader.read(view, now)
        execute(
            data / "metrics.db",
            f"INSERT INTO seconds SELECT {late}, series, 9, 9, min, max, sketch FROM seconds JOIN "
            "series ON series.id = series WHERE metric = 'logs_stored' AND dimension = 'type'",
        )
        with metrics.view() as view:
            after = reader.read(view, now)
    assert all(not second.stored for second in before.seconds)
    assert after.revision != before.revision
    assert {second.begin: second.stored for second in after.seconds if second.stored} == {
        late: {"info": 9}
    }
    assert [each.begin for each in after.seconds] == [each.begin for each in before.seconds]
    assert after.measured_at == late


def test_second_that_grows_after_it_was_shown_is_read_again(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    reader = MeasuredWindowReader()
    with Database(data / "metrics.db", METRICS) as metrics:
        with metrics.view() as view:
            before = reader.read(view, int(time.time() + 10) * SECOND)
        execute(data / "metrics.db", "UPDATE seconds SET count = count + 4")
        with metrics.view() as view:
            after = reader.read(view, int(time.time() + 10) * SECOND)
            again = reader.read(view, int(time.time() + 10) * SECOND)
    assert [second.stored for second in before.seconds if second.stored] == [{"info": 1}]
    assert [second.stored for second in after.seconds if second.stored] == [{"info": 5}]
    assert after.revision != before.revision
    assert again.revision == after.revision


def test_second_is_not_shown_while_logs_are_still_put_into_it(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    with Database(data / "metrics.db", METRICS) as metrics, metrics.view() as view:
        ((second,),) = view.rows("SELECT last_seen / 1000 * 1000 FROM sources")
        reader = MeasuredWindowReader()
        running = reader.read(view, second + SECOND + 999)
        settled = reader.read(view, second + 2 * SECOND)
    assert not any(each.stored for each in running.seconds)
    assert running.measured_at == second
    assert (settled.seconds[-1].begin, settled.seconds[-1].stored) == (second, {"info": 1})
    assert settled.revision == running.revision


def test_damaged_measurement_is_told_in_a_sentence(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    execute(data / "metrics.db", "UPDATE seconds SET sketch = x'4242' WHERE sketch IS NOT NULL")
    (trouble,) = poller.poll().troubles
    assert trouble.startswith("metrics.db holds a measurement that is damaged")
    assert "\n" not in trouble


def test_moment_of_the_last_log_is_known_when_its_second_is_gone(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    execute(data / "metrics.db", "DELETE FROM seconds")
    with Database(data / "metrics.db", METRICS) as metrics, metrics.view() as view:
        ((last,),) = view.rows("SELECT last_seen FROM sources")
        window = MeasuredWindowReader().read(view, last + 999 * SECOND)
    assert window.measured_at == last // SECOND * SECOND


ARCHIVED = batch(
    1, rows=3, last_seq=3, first_timestamp=7, last_timestamp=9, types={"info": 2, "error": 1}
)


def test_archived_logs_are_counted_until_they_are_pruned(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info", "info", "error", "debug"))
    assert stored_logs(poller.poll()) == 4
    record_elsewhere(data, ARCHIVED, through=3)
    archived = poller.poll().stored
    assert archived is not None
    assert (archived.types, archived.archived) == ({"info": 2, "error": 1, "debug": 1}, 3)
    assert archived.first_timestamp == 7
    execute(
        data / "logs.db",
        """
        DELETE FROM logs WHERE seq <= 3;
        UPDATE archive_batches SET pruned_at = 1;
        UPDATE seam SET generation = generation + 1;
        """,
    )
    pruned = poller.poll().stored
    assert pruned is not None
    assert (pruned.types, pruned.archived) == ({"debug": 1}, 0)
    assert pruned.first_timestamp == pruned.last_timestamp
    assert pruned.first_timestamp != 7


def test_logs_that_are_archived_are_not_counted_again(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of(*"aabbc"))
    reader = StoredReader()
    with Database(data / "logs.db", LOGS) as logs:
        before = reader.read(logs.view, lambda: False)
        # Nobody takes rows above the seam away; here it shows that they are not read again.
        execute(data / "logs.db", "DELETE FROM logs")
        record_elsewhere(
            data,
            batch(1, rows=2, last_seq=2, types={"a": 2}),
            batch(2, rows=1, first_seq=3, last_seq=3, types={"b": 1}),
            through=3,
        )
        after = reader.read(logs.view, lambda: False)
    assert after.types == before.types == {"a": 2, "b": 2, "c": 1}
    assert (before.archived, after.archived) == (0, 3)
    assert after.complete


def test_adopted_logs_come_on_top_of_those_counted(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of(*"aab"))
    assert stored_logs(poller.poll()) == 3
    adopted = batch(9, rows=5, first_seq=4, last_seq=8, types={"a": 5}, adopted_from="f" * 64)
    record_elsewhere(data, adopted)
    with serving(data, token=server.token) as server:
        send(server, *logs_of(*"cd"))  # they get the seqs 9 and 10
    before = poller.poll().stored
    assert before is not None
    assert (before.types, before.archived) == ({"a": 7, "b": 1, "c": 1, "d": 1}, 5)
    record_elsewhere(
        data,
        batch(1, rows=3, last_seq=3, types={"a": 2, "b": 1}),
        batch(2, rows=1, first_seq=9, last_seq=9, types={"c": 1}),
        through=9,
    )
    after = poller.poll().stored
    assert after is not None
    assert (after.types, after.archived) == (before.types, 9)


def test_change_of_the_last_of_many_batches_is_seen(data: Path, poller: FolderPoller) -> None:
    with serving(data):
        pass
    adopted: dict[str, Any] = {
        "adopted_from": "f" * 64,
        "uploaded_to": "s3://b/l",
        "local_removed_at": 1,
    }
    batches = [
        batch(number, day="2026-01-01", file=f"2026-01-01/batch-{number:04d}.parquet", rows=1)
        for number in range(1, 1502)
    ]
    last = replace(batches[-1], types={"late": 1}, **adopted)
    record_elsewhere(data, *batches[:-1], last)
    snapshot = poller.poll()
    assert snapshot.troubles == ()
    assert snapshot.stored is not None
    assert snapshot.stored.types["late"] == 1
    assert snapshot.archives is not None
    assert (snapshot.archives.logs, snapshot.archives.bucket_bytes) == (1501, 30_000)


def test_count_that_the_archives_overtake_goes_on_behind_them(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_module, "PAGE", 3)
    with serving(data) as server:
        send(server, *logs_of(*"aaaabbbb"))
    reader = StoredReader()
    with Database(data / "logs.db", LOGS) as logs:
        assert reader.read(logs.view, lambda: True).logs == 3
        record_elsewhere(data, batch(1, rows=5, last_seq=5, types={"a": 4, "b": 1}), through=5)
        overtaken = reader.read(logs.view, lambda: False)
    assert (overtaken.types, overtaken.archived) == ({"a": 4, "b": 4}, 5)


def test_archives_are_summed_up_by_day(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    assert poller.poll().archives == ArchiveTotals()
    in_bucket = {"uploaded_to": "s3://b/l", "uploaded_at": 1}
    record_elsewhere(
        data,
        batch(1, rows=5, pruned_at=1),
        batch(2, rows=10, raw_bytes=100, stored_bytes=10),
        batch(3, rows=20, raw_bytes=200, stored_bytes=30, day="2026-01-02", **in_bucket),
        batch(4, rows=7, day="2026-01-02", pruned_at=1, local_removed_at=1, **in_bucket),
        batch(5, rows=40, raw_bytes=400, stored_bytes=50, local_removed_at=1, **in_bucket),
    )
    two_kept_one_pruned = {"local": 1, "local+bucket": 1, "pruned": 1}
    assert poller.poll().archives == ArchiveTotals(
        days=(
            ArchivedDay("2026-01-05", 40, 400, 50, bucket_bytes=50, places={"bucket": 1}),
            ArchivedDay("2026-01-02", 30, 300, 40, pruned=7, places=two_kept_one_pruned),
            ArchivedDay("2026-01-01", 0, 0, 0, pruned=5, places={"pruned": 1}),
        ),
        batches=3,
        logs=70,
        raw_bytes=700,
        stored_bytes=90,
        bucket_bytes=50,
        pruned=12,
    )


def test_only_the_newest_days_with_archives_are_kept_and_all_are_summed_up(
    data: Path, poller: FolderPoller
) -> None:
    with serving(data):
        pass
    days = [f"2026-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 21)]
    batches = [
        batch(number, day=day, file=f"{day}/batch-0001.parquet")
        for number, day in enumerate(days, 1)
    ]
    record_elsewhere(data, *batches)
    archives = poller.poll().archives
    assert archives is not None
    assert [each.day for each in archives.days] == sorted(days, reverse=True)[:ARCHIVED_DAYS]
    assert (archives.older_days, archives.batches, archives.logs) == (10, 40, 40_000)


def test_catalog_is_read_anew_only_when_the_archives_have_changed(
    data: Path, poller: FolderPoller
) -> None:
    with serving(data):
        pass
    record_elsewhere(data, batch(1))
    first = poller.poll().archives
    execute(data / "logs.db", "UPDATE archive_batches SET rows = 5")
    assert poller.poll().archives is first
    execute(data / "logs.db", "UPDATE seam SET generation = generation + 1")
    changed = poller.poll().archives
    assert changed is not None
    assert changed.logs == 5


def test_rewritten_past_makes_what_was_shown_void(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info", "info"))
    before = poller.poll().newest
    execute(data / "logs.db", "DELETE FROM logs WHERE seq = 2; UPDATE seam SET incarnation = 'x'")
    after = poller.poll()
    assert after.newest.revision != before.revision
    assert stored_logs(after) == 1


def test_large_folder_is_counted_page_by_page(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_module, "PAGE", 3)
    with serving(data) as server:
        send(server, *logs_of(*"zaaaazza"))
    reader = StoredReader()
    seen: list[StoredLogs] = []
    with Database(data / "logs.db", LOGS) as logs:
        while not seen or not seen[-1].complete:
            seen.append(reader.read(logs.view, lambda: True))
    assert [each.logs for each in seen] == [3, 6, 8]
    assert [each.complete for each in seen] == [False, False, True]
    assert seen[-1].types == {"a": 5, "z": 3}


def test_folder_that_vanishes_and_comes_again_is_followed(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("old", "old"))
    before = poller.poll()
    assert stored_logs(before) == 2
    data.rename(data.with_name("elsewhere"))
    gone = poller.poll()
    assert gone.waiting
    assert gone.troubles == ()
    assert gone.newest.last_seq == 0
    assert gone.window.seconds == ()
    with serving(data) as server:
        send(server, *logs_of("new"))
        again = poll_until(poller, lambda each: stored_logs(each) == 1)
    assert again.newest.last_seq == 1
    assert again.newest.revision != before.newest.revision


def test_folder_that_is_another_from_one_moment_to_the_next_is_noticed(
    data: Path, poller: FolderPoller
) -> None:
    with serving(data) as server:
        send(server, *logs_of("old", "old"))
    other = data.with_name("other")
    with serving(other) as server:
        send(server, *logs_of("new"))
    before = poller.poll()
    assert stored_logs(before) == 2
    data.rename(data.with_name("elsewhere"))
    other.rename(data)
    snapshot = poller.poll()
    assert snapshot.stored is not None
    assert snapshot.stored.types == {"new": 1}
    assert snapshot.newest.last_seq == 1
    assert snapshot.newest.revision != before.newest.revision


def test_count_that_failed_midway_begins_anew(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    record_elsewhere(data, ARCHIVED, batch(2, rows=3, types={"old": 3}))
    execute(data / "logs.db", "UPDATE archive_batches SET types = 'no JSON' WHERE batch = 2")
    (trouble,) = poller.poll().troubles
    assert "batch that is damaged" in trouble
    execute(data / "logs.db", """UPDATE archive_batches SET types = '{"old":3}'""")
    snapshot = poller.poll()
    assert snapshot.troubles == ()
    assert snapshot.stored is not None
    assert snapshot.stored.types == {"old": 6, "info": 1}


def damage(path: Path) -> None:
    """Overwrite a file in place, all of it but its header."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (size - 100))


@pytest.mark.parametrize("name", ["logs.db", "metrics.db"])
@pytest.mark.parametrize("how", [damage, lambda path: path.write_bytes(b"no database " * 999)])
def test_damaged_file_is_told_in_a_sentence_and_recovered_from(
    data: Path, name: str, how: Callable[[Path], object]
) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    sound = (data / name).read_bytes()
    how(data / name)
    poller = FolderPoller(data)
    (trouble,) = poller.poll().troubles
    assert trouble.startswith(str(data / name))
    assert "\n" not in trouble
    assert poller.poll().troubles == (trouble,)
    (data / name).unlink()
    (data / name).write_bytes(sound)
    recovered = poller.poll()
    assert recovered.troubles == ()
    assert stored_logs(recovered) == 1
    assert recovered.window.measured_at is not None
    poller.stop()


def test_only_one_of_the_files_being_damaged_leaves_the_other(data: Path) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    damage(data / "metrics.db")
    poller = FolderPoller(data)
    snapshot = poller.poll()
    assert len(snapshot.troubles) == 1
    assert stored_logs(snapshot) == 1
    poller.stop()


def test_sizes_are_those_on_disk(data: Path, poller: FolderPoller) -> None:
    with serving(data) as server:
        send(server, *logs_of("info"))
    sizes = poller.poll().sizes
    assert sizes is not None
    assert sizes.logs >= (data / "logs.db").stat().st_size > 0
    assert sizes.folder >= sizes.logs + sizes.metrics
    assert sizes.free > 0


def test_thread_polls_each_second_and_stops(data: Path) -> None:
    with serving(data) as server:
        poller = FolderPoller(data)
        poller.start()
        send(server, *logs_of("info"))
        wait_until(lambda: poller.snapshot.number >= 3)
        poller.stop()
    number = poller.snapshot.number
    assert stored_logs(poller.snapshot) == 1
    assert not poller._thread.is_alive()
    assert poller.snapshot.number == number


def test_sessions_that_start_at_once_share_one_poller(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATERLINE_DATA", str(data))
    monkeypatch.setattr(pn.state, "cache", {})
    started: list[FolderPoller] = []

    def start(poller: FolderPoller) -> None:
        time.sleep(0.05)  # so that a second one would have the time to be made
        started.append(poller)

    monkeypatch.setattr(FolderPoller, "start", start)
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(shared_watched) for _ in range(8)]
        found = [future.result() for future in futures]
    assert len({id(each) for each in found}) == 1
    assert started == [found[0].poller]
    assert found[0].poller.snapshot.folder == str(data)


def test_archives_that_know_more_than_logs_db_are_told_until_it_is_put_back(
    data: Path, poller: FolderPoller
) -> None:
    fill_three_days(data)
    archive(data)
    backup, newer = (data / "logs.db").read_bytes(), data.with_name("newer")
    fill(data, logs_of("info"), received_at=NOON + 5 * DAY)
    archive(data, now=NOON + 200 * DAY)
    (data / "logs.db").rename(newer)
    lose_logs(data)
    (data / "logs.db").write_bytes(backup)
    for _ in range(2):
        (trouble,) = poller.poll().troubles
        assert "logs.db is older than its archives" in trouble
    (data / "logs.db").unlink()
    newer.rename(data / "logs.db")
    assert poll_until(poller, lambda each: not each.troubles).archives is not None
