"""The writer on a real file: seq, duplicates, order of answers, and what a full disk leaves."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.decode.decoded_logs import DecodedLogs
from server.decode.frames import read_frames
from server.submissions import (
    LOG_OVERHEAD,
    MAX_COMMIT_SIZE,
    SUBMISSION_OVERHEAD,
    Refusal,
    Submission,
)
from server.writer import PRESENCE_SECONDS, Commit, Writer
from tests.support.clock import NOON, Clock
from tests.support.examples import costly
from tests.support.faulty_database import faulty_disk
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from waterline.records import StoredLog
from waterline.storage import checkpoints
from waterline.storage.attribute_index import AttributeIndex
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer

WINDOW = 1_000
YEAR = 365 * 86_400_000
Row = tuple[int, str, str, int, int, str, str, str]
Answer = tuple[str, int, bool]
"""What became of a log: its id, its seq, and whether it is a duplicate."""


class Nobody:
    """An owner who waits for no answer: these tests look at what is committed."""

    def answer(self, *_: object) -> None:
        raise AssertionError("nobody waits")


def no_logs(source: str) -> DecodedLogs:
    return DecodedLogs([], [], b"", frozenset(), [], source, {})


def new_logs(commit: Commit) -> list[StoredLog]:
    return [*chain.from_iterable(commit.new_logs())]


class Bench:
    """A writer on a real file; its commits are collected in their order."""

    def __init__(self, path: Path, indexed: Sequence[str] = ()) -> None:
        self.path = path
        self.clock = Clock()
        self.commits: queue.Queue[Commit] = queue.Queue()
        self.writer = Writer(path, self.commits.put, WINDOW, self.clock, indexed)

    def submit(self, *logs: bytes, source: str = "web") -> Submission:
        batch = read_frames(logs, source) if logs else no_logs(source)
        submission = Submission(batch, 100, 0.0, Nobody())
        self.writer.submit(submission)
        return submission

    def store(self, *logs: bytes, source: str = "web") -> list[Answer]:
        """Submit logs and return what became of them."""
        submission = self.submit(*logs, source=source)
        commit = self.commits.get(timeout=PATIENCE)
        assert commit.submissions == [submission]
        return answers(submission)

    def refused(self, *logs: bytes) -> Refusal | None:
        """Submit logs and return why they were refused."""
        submission = self.submit(*logs)
        commit = self.commits.get(timeout=PATIENCE)
        assert (commit.submissions, new_logs(commit), commit.last_seq) == ([submission], [], None)
        assert submission.stored is None
        return submission.refusal

    def rows(self) -> list[Row]:
        return stored_rows(self.path)


def answers(submission: Submission) -> list[Answer]:
    """Return what became of the logs of a submission that was stored."""
    assert submission.refusal is None
    if submission.stored is None:
        assert not submission.decoded.ids
        return []
    seqs, known = submission.stored.seqs, submission.stored.known
    return list(zip(submission.decoded.ids, seqs, known or [False] * len(seqs), strict=True))


def stored_rows(path: Path) -> list[Row]:
    with closing(apsw.Connection(str(path))) as connection:
        found = connection.execute("SELECT * FROM logs ORDER BY seq").fetchall()
    return cast("list[Row]", found)


def as_row(log: StoredLog) -> Row:
    values = [getattr(log, name) for name in log.__struct_fields__]
    return cast("Row", (*values[:-1], bytes(log.attributes).decode()))


def log(log_id: str | None = None, message: str = "m", **members: object) -> bytes:
    return msgspec.json.encode({"id": log_id, "type": "info", "message": message} | members)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Bench]:
    """A writer that was not started: all that is submitted waits for one transaction."""
    bench = Bench(tmp_path / "logs.db")
    yield bench
    bench.writer.stop()


@pytest.fixture
def bench(idle: Bench) -> Bench:
    """A writer at work."""
    idle.writer.start()
    return idle


def test_log_is_stored_as_it_was_given(bench: Bench) -> None:
    given_log = log("a", "grüße\x00💧", type="error", timestamp=1_700_000_000_000, k=[1, None])
    assert bench.store(given_log, source="pump-1") == [("a", 1, False)]
    assert bench.rows() == [
        (1, "a", "error", 1_700_000_000_000, NOON, "pump-1", "grüße\x00💧", '{"k":[1,null]}')
    ]


def test_log_without_timestamp_happened_when_it_was_received(bench: Bench) -> None:
    bench.store(log("a"), log("b", timestamp=1_795_514_400))
    assert [(row[3], row[4]) for row in bench.rows()] == [(NOON, NOON), (1_795_514_400_000, NOON)]


def test_commit_tells_its_logs_as_stored_and_its_time(bench: Bench) -> None:
    bench.submit(log("a", k={"n": [1.5, "\x00"]}), log("b", timestamp=5))
    commit = bench.commits.get(timeout=PATIENCE)
    assert (commit.committed_at, commit.last_seq) == (NOON, 2)
    assert [as_row(each) for each in new_logs(commit)] == bench.rows()


def test_commit_tells_only_logs_that_are_new(bench: Bench) -> None:
    bench.store(log("a"))
    bench.submit(log("b"), log("a"), log("b"), log("c"))
    commit = bench.commits.get(timeout=PATIENCE)
    assert [each.id for each in new_logs(commit)] == ["b", "c"]
    assert [as_row(each) for each in new_logs(commit)] == bench.rows()[1:]
    assert commit.last_seq == bench.rows()[-1][0]


def test_waiting_logs_go_into_one_transaction(idle: Bench) -> None:
    submissions = [idle.submit(log(f"id {number}")) for number in range(100)]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    assert [answers(each) for each in submissions] == [
        [(f"id {number}", number + 1, False)] for number in range(100)
    ]


def test_transaction_has_upper_bound_and_splits_no_submission(idle: Bench) -> None:
    # Two of these fit, with what a row takes besides its message; a third does not.
    part = log(message="x" * (MAX_COMMIT_SIZE // 2 - 200))
    submissions = [idle.submit(part), idle.submit(part), idle.submit(part), idle.submit(log())]
    submissions += [idle.submit(*[part] * 3), idle.submit(log())]
    idle.writer.start()
    commits = [idle.commits.get(timeout=PATIENCE) for _ in range(4)]
    assert [list(commit.submissions) for commit in commits] == [
        submissions[0:2],
        submissions[2:4],
        submissions[4:5],
        submissions[5:6],
    ]
    seqs = [seq for each in submissions for _, seq, _ in answers(each)]
    assert seqs == list(range(1, 9))


def test_weight_is_rows_and_allowance(idle: Bench) -> None:
    submission = idle.submit(log("a"), log("b", "x" * 1_000))
    rows = len(submission.decoded.rows)
    assert rows > 1_000
    assert submission.weight == rows + 2 * LOG_OVERHEAD + SUBMISSION_OVERHEAD
    assert idle.submit().weight == SUBMISSION_OVERHEAD


def test_seq_ascends_without_gaps_over_many_commits(bench: Bench) -> None:
    stored = [bench.store(log(), log(), log()) for _ in range(20)]
    seqs = [seq for each in stored for _, seq, _ in each]
    assert seqs == list(range(1, 61))
    assert bench.writer.last_seq == 60
    assert [row[0] for row in bench.rows()] == seqs


def test_duplicates_may_leave_gaps_and_seq_goes_on_behind_last_new_log(bench: Bench) -> None:
    bench.store(log("a"))
    bench.store(log("a"), log("b"), log("a"), log("c"), log("b"))
    assert [(row[0], row[1]) for row in bench.rows()] == [(1, "a"), (3, "b"), (5, "c")]
    assert bench.writer.last_seq == 5
    assert bench.store(log("d")) == [("d", 6, False)]


def test_duplicate_in_later_commit_gets_first_seq(bench: Bench) -> None:
    bench.store(log("a"), log("b"))
    assert bench.store(log("b", "changed"), log("a", "changed")) == [
        ("b", 2, True),
        ("a", 1, True),
    ]
    assert [row[6] for row in bench.rows()] == ["m", "m"]


def test_duplicate_within_submission_gets_first_seq(bench: Bench) -> None:
    found = bench.store(log("a", "first"), log("a", "second"), log("b"), log("a"))
    assert found == [("a", 1, False), ("a", 1, True), ("b", 3, False), ("a", 1, True)]
    assert [row[6] for row in bench.rows()] == ["first", "m"]


def test_duplicate_within_transaction_gets_first_seq(idle: Bench) -> None:
    first, second = idle.submit(log("a"), log("b")), idle.submit(log("c"), log("a"), log("d"))
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == [first, second]
    assert answers(first) == [("a", 1, False), ("b", 2, False)]
    assert answers(second) == [("c", 3, False), ("a", 1, True), ("d", 5, False)]
    assert [as_row(each) for each in new_logs(commit)] == idle.rows()


def test_commit_of_duplicates_alone_has_answers_and_moves_nothing(bench: Bench) -> None:
    bench.store(log("a"))
    bench.clock.now += 5
    submission = bench.submit(log("a"), log("a"))
    commit = bench.commits.get(timeout=PATIENCE)
    assert (new_logs(commit), commit.last_seq) == ([], None)
    assert answers(submission) == [("a", 1, True), ("a", 1, True)]
    assert bench.writer.last_seq == 1
    bench.clock.now -= 5
    assert bench.store(log("b")) == [("b", 2, False)]
    assert [row[4] for row in bench.rows()] == [NOON, NOON]


def test_id_is_unique_within_its_source_only(bench: Bench) -> None:
    assert bench.store(log("a"), source="x") == [("a", 1, False)]
    assert bench.store(log("a"), source="y") == [("a", 2, False)]
    assert bench.store(log("a"), source="x") == [("a", 1, True)]
    assert bench.store(log("a"), source="y") == [("a", 2, True)]


def test_submission_without_logs_is_answered_in_its_turn(idle: Bench) -> None:
    submissions = [idle.submit(), idle.submit(log("a")), idle.submit(), idle.submit(log("b"))]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    assert [len(answers(each)) for each in submissions] == [0, 1, 0, 1]


def test_submission_without_logs_is_answered_also_when_it_is_alone(bench: Bench) -> None:
    assert bench.store() == []
    assert bench.store(log("a")) == [("a", 1, False)]


def test_received_at_never_goes_back_although_clock_does(bench: Bench) -> None:
    for moment in (NOON, NOON + 5, NOON - 3_600_000, 0, NOON + 4, NOON + 6):
        bench.clock.now = moment
        bench.store(log())
    received = [row[4] - NOON for row in bench.rows()]
    assert received == [0, 5, 5, 5, 5, 6]


def test_received_at_does_not_go_back_over_restart(bench: Bench) -> None:
    bench.store(log())
    bench.writer.stop()
    again = Bench(bench.path)
    again.clock.now = NOON - 3_600_000
    again.writer.start()
    again.store(log())
    again.writer.stop()
    assert [row[4] for row in again.rows()] == [NOON, NOON]


def test_log_after_look_at_wrong_clock_is_dated_by_right_one(bench: Bench) -> None:
    for moment in (NOON, NOON + YEAR, NOON + 7):
        bench.clock.now = moment
        bench.store(log())
    assert [(row[3] - NOON, row[4] - NOON) for row in bench.rows()] == [
        (0, 0),
        (YEAR, YEAR),
        (7, YEAR),
    ]


def test_commit_tells_logs_as_stored_while_received_at_is_ahead(bench: Bench) -> None:
    bench.clock.now = NOON + YEAR
    bench.store(log("a"))
    bench.clock.now = NOON
    bench.submit(log("b"))
    commit = bench.commits.get(timeout=PATIENCE)
    assert [as_row(each) for each in new_logs(commit)] == bench.rows()[1:]


def test_writer_warns_while_received_at_is_ahead_of_clock(bench: Bench) -> None:
    bench.clock.now = NOON + YEAR
    bench.store(log())
    assert bench.writer.warnings() == []
    bench.clock.now = NOON
    (warning,) = bench.writer.warnings()
    assert "received_at of the last logs is 2027-11-23 12:00:00 UTC" in warning
    bench.clock.now = NOON + YEAR
    assert bench.writer.warnings() == []


def test_archived_log_is_known_although_received_at_is_ahead(bench: Bench) -> None:
    bench.store(log("a"))
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("INSERT INTO archived_ids SELECT source, id, seq, received_at FROM logs")
        other.execute("UPDATE seam SET archived_through = 1")
        other.execute("DELETE FROM logs")
    bench.clock.now = NOON + YEAR
    bench.store(log("b"))
    bench.clock.now = NOON + WINDOW
    assert bench.store(log("a")) == [("a", 1, True)]


def test_seq_and_duplicates_go_on_after_restart(bench: Bench) -> None:
    bench.store(log("a"), log("b"))
    bench.writer.stop()
    again = Bench(bench.path)
    again.writer.start()
    assert again.writer.last_seq == 2
    assert again.store(log("c"), log("a")) == [("c", 3, False), ("a", 1, True)]
    again.writer.stop()


@pytest.mark.parametrize("kept", [0, 2])
def test_seq_goes_on_after_logs_were_archived_and_removed(bench: Bench, kept: int) -> None:
    bench.store(*[log() for _ in range(10)])
    bench.writer.stop()
    with closing(apsw.Connection(str(bench.path))) as connection:
        connection.execute("UPDATE seam SET archived_through = ?", (10 - kept,))
        connection.execute("DELETE FROM logs WHERE seq <= ?", (10 - kept,))
    again = Bench(bench.path)
    assert again.writer.last_seq == 10
    again.writer.start()
    assert again.store(log("new")) == [("new", 11, False)]
    again.writer.stop()


def test_seq_goes_on_behind_what_is_archived_but_not_yet_removed(bench: Bench) -> None:
    bench.store(*[log() for _ in range(10)])
    bench.writer.stop()
    with closing(apsw.Connection(str(bench.path))) as connection:
        connection.execute("UPDATE seam SET archived_through = 7")
    again = Bench(bench.path)
    again.writer.start()
    assert again.store(log("new")) == [("new", 11, False)]
    again.writer.stop()


def test_archived_log_is_known_for_window_that_writer_was_given(bench: Bench) -> None:
    bench.store(log("a"))
    with closing(apsw.Connection(str(bench.path))) as connection:
        connection.execute("INSERT INTO archived_ids SELECT source, id, seq, received_at FROM logs")
        connection.execute("DELETE FROM logs; UPDATE seam SET archived_through = 1")
    bench.clock.now += WINDOW
    assert bench.store(log("a"), log("b")) == [("a", 1, True), ("b", 3, False)]
    bench.clock.now += 1
    assert bench.store(log("a")) == [("a", 4, False)]


def test_stopping_commits_what_waits_and_can_be_done_twice(idle: Bench) -> None:
    submissions = [idle.submit(log(), log()) for _ in range(50)]
    idle.writer.start()
    idle.writer.stop()
    idle.writer.stop()
    assert [len(answers(each)) for each in submissions] == [2] * 50
    assert len(idle.rows()) == 100


def test_writer_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    Bench(tmp_path / "logs.db").writer.stop()


def test_commit_is_synced_before_it_is_answered(bench: Bench) -> None:
    assert bench.writer._connection.pragma("synchronous") == 2  # FULL
    assert bench.writer._connection.pragma("journal_mode") == "wal"


def test_answer_is_visible_to_every_reader(bench: Bench) -> None:
    for number in range(1, 30):
        bench.store(log())
        with closing(apsw.Connection(str(bench.path))) as reader:
            assert reader.execute("SELECT max(seq) FROM logs").get == number


@pytest.mark.logs
def test_full_disk_refuses_all_and_stores_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.store(log("before"))
    connection = bench.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    for _ in range(2):
        assert bench.refused(log("small"), log("large", "x" * 100_000)) is Refusal.STORAGE_FULL
        assert bench.writer.refusal is Refusal.STORAGE_FULL
    assert [row[1] for row in bench.rows()] == ["before"]
    assert bench.writer.last_seq == 1
    # Once, not for every commit.
    assert [record.getMessage() for record in caplog.records] == [
        "logs cannot be stored and are refused until they can: database or disk is full"
    ]


@pytest.mark.logs
def test_full_disk_refuses_batch_with_duplicates_as_whole(bench: Bench) -> None:
    bench.store(log("a"))
    connection = bench.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    batch = [log("b"), log("a"), log("c", "x" * 100_000)]
    assert bench.refused(*batch) is Refusal.STORAGE_FULL
    assert [row[1] for row in bench.rows()] == ["a"]
    connection.pragma("max_page_count", 1_000_000)
    assert bench.store(*batch) == [("b", 2, False), ("a", 1, True), ("c", 4, False)]


@pytest.mark.logs
def test_room_on_disk_clears_refusal(bench: Bench) -> None:
    connection = bench.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    large = log("large", "x" * 100_000)
    assert bench.refused(large) is Refusal.STORAGE_FULL
    connection.pragma("max_page_count", 1_000_000)
    assert bench.store(large) == [("large", 1, False)]
    assert bench.writer.refusal is None


@pytest.mark.logs
def test_all_submissions_of_refused_transaction_are_refused(idle: Bench) -> None:
    connection = idle.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    submissions = [idle.submit(log("a")), idle.submit(), idle.submit(log("b", "x" * 100_000))]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    full = Refusal.STORAGE_FULL
    assert [each.refusal for each in submissions] == [full, None, full]
    assert idle.rows() == []


@pytest.mark.logs
def test_other_failure_of_storage_is_storage_failed(bench: Bench) -> None:
    bench.writer._connection.set_busy_timeout(0)
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert bench.refused(log("a")) is Refusal.STORAGE_FAILED
        other.execute("ROLLBACK")
    assert bench.store(log("a")) == [("a", 1, False)]
    assert bench.writer.refusal is None


# What is done to the files meanwhile


def replace_by_copy(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


def remove_wal(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def remove_shared_memory(path: Path) -> None:
    path.with_name(path.name + "-shm").unlink()


def rename_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.logs
@pytest.mark.parametrize(
    "harm", [Path.unlink, replace_by_copy, remove_wal, remove_shared_memory, rename_folder]
)
def test_no_log_is_acked_soon_after_files_are_gone(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    bench = Bench(folder / "logs.db")
    bench.writer.start()
    assert bench.store(log("a")) == [("a", 1, False)]
    harm(bench.path)
    harmed_at = time.monotonic()
    wait_until(lambda: time.monotonic() > harmed_at + PRESENCE_SECONDS)
    for log_id in ("b", "c"):
        assert bench.refused(log(log_id)) is Refusal.STORAGE_FAILED
    assert "was deleted or replaced while the server runs" in (bench.writer.trouble or "")
    bench.writer.stop()


@pytest.mark.slow
@pytest.mark.logs
def test_gone_folder_is_noticed_without_log_and_so_is_its_return(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    folder.mkdir()
    bench = Bench(folder / "logs.db")
    bench.writer.start()
    bench.store(log("a"))
    folder.rename(elsewhere)
    wait_until(lambda: bench.writer.trouble)
    assert bench.refused(log("b")) is Refusal.STORAGE_FAILED
    elsewhere.rename(folder)
    wait_until(lambda: bench.writer.trouble is None)
    assert bench.store(log("b")) == [("b", 2, False)]
    bench.writer.stop()
    assert [row[1] for row in bench.rows()] == ["a", "b"]
    assert len(caplog.records) == 1


# The write-ahead log


@pytest.fixture
def small_wal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "WAL_SIZE_LIMIT", 2**16)
    monkeypatch.setattr(checkpoints, "LARGE_WAL", 2**17)


@pytest.mark.slow
@pytest.mark.usefixtures("small_wal")
def test_writer_warns_of_reader_that_holds_wal(bench: Bench) -> None:
    bench.store(log("a"))
    with closing(apsw.Connection(str(bench.path))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM logs").fetchall()
        bench.store(log("b", "x" * 500_000))
        wait_until(bench.writer.warnings)
        (warning,) = bench.writer.warnings()
        assert "logs.db-wal has" in warning
        assert "keeps a transaction open" in warning
    wait_until(lambda: not bench.writer.warnings())


@pytest.mark.slow
@pytest.mark.usefixtures("small_wal")
def test_writer_warns_of_checkpoint_that_fails(tmp_path: Path) -> None:
    with faulty_disk(2**60, apsw.IOError, lasts=True) as disk:
        bench = Bench(tmp_path / "logs.db")
        bench.writer.start()
        bench.store(
            log("first")
        )  # after which the writer looks at the WAL, and a second later again
        bench.store(log("a", "x" * 500_000))
        disk._first = disk.steps
        wait_until(bench.writer.warnings)
        assert "cannot be written back to the database" in bench.writer.warnings()[0]
        assert bench.writer.refusal is None
        disk._first = 2**60
        wait_until(lambda: not bench.writer.warnings())
        bench.writer.stop()


def test_another_process_that_writes_for_moment_is_waited_for(bench: Bench) -> None:
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        submission = bench.submit(log("a"))
        other.execute("COMMIT")
    bench.commits.get(timeout=PATIENCE)
    assert answers(submission) == [("a", 1, False)]


def test_commit_tells_where_it_began_and_how_long_it_took(bench: Bench) -> None:
    before = time.perf_counter()
    bench.submit(log("a"), log("b"))
    first = bench.commits.get(timeout=PATIENCE)
    bench.submit(log("a"))
    again = bench.commits.get(timeout=PATIENCE)
    assert [(each.after, each.last_seq) for each in (first, again)] == [(0, 2), (2, None)]
    assert before <= first.begun <= first.durable <= again.begun <= again.durable


def test_threads_that_submit_at_once_each_get_their_answers_in_order(bench: Bench) -> None:
    threads, times = 4, 200
    submitted: dict[int, list[Submission]] = {number: [] for number in range(threads)}

    def work(number: int) -> None:
        for index in range(times):
            submitted[number].append(bench.submit(log(f"{number}-{index}")))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    bench.writer.stop()
    for number, submissions in submitted.items():
        found = [answer for each in submissions for answer in answers(each)]
        assert [log_id for log_id, _, _ in found] == [f"{number}-{i}" for i in range(times)]
        seqs = [seq for _, seq, _ in found]
        assert seqs == sorted(seqs)
    assert [row[0] for row in bench.rows()] == list(range(1, threads * times + 1))


ids = st.sampled_from([None, "a", "b", "c", "d"])
batches = st.lists(
    st.tuples(st.sampled_from(["x", "y"]), st.lists(ids, max_size=4), st.booleans()), max_size=12
)


def model(
    given: Sequence[tuple[str, list[str | None], bool]],
) -> list[list[tuple[int, bool]]]:
    """Return which new log each one is, counted from 1, and whether it came again."""
    first: dict[tuple[str, str], int] = {}
    last, found = 0, []
    for source, logs, _ in given:
        answer = []
        for log_id in logs:
            known = first.get((source, log_id)) if log_id else None
            if known is None:
                last += 1
                if log_id:
                    first[source, log_id] = last
            answer.append((known or last, known is not None))
        found.append(answer)
    return found


@pytest.mark.slow
@costly(120)
@given(batches)
def test_any_order_of_batches_and_restarts_gives_each_log_one_seq(
    given_batches: list[tuple[str, list[str | None], bool]],
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "logs.db"
        bench = Bench(path)
        submissions = []
        for source, logs, restart in given_batches:
            submissions.append(bench.submit(*map(log, logs), source=source))
            if restart:
                bench.writer.start()
                bench.writer.stop()
                bench = Bench(path)
        bench.writer.start()
        bench.writer.stop()
        found = [answers(each) for each in submissions]
        seqs = [seq for each in found for _, seq, is_known in each if not is_known]
        assert seqs == sorted(set(seqs))  # in the order of the logs, none twice
        numbers = {seq: number for number, seq in enumerate(seqs, 1)}
        plain = [[(numbers[seq], is_known) for _, seq, is_known in each] for each in found]
        assert plain == model(given_batches)
        assert [row[0] for row in bench.rows()] == seqs
        assert bench.writer.last_seq == max(seqs, default=0)


# An index of attributes is made and removed beside commits


def indexed_values(path: Path) -> list[tuple[object, ...]]:
    statement = "SELECT name, value, seq FROM attribute_values JOIN indexed_attributes USING "
    with closing(apsw.Connection(str(path))) as connection:
        rows = connection.execute(f"{statement} (attribute) ORDER BY name, seq").fetchall()
    return cast("list[tuple[object, ...]]", rows)


def store_until_indexed(bench: Bench, seq: int) -> int:
    """Store one log after the other until nothing is left to index; return the next number."""
    bench.writer.start()
    while True:
        is_pending = bench.writer._index.is_pending
        assert bench.store(log(f"{seq}", n=seq, of={"n": f"{seq}"})) == [(f"{seq}", seq, False)]
        seq += 1
        if not is_pending:
            bench.writer.stop()
            return seq


def test_logs_are_stored_while_attributes_of_earlier_ones_are_indexed(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    plain = Bench(path)
    plain.writer.start()
    logs = [log(f"{seq}", n=seq, of={"n": f"{seq}"}) for seq in range(1, 5_001)]
    plain.store(*logs)
    plain.writer.stop()
    next_seq = store_until_indexed(Bench(path, ["n", "of.n"]), 5_001)
    seqs = range(1, next_seq)
    both = [("n", seq, seq) for seq in seqs] + [("of.n", f"{seq}", seq) for seq in seqs]
    assert indexed_values(path) == both
    next_seq = store_until_indexed(Bench(path, ["n"]), next_seq)
    assert indexed_values(path) == [("n", seq, seq) for seq in range(1, next_seq)]
    store_until_indexed(Bench(path), next_seq)
    assert indexed_values(path) == []


def test_attribute_named_again_while_its_values_go_has_all(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    next_seq = store_until_indexed(Bench(path, ["n"]), 1)
    Bench(path).writer.stop()
    next_seq = store_until_indexed(Bench(path, ["n"]), next_seq)
    assert indexed_values(path) == [("n", seq, seq) for seq in range(1, next_seq)]


def test_writer_killed_while_it_indexes_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    first = Bench(path)
    first.writer.start()
    first.store(*(log(f"{seq}", n=seq) for seq in range(1, 2_001)))
    first.writer.stop()
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        AttributeIndex(connection, ["n"]).step(is_idle=True)  # and no more than that
    assert 0 < len(indexed_values(path)) < 2_000
    next_seq = store_until_indexed(Bench(path, ["n"]), 2_001)
    assert indexed_values(path) == [("n", seq, seq) for seq in range(1, next_seq)]
