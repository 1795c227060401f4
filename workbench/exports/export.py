"""The export of a range of logs, hot and archived, into a file or a stream."""

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
from workbench.query.scan import LogScan, Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Result of an export."""

    logs: int
    size: int
    """Bytes."""
    lacks: str | None
    """Sentence about pruned logs that are missing, or None."""
    why_none: str | None = None
    """Sentence about the filter that left no log, or None."""


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
    """Write the logs that match a question, each once, as of one moment, ordered by seq.

    Logs are read in pieces; the server and archive jobs may run meanwhile. A file gets its name
    once it is whole and on the disk. A stream that fails may have ended early.

    Args:
        folder: the data folder.
        question: what is asked; its order and limit are ignored.
        format: format of the output.
        to: path of a file, or a stream such as `sys.stdout.buffer`, which is flushed and left open.
        force: whether to replace an existing file.
        raw: whether to leave cells of CSV that a spreadsheet would run as formulas.
        progress: called with the progress in seqs.

    Raises:
        UsageError: the file exists, or the output cannot be written.
        IncompleteAnswer: logs.db is older than its archives; no file is written.
        ArchiveError: a batch is missing, damaged or was pruned meanwhile; no file is left.
        DataFolderError: the folder has no logs, or they cannot be read.
        BrokenPipeError: nobody reads the stream any more.
    """
    folder.refuse_half_restored()
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
                exported = _scanned(LogScan(folder, database, question), writer, to, progress)
                to.flush()
            return _explained(exported, folder, database, question)
        if to.exists() and not force:
            raise UsageError(
                f"{to} is there already; name another file, or write over it with --force"
            )
        with write_errors(str(to)), new_file(to) as stream:
            exported = _scanned(LogScan(folder, database, question), writer, stream, progress)
        return _explained(exported, folder, database, question)


def _explained(
    exported: Exported, folder: DataFolder, database: Database, question: Question
) -> Exported:
    """Return the result, with a sentence about the filter that left no log, if any."""
    if exported.logs:
        return exported
    return replace(exported, why_none=why_none(database, BatchReader(folder), question))


def _scanned(
    scan: LogScan,
    open_writer: Callable[[Output], LogWriter],
    stream: BinaryIO,
    progress: Progress,
) -> Exported:
    def tell() -> None:
        progress("exported", scan.after, scan.last_seq)

    return _write(scan, open_writer, stream, tell)


def export_scan(scan: Scan, format: ExportFormat, stream: BinaryIO) -> Exported:  # noqa: A002
    """Write the logs of a scan, each once, ordered by seq.

    Args:
        scan: the logs, with all columns.
        format: format of the output.
        stream: where they are written; it is flushed and left open, and may have ended early.

    Raises:
        UsageError: the stream cannot be written.
        WaterlineError: the logs cannot be read.
        BrokenPipeError: nobody reads the stream any more.
    """
    with write_errors("the stream"):
        exported = _write(scan, partial(open_log_writer, format), stream, lambda: None)
        stream.flush()
    return exported


def _write(
    scan: Scan,
    open_writer: Callable[[Output], LogWriter],
    stream: BinaryIO,
    tell: Callable[[], None],
) -> Exported:
    output = Output(stream)
    logs = 0
    try:
        writer = open_writer(output)
        for table in scan.tables():
            writer.write(table)
            logs += table.num_rows
            tell()
        writer.close()
    except BaseException:
        # Arrow's writers write the end of their format when they are deleted.
        output.stop()
        raise
    return Exported(logs=logs, size=output.size, lacks=scan.lacks)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is whole and on the disk, or is removed.

    The umask sets its mode. A replaced file keeps its mode, and symbolic links to it stay.
    """
    target = path.resolve()
    # The pid, as another process may write the same file at the same time.
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
    """Turn errors of writing into one sentence.

    Raises:
        UsageError: writing failed.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror or error}") from error
