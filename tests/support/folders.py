"""Data folders filled by the real writer in this process, without a server."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import apsw
import msgspec

from server.decode.frames import read_frames
from server.submissions import Submission
from server.writer import Commit, Writer
from waterline.records import timestamp_of
from waterline.storage.folder import DataFolder

Log = Mapping[str, object]
"""A log as a producer sends it: the members of the JSON object."""

NOON: Final = 1_773_748_800_000
"""2026-03-17 12:00 UTC, when logs come in unless a test says otherwise."""

Answer = tuple[str, int, bool]
"""A stored log's id, its seq, and whether it was there already."""

DAY: Final = 86_400_000

_RUN_SQL: Final = """
import json, sys, apsw
connection = apsw.Connection(sys.argv[1])
for statement in sys.argv[2:]:
    rows = list(connection.execute(statement))
connection.close()
print(json.dumps(rows))
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Logs of one source that come in together and are committed together."""

    logs: Sequence[Log]
    source: str = "test"
    received_at: int = NOON


class Nobody:
    """Hands logs over and does not wait to hear of them."""

    def answer(self, submission: Submission, committed_at: int) -> None:
        """Let it be."""


def fill(
    path: Path, logs: Iterable[Log] = (), *, source: str = "test", received_at: int = NOON
) -> list[Answer]:
    """Store logs in a data folder, made where it is missing; return what was answered.

    The file is closed before this returns: the workbench opens it with another SQLite library,
    and two of them in one process drop each other's locks.
    """
    return fill_batches(path, [Batch(list(logs), source, received_at)])


def fill_batches(
    path: Path, batches: Iterable[Batch], *, indexed: Sequence[str] = ()
) -> list[Answer]:
    """Store batches one after the other, each in a commit of its own."""
    folder = DataFolder(path)
    folder.create()
    now = 0
    commits: SimpleQueue[Commit] = SimpleQueue()
    writer = Writer(folder.logs, commits.put, DAY, clock=lambda: now, indexed=indexed)
    answers: list[Answer] = []
    try:
        writer.start()
        for batch in batches:
            now = batch.received_at
            frames = [msgspec.json.encode(exactly(log)) for log in batch.logs]
            given = read_frames(frames, batch.source)
            assert not given.outcomes, "every log that is given must be valid"
            writer.submit(Submission(given, 0, 0.0, Nobody()))
            (done,) = commits.get(timeout=30).submissions
            assert done.refusal is None, done.refusal
            if done.stored is None:  # there were no logs
                continue
            known = done.stored.known or [False] * len(given.ids)
            answers += zip(given.ids, done.stored.seqs, known, strict=True)
    finally:
        writer.stop()
    return answers


def exactly(log: Log) -> Log:
    """Return a log whose number as `timestamp` is milliseconds, whatever its size."""
    moment = log.get("timestamp")
    return {**log, "timestamp": timestamp_of(moment)} if isinstance(moment, int) else log


def alter(path: Path, *statements: str) -> None:
    """Change a database by SQL that Waterline itself would not, and close it."""
    connection = apsw.Connection(str(path))
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def alter_elsewhere(path: Path, *statements: str) -> list[list[object]]:
    """Do the same in a process of its own, for a file that this one has open.

    Returns:
        The rows of the last statement.
    """
    done = subprocess.run(
        [sys.executable, "-c", _RUN_SQL, str(path), *statements],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=list[list[object]])
