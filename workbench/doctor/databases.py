"""The databases: of our kind and version, sound, and their WALs."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.checkpoints import LARGE_WAL
from waterline.storage.folder import file_size
from waterline.storage.frozen import immutable, opening
from waterline.storage.integrity import faults_in
from waterline.storage.schema import LOGS, METRICS, Schema
from waterline.storage.sqlite import (
    made_by,
    one_moment,
    open_as,
    sqlite_errors,
)
from waterline.storage.watermark import Watermark, read_position, read_watermark
from waterline.units import human_size
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told, warning
from workbench.doctor.kernel import holders_of
from workbench.doctor.subject import Subject

QUICK_SECONDS: Final = 2.0
"""How long a database is read, unless all of it is wanted: a read holds back its WAL."""
_STEPS: Final = 10_000
_MOST_TOLD: Final = 3
_SAMPLES: Final = 20
_COPY: Final = "stop the server, put the file aside and restore a copy"


class UnreadableDatabase(DataFolderError):
    """A database that a check needs cannot be read.

    Args:
        path: the database.
        sentence: why not.
    """

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


@contextmanager
def looking(path: Path, subject: Subject) -> Iterator[apsw.Connection]:
    """Open a database for reading; one that nobody has open is read without a trace.

    Args:
        path: an existing database.
        subject: tells whether a process of ours has it open.

    Raises:
        UnreadableDatabase: it cannot be opened or read.
    """
    at_rest = subject.server is None and subject.archive_job is None
    wal = path.with_name(f"{path.name}-wal")
    look = immutable(path) if at_rest and not file_size(wal) else opening(path)
    try:
        with closing(open_as(look)) as connection, sqlite_errors(path):
            yield connection
    except DataFolderError as error:
        raise UnreadableDatabase(path, str(error)) from error
    except apsw.Error as error:
        raise UnreadableDatabase(path, f"{path} cannot be read: {error}") from error


def catalog_of(subject: Subject) -> tuple[Watermark, list[ArchivedBatch]]:
    """Return watermark and catalog, read in one short transaction.

    Raises:
        UnreadableDatabase: logs.db is of another version, or cannot be read.
    """
    path = subject.folder.logs
    with looking(path, subject) as connection, one_moment(connection):
        LOGS.check(path, *_kind(connection), lambda: made_by(connection))
        return read_watermark(connection), read_batches(connection)


def logs(subject: Subject) -> Iterator[Finding]:
    """Look at logs.db."""
    path = subject.folder.logs
    try:
        subject.folder.refuse_lost_logs()
    except DataFolderError as error:
        yield told(Verdict.FAULT, str(error))
        return
    if not file_size(path):
        yield skipped("there are no logs yet")
        return
    yield from _examined(path, LOGS, subject)


def metrics(subject: Subject) -> Iterator[Finding]:
    """Look at metrics.db, also whether it counts logs that logs.db does not have."""
    path = subject.folder.metrics
    if not file_size(path):
        yield skipped("nothing was measured yet")
        return
    found = [*_examined(path, METRICS, subject)]
    if all(each.verdict is Verdict.OK for each in found) and file_size(subject.folder.logs):
        found += _of_older_copy(subject)
    yield from found


def cache(subject: Subject) -> Iterator[Finding]:
    """Look at cache.db, which may be deleted at any time."""
    path = subject.folder.cache
    if not file_size(path):
        yield skipped("no answers are kept")
        return
    for each in _examined(path, None, subject):
        if each.verdict is Verdict.FAULT:
            yield warning(each.reason, f"delete it, as answers are made anew: rm {path}*")
        else:
            yield each


def wal(subject: Subject) -> Iterator[Finding]:
    """Look at the WALs, which grow while somebody reads for long."""
    found = [*_large(subject, subject.folder.logs), *_large(subject, subject.folder.metrics)]
    if found:
        yield from found
        return
    sizes = [
        f"{human_size(file_size(_beside(path, 'wal')))} of {path.name}"
        for path in (subject.folder.logs, subject.folder.metrics)
        if file_size(_beside(path, "wal"))
    ]
    waiting = "" if subject.server is not None or not sizes else ", which the next start takes in"
    yield ok(f"{' and '.join(sizes)}{waiting}" if sizes else "there is nothing in them")


def _large(subject: Subject, path: Path) -> Iterator[Finding]:
    size = file_size(_beside(path, "wal"))
    if size <= LARGE_WAL:
        return
    if subject.server is None:
        yield warning(
            f"{_beside(path, 'wal')} has {human_size(size)} that are not written back",
            "start the server, which takes it in, and stop it again",
        )
        return
    readers = [each for each in holders_of(_beside(path, "shm")) if each.pid != subject.server]
    named = f", such as {', '.join(map(str, readers[:_MOST_TOLD]))}" if readers else ""
    yield warning(
        f"{_beside(path, 'wal')} has {human_size(size)} and grows: a process that reads keeps a "
        "transaction open",
        f"end it{named}",
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}-{suffix}")


def _examined(path: Path, schema: Schema | None, subject: Subject) -> Iterator[Finding]:
    """Yield what is wrong with a database, or that it is sound."""
    try:
        with looking(path, subject) as connection:
            kind, version = _kind(connection)
            if schema is not None:
                schema.check(path, kind, version, lambda: made_by(connection))
            damage = _whole(connection) if subject.is_full else _quick(connection)
            if damage is None and kind == LOGS.application_id:
                _read_samples(connection)
    except DataFolderError as error:
        yield told(Verdict.FAULT, str(error))
        return
    size = human_size(path.stat().st_size)
    if damage:
        yield fault(f"{path} is damaged: {damage}", _COPY)
    elif damage is None:
        yield ok(f"{size}, of which a part was read in {QUICK_SECONDS:.0f} s; --full reads it all")
    else:
        later = ""
        if schema is not None and version < schema.version:
            later = f"; schema {version} goes up to {schema.version} at the next start"
        yield ok(f"{size}, sound{later}")


def _kind(connection: apsw.Connection) -> tuple[int, int]:
    """Return application id and version of a database."""
    kind, version = (connection.pragma(each) for each in ("application_id", "user_version"))
    return cast("int", kind), cast("int", version)


def _whole(connection: apsw.Connection) -> str:
    """Return what an integrity check says is wrong; empty if nothing is."""
    return _damage(faults_in(connection, _MOST_TOLD))


def _quick(connection: apsw.Connection) -> str | None:
    """Return the same of a quick check; None if it took too long."""
    connection.set_progress_handler(_until(time.monotonic() + QUICK_SECONDS), _STEPS)
    try:
        faults = faults_in(connection, _MOST_TOLD, "quick_check")
    except apsw.InterruptError:
        return None
    finally:
        connection.set_progress_handler(None)
    return _damage(faults)


def _until(end: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > end


def _damage(faults: list[str]) -> str:
    lines = [" ".join(text.split()) for text in faults]
    return "; ".join(lines).replace("; ", ", ")


def _read_samples(connection: apsw.Connection) -> None:
    """Read some hot logs across the whole table.

    Raises:
        apsw.Error: a page is damaged.
    """
    first, last = connection.execute(
        "SELECT ifnull(min(seq), 0), ifnull(max(seq), 0) FROM logs"
    ).fetchall()[0]
    step = max(1, (cast("int", last) - cast("int", first)) // _SAMPLES)
    for seq in range(cast("int", first), cast("int", last) + 1, step):
        connection.execute("SELECT * FROM logs WHERE seq >= ? LIMIT 50", (seq,)).fetchall()


def _of_older_copy(subject: Subject) -> Iterator[Finding]:
    """Yield a warning if metrics.db knows of later logs, as after a backup was put back."""
    folder = subject.folder
    with looking(folder.metrics, subject) as connection:
        row = connection.execute("SELECT incarnation, counted_through FROM progress").fetchall()[0]
    incarnation, counted = cast("tuple[str | None, int]", row)
    with looking(folder.logs, subject) as connection:
        last, past = read_position(connection).last_seq, read_watermark(connection).incarnation
    if incarnation == past and counted > last:
        yield warning(
            f"{folder.logs} ends at seq {last}, and {folder.metrics} has counted up to {counted}: "
            "it is an older copy, or its last commits were lost",
            "put the newer logs.db back, if there is one, before the server starts",
        )
