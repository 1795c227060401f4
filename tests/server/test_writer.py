"""The writer on a real file: seq, duplicates, order of answers, and what a full disk leaves."""

import queue
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.monitor.performance import PerformanceMonitor
from server.records import Record
from server.writer import MAX_COMMIT_LOGS, Answer, Commit, Refusal, Row, Submission, Writer
from tests.support.clock import NOON, Clock
from tests.support.processes import PATIENCE


class Bench:
    """A writer on a real file; its commits are collected in their order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.monitor = PerformanceMonitor()
        self.commits: queue.Queue[Commit] = queue.Queue()
        self.writer = Writer(path, self.monitor, self.commits.put, self.clock)

    def submit(self, *records: Record, source: str = "web") -> Submission:
        submission = Submission(records, source, 100, 0.0, None)
        self.writer.submit(submission)
        return submission

    def store(self, *records: Record, source: str = "web") -> list[Answer]:
        """Submit records and return their answers."""
        submission = self.submit(*records, source=source)
        commit = self.commits.get(timeout=PATIENCE)
        assert commit.submissions == [submission]
        assert submission.refusal is None
        return submission.answers

    def refused(self, *records: Record) -> Refusal | None:
        """Submit records and return why they were refused."""
        submission = self.submit(*records)
        commit = self.commits.get(timeout=PATIENCE)
        assert (commit.submissions, commit.rows, submission.answers) == ([submission], [], [])
        return submission.refusal

    def rows(self) -> list[Row]:
        return stored_rows(self.path)


def stored_rows(path: Path) -> list[Row]:
    with closing(apsw.Connection(str(path))) as connection:
        found = connection.execute("SELECT * FROM logs ORDER BY seq").fetchall()
    return cast("list[Row]", found)


def log(log_id: str | None = None, message: str = "m", timestamp: int | None = None) -> Record:
    return Record(log_id, "info", timestamp, message, "{}")


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


def test_a_log_is_stored_as_it_was_given(bench: Bench) -> None:
    record = Record("a", "error", 1_700_000_000_000, "grüße\x00💧", '{"k":[1,null]}')
    assert bench.store(record, source="pump-1") == [("a", 1, False)]
    assert bench.rows() == [
        (1, "a", "error", 1_700_000_000_000, NOON, "pump-1", "grüße\x00💧", '{"k":[1,null]}')
    ]


def test_a_log_without_a_timestamp_happened_when_it_was_received(bench: Bench) -> None:
    bench.store(log("a"), log("b", timestamp=5))
    assert [(row[3], row[4]) for row in bench.rows()] == [(NOON, NOON), (5, NOON)]


def test_a_commit_tells_its_rows_as_stored_and_its_time(bench: Bench) -> None:
    bench.submit(log("a"), log("b"))
    commit = bench.commits.get(timeout=PATIENCE)
    assert commit.committed_at == NOON
    assert list(commit.rows) == bench.rows()


def test_all_that_waits_goes_into_one_transaction(idle: Bench) -> None:
    submissions = [idle.submit(log(f"id {number}")) for number in range(100)]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    assert [each.answers for each in submissions] == [
        [(f"id {number}", number + 1, False)] for number in range(100)
    ]


@pytest.mark.slow
def test_a_transaction_has_an_upper_bound_and_splits_no_submission(idle: Bench) -> None:
    half = [log(None, "x")] * (MAX_COMMIT_LOGS // 2)
    submissions = [idle.submit(*half), idle.submit(*half), idle.submit(*half, log())]
    submissions += [idle.submit(*half * 3), idle.submit(log())]
    idle.writer.start()
    commits = [idle.commits.get(timeout=PATIENCE) for _ in range(4)]
    assert [list(commit.submissions) for commit in commits] == [
        submissions[0:2],
        submissions[2:3],
        submissions[3:4],
        submissions[4:5],
    ]
    answers = [answer for each in submissions for answer in each.answers]
    assert [seq for _, seq, _ in answers] == list(range(1, len(answers) + 1))


def test_seq_ascends_without_gaps_over_many_commits(bench: Bench) -> None:
    seqs = [bench.store(log(), log(), log()) for _ in range(20)]
    flat = [seq for answers in seqs for _, seq, _ in answers]
    assert flat == list(range(1, 61))
    assert bench.writer.last_seq == 60
    assert [row[0] for row in bench.rows()] == flat


def test_duplicates_use_up_no_seq(bench: Bench) -> None:
    bench.store(log("a"))
    bench.store(log("a"), log("b"), log("a"), log("c"))
    assert [(row[0], row[1]) for row in bench.rows()] == [(1, "a"), (2, "b"), (3, "c")]
    assert bench.store(log("d")) == [("d", 4, False)]


def test_a_duplicate_in_a_later_commit_gets_the_first_seq(bench: Bench) -> None:
    bench.store(log("a"), log("b"))
    assert bench.store(log("b", "changed"), log("a", "changed")) == [
        ("b", 2, True),
        ("a", 1, True),
    ]
    assert [row[6] for row in bench.rows()] == ["m", "m"]


def test_a_duplicate_within_a_submission_gets_the_first_seq(bench: Bench) -> None:
    answers = bench.store(log("a", "first"), log("a", "second"), log("b"), log("a"))
    assert answers == [("a", 1, False), ("a", 1, True), ("b", 2, False), ("a", 1, True)]
    assert [row[6] for row in bench.rows()] == ["first", "m"]


def test_a_duplicate_within_a_transaction_gets_the_first_seq(idle: Bench) -> None:
    first, second = idle.submit(log("a"), log("b")), idle.submit(log("c"), log("a"), log("d"))
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == [first, second]
    assert first.answers == [("a", 1, False), ("b", 2, False)]
    assert second.answers == [("c", 3, False), ("a", 1, True), ("d", 4, False)]
    assert list(commit.rows) == idle.rows()


def test_a_commit_of_duplicates_alone_has_answers_and_no_rows(bench: Bench) -> None:
    bench.store(log("a"))
    submission = bench.submit(log("a"))
    commit = bench.commits.get(timeout=PATIENCE)
    assert commit.rows == []
    assert submission.answers == [("a", 1, True)]
    assert bench.writer.last_seq == 1


def test_an_id_is_unique_within_its_source_only(bench: Bench) -> None:
    assert bench.store(log("a"), source="x") == [("a", 1, False)]
    assert bench.store(log("a"), source="y") == [("a", 2, False)]
    assert bench.store(log("a"), source="x") == [("a", 1, True)]
    assert bench.store(log("a"), source="y") == [("a", 2, True)]


def test_ids_that_differ_in_case_or_by_a_zero_character_are_different(bench: Bench) -> None:
    answers = bench.store(log("a"), log("A"), log("a\x00"), log("a\x00b"), log("a "))
    assert [duplicate for _, _, duplicate in answers] == [False] * 5


def test_ids_made_here_are_uuids_that_sort_by_time(bench: Bench) -> None:
    found = [log_id for _ in range(5) for log_id, _, _ in bench.store(*[log()] * 500)]
    assert found == sorted(set(found))
    assert {uuid.UUID(log_id).version for log_id in found} == {7}
    assert [row[1] for row in bench.rows()] == found


def test_a_submission_without_logs_is_answered_in_its_turn(idle: Bench) -> None:
    submissions = [idle.submit(), idle.submit(log("a")), idle.submit(), idle.submit(log("b"))]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    assert [len(each.answers) for each in submissions] == [0, 1, 0, 1]


def test_a_submission_without_logs_is_answered_also_when_it_is_alone(bench: Bench) -> None:
    assert bench.store() == []
    assert bench.store(log("a")) == [("a", 1, False)]


def test_received_at_never_goes_back_although_the_clock_does(bench: Bench) -> None:
    for moment in (NOON, NOON + 5, NOON - 3_600_000, 0, NOON + 4, NOON + 6):
        bench.clock.now = moment
        bench.store(log())
    received = [row[4] - NOON for row in bench.rows()]
    assert received == [0, 5, 5, 5, 5, 6]


def test_received_at_does_not_go_back_over_a_restart(bench: Bench) -> None:
    bench.store(log())
    bench.writer.stop()
    again = Bench(bench.path)
    again.clock.now = NOON - 3_600_000
    again.writer.start()
    again.store(log())
    again.writer.stop()
    assert [row[4] for row in again.rows()] == [NOON, NOON]


def test_seq_and_duplicates_go_on_after_a_restart(bench: Bench) -> None:
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


def test_stopping_commits_what_waits_and_can_be_done_twice(idle: Bench) -> None:
    submissions = [idle.submit(log(), log()) for _ in range(50)]
    idle.writer.start()
    idle.writer.stop()
    idle.writer.stop()
    assert [len(each.answers) for each in submissions] == [2] * 50
    assert len(idle.rows()) == 100


def test_a_writer_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    Bench(tmp_path / "logs.db").writer.stop()


def test_a_commit_is_synced_before_it_is_answered(bench: Bench) -> None:
    assert bench.writer._connection.pragma("synchronous") == 2  # FULL
    assert bench.writer._connection.pragma("journal_mode") == "wal"


def test_an_answer_is_visible_to_every_reader(bench: Bench) -> None:
    for number in range(1, 30):
        bench.store(log())
        with closing(apsw.Connection(str(bench.path))) as reader:
            assert reader.execute("SELECT max(seq) FROM logs").get == number


@pytest.mark.logs
def test_a_full_disk_refuses_all_and_stores_nothing(
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
def test_a_full_disk_refuses_a_batch_with_duplicates_as_a_whole(bench: Bench) -> None:
    bench.store(log("a"))
    connection = bench.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    batch = [log("b"), log("a"), log("c", "x" * 100_000)]
    assert bench.refused(*batch) is Refusal.STORAGE_FULL
    assert [row[1] for row in bench.rows()] == ["a"]
    connection.pragma("max_page_count", 1_000_000)
    assert bench.store(*batch) == [("b", 2, False), ("a", 1, True), ("c", 3, False)]


@pytest.mark.logs
def test_room_on_the_disk_clears_the_refusal(bench: Bench) -> None:
    connection = bench.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    large = log("large", "x" * 100_000)
    assert bench.refused(large) is Refusal.STORAGE_FULL
    connection.pragma("max_page_count", 1_000_000)
    assert bench.store(large) == [("large", 1, False)]
    assert bench.writer.refusal is None


@pytest.mark.logs
def test_everyone_in_a_refused_transaction_is_told(idle: Bench) -> None:
    connection = idle.writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    submissions = [idle.submit(log("a")), idle.submit(), idle.submit(log("b", "x" * 100_000))]
    idle.writer.start()
    commit = idle.commits.get(timeout=PATIENCE)
    assert commit.submissions == submissions
    assert {each.refusal for each in submissions} == {Refusal.STORAGE_FULL}
    assert idle.rows() == []


@pytest.mark.logs
def test_any_other_failure_of_storage_is_called_so(bench: Bench) -> None:
    bench.writer._connection.set_busy_timeout(0)
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert bench.refused(log("a")) is Refusal.STORAGE_FAILED
        other.execute("ROLLBACK")
    assert bench.store(log("a")) == [("a", 1, False)]
    assert bench.writer.refusal is None


def test_another_process_that_writes_for_a_moment_is_waited_for(bench: Bench) -> None:
    with closing(apsw.Connection(str(bench.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        submission = bench.submit(log("a"))
        other.execute("COMMIT")
    bench.commits.get(timeout=PATIENCE)
    assert submission.answers == [("a", 1, False)]


def test_what_was_measured_counts_new_and_duplicate_logs(bench: Bench) -> None:
    error = Record("e", "error", None, "m", "{}")
    bench.store(log("a"), log("b"), error)
    bench.store(log("a"))
    bench.writer.stop()
    report = bench.monitor.report()
    assert bench.monitor.counts("logs_stored") == {"info": 2, "error": 1}
    assert report["logs_duplicate"]["count"] == 1
    assert report["ack_latency"]["count"] == 4
    assert report["commit_duration"]["count"] == 2
    assert (report["commit_logs"]["min"], report["commit_logs"]["max"]) == (1.0, 3.0)
    assert report["commit_bytes"]["max"] == 100.0


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
        answers = [answer for each in submissions for answer in each.answers]
        assert [log_id for log_id, _, _ in answers] == [f"{number}-{i}" for i in range(times)]
        seqs = [seq for _, seq, _ in answers]
        assert seqs == sorted(seqs)
    assert [row[0] for row in bench.rows()] == list(range(1, threads * times + 1))


ids = st.sampled_from([None, "a", "b", "c", "d"])
batches = st.lists(
    st.tuples(st.sampled_from(["x", "y"]), st.lists(ids, max_size=4), st.booleans()), max_size=12
)


def model(given: Sequence[tuple[str, list[str | None], bool]]) -> list[list[tuple[int, bool]]]:
    """Return the seq of each log and whether it is a duplicate, found in the plainest way."""
    first: dict[tuple[str, str], int] = {}
    last, answers = 0, []
    for source, logs, _ in given:
        answer = []
        for log_id in logs:
            known = first.get((source, log_id)) if log_id else None
            if known is None:
                last += 1
                if log_id:
                    first[source, log_id] = last
            answer.append((known or last, known is not None))
        answers.append(answer)
    return answers


@pytest.mark.slow
@settings(max_examples=30)
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
        answers = [[answer[1:] for answer in each.answers] for each in submissions]
        assert answers == model(given_batches)
        assert [row[0] for row in bench.rows()] == list(range(1, bench.writer.last_seq + 1))
