"""Exporting: a range of logs, hot and archived, into a file or a stream."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader
from waterline.errors import DataFolderError, IncompleteAnswer, UsageError
from waterline.storage.folder import DataFolder, sync_folder
from waterline.storage.schema import LOGS
from workbench.exports.formats import ExportFormat, LogWriter, Output, open_log_writer
from workbench.query.database import Database
from workbench.query.empty_answer import why_none
from workbench.query.gaps import find_earlier
from workbench.query.question import Question
from workbench.query.scan import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was exported."""

    logs: int
    size: int
    """Bytes."""
    lacks: str | None
    """A sentence about pruned logs that are missing, if any."""
    why_none: str | None = None
    """A sentence about the filter that left no log, if one did."""


def export_logs(
    folder: DataFolder,
    question: Question,
    format: ExportFormat,  # noqa: A002 - what everybody calls it
    to: Path | BinaryIO,
    *,
    force: bool = False,
    raw: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write the logs that a question is about, each once, as of one moment, by seq.

    They are read piece by piece; the server and archive jobs may run meanwhile. A file has its name
    once it is whole and on the disk. A stream may end early: what fails then raises.

    Args:
        folder: the data folder.
        question: which logs; its order and limit are not heeded.
        format: as what.
        to: a file, or a stream such as `sys.stdout.buffer`, which is flushed and stays open.
        force: write over a file that is there.
        raw: leave cells of CSV as they are that a spreadsheet would run.
        progress: is told how far it is, in seqs.

    Raises:
        UsageError: the file is there, or it or the stream cannot be written.
        IncompleteAnswer: logs.db is of an earlier time than its archives; no file is made.
        ArchiveError: a batch is missing, damaged or was pruned meanwhile; no file is left.
        DataFolderError: there are no logs, or they cannot be read.
        BrokenPipeError: nobody reads the stream any more.
    """
    if not folder.logs.exists():
        raise DataFolderError(
            f"there are no logs in {folder.path}; name the data folder with --data"
        )
    writer = partial(open_log_writer, format, raw=raw)
    with Database(folder.logs, LOGS) as database:
        if (said := find_earlier(folder, database)) is not None:
            raise IncompleteAnswer(said)
        if not isinstance(to, Path):
            with write_errors("the stream"):
                exported = _write(Walk(folder, database, question), writer, to, progress)
                to.flush()
            return _explained(exported, folder, database, question)
        if to.exists() and not force:
            raise UsageError(
                f"{to} is there already; name another file, or write over it with --force"
            )
        with write_errors(str(to)), new_file(to) as stream:
            exported = _write(Walk(folder, database, question), writer, stream, progress)
        return _explained(exported, folder, database, question)


def _explained(
    exported: Exported, folder: DataFolder, database: Database, question: Question
) -> Exported:
    """Return what was exported, with a sentence about the filter that left no log, if one did."""
    if exported.logs:
        return exported
    return replace(exported, why_none=why_none(database, BatchReader(folder), question))


def _write(
    walk: Walk,
    open_writer: Callable[[Output], LogWriter],
    stream: BinaryIO,
    progress: Progress,
) -> Exported:
    output = Output(stream)
    logs = 0
    try:
        writer = open_writer(output)
        for table in walk.tables():
            writer.write(table)
            logs += table.num_rows
            progress("exported", walk.after, walk.last_seq)
        writer.close()
    except BaseException:
        # Arrow's writers end their format when they are let go of.
        output.stop()
        raise
    return Exported(logs=logs, size=output.size, lacks=walk.lacks)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is whole and on the disk; else nothing is left.

    The umask says who may read it, as of whatever a user names; one that it replaces keeps its
    rights, and links to it.
    """
    target = path.resolve()
    # Another process may write to the same name at the same time.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as stream:
            with suppress(FileNotFoundError):
                os.fchmod(stream.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(target.parent)


@contextmanager
def write_errors(name: str) -> Iterator[None]:
    """Tell what cannot be written, in one sentence.

    Raises:
        UsageError: it cannot.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror or error}") from error
