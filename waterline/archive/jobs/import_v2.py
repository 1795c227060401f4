"""Adoption of archive files of version 2.0 as batches of a data folder."""

import gzip
import hashlib
import uuid
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import apsw
import msgspec
import pyarrow as pa

from waterline.archive.columns import SCHEMA
from waterline.archive.files import Files
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.tidy import publish_manifests, tidy
from waterline.archive.progress import Progress, silent
from waterline.archive.writer import write_batch
from waterline.clock import now_ms
from waterline.encoding import Encoding
from waterline.errors import ArchiveError, UsageError
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP, parse_rfc3339
from waterline.records import InvalidLog, Record, Rule, check_log
from waterline.storage.catalog import ArchivedBatch, add_batches, read_batches
from waterline.storage.folder import DataFolder, ServerLock
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer
from waterline.storage.watermark import read_position, read_watermark
from waterline.tokens import NAME

# As milliseconds this is 1973, as seconds the year 5138. No log is that early or that late.
_FIRST_IN_MILLISECONDS: Final = 10**11


class _Metadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    archive_date: str
    batch: int
    total_logs: int
    compression: Literal["gzip"]
    version: str


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    metadata: _Metadata
    logs: list[object]


_decoder: Final = msgspec.json.Decoder(_Document)

Taking = Callable[[Path, "Document"], Sequence[Record]]
"""Returns the logs of a file that are to be adopted, each with id and timestamp."""


@dataclass(frozen=True, slots=True)
class Document:
    """What an archive file of version 2.0 holds."""

    logs: Sequence[object]
    """Each log as decoded JSON."""
    archived_at: int
    """`archiveDate`, milliseconds UTC."""
    sha256: str
    """Of the file."""
    total_logs: int
    """The number of logs that its metadata names."""

    def id_of(self, index: int) -> str:
        """Return the id of a log without one, made from the file and its index there."""
        return str(uuid.uuid5(uuid.UUID(hex=self.sha256[:32]), str(index)))


def read_document(content: bytes) -> Document:
    """Read an archive file of version 2.0: gzipped JSON with `metadata` and `logs`.

    Raises:
        ArchiveError: the file is damaged, or not of version 2.0. The sentence is about "it".
    """
    try:
        document = _decoder.decode(gzip.decompress(content))
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise ArchiveError(f"it is no sound archive file of version 2.0: {error}") from error
    said = document.metadata
    if said.version != "2.0":
        raise ArchiveError(f"its version is {said.version}, not 2.0")
    try:
        archived_at = parse_rfc3339(said.archive_date)
    except (ValueError, OverflowError) as error:
        raise ArchiveError(f"its archiveDate is no time: {error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return Document(document.logs, archived_at, sha256, said.total_logs)


def read_version_2_0(content: bytes, *, first_seq: int, received_at: int, source: str) -> pa.Table:
    """Read an archive file of version 2.0: gzipped JSON with `metadata` and `logs`.

    Missing members follow from the file alone, so that each read gives the same logs. An id is made
    from the SHA-256 of the file and the index of the log. A timestamp is `created_at` (seconds or
    milliseconds), else `archiveDate` of the file. All other members become attributes.

    Args:
        content: the whole file.
        first_seq: the seq of the first log; the next logs count on.
        received_at: `received_at` of all logs, milliseconds UTC.
        source: `source` of all logs.

    Returns:
        A table of `SCHEMA`, one row a log, in the order of the file.

    Raises:
        ArchiveError: the file is damaged, not of version 2.0, or has an entry that is no log. The
            sentence is about "it": the caller says which file.
    """
    records = _take_all(Path(), read_document(content))
    return _table(records, first_seq=first_seq, received_at=received_at, source=source)


def _take_all(_: Path, document: Document) -> list[Record]:
    """Return all logs of a file; refuse one that lacks some, or has an entry that is no log."""
    if document.total_logs != len(document.logs):
        raise ArchiveError(
            f"it holds {len(document.logs):,} logs, and its metadata says {document.total_logs:,}"
        )
    return [_check(index, value, document) for index, value in enumerate(document.logs)]


def _table(records: Sequence[Record], *, first_seq: int, received_at: int, source: str) -> pa.Table:
    rows = len(records)
    columns = [
        pa.array(range(first_seq, first_seq + rows), pa.int64()),
        pa.array([each.id for each in records], pa.string()),
        pa.array([each.type for each in records], pa.string()),
        pa.array([each.timestamp for each in records], pa.int64()),
        pa.array([received_at] * rows, pa.int64()),
        pa.array([source] * rows, pa.string()),
        pa.array([each.message for each in records], pa.string()),
        pa.array([each.attributes for each in records], pa.string()),
    ]
    return pa.table(columns, names=SCHEMA.names).cast(SCHEMA)


def _check(index: int, value: object, document: Document) -> Record:
    """Return a decoded log, completed with id and timestamp.

    Args:
        index: its index in the file.
        value: the decoded JSON.
        document: the file.

    Raises:
        ArchiveError: the value is no log.
    """
    created_at = value.get("created_at") if isinstance(value, dict) else None
    try:
        record = check_log(value, milliseconds=True)
        return record._replace(
            id=record.id or document.id_of(index),
            timestamp=_moment(created_at, document.archived_at)
            if record.timestamp is None
            else record.timestamp,
        )
    except InvalidLog as error:
        raise ArchiveError(f"its log at index {index} is none: {error.reason}") from error


def _moment(created_at: object, archived_at: int) -> int:
    if isinstance(created_at, bool) or not isinstance(created_at, int | float):
        return archived_at
    moment = created_at if created_at >= _FIRST_IN_MILLISECONDS else created_at * 1000
    if not MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP:
        raise InvalidLog("created_at must lie in the years 1 to 9999", Rule.TIMESTAMP)
    return int(moment)


PATTERN: Final = "*.json.gz"
"""Pattern of file names of version 2.0."""


@dataclass(slots=True)
class Adopted:
    """Result of an adoption."""

    batches: int = 0
    logs: int = 0
    skipped: list[str] = field(default_factory=list)
    """One sentence for each file that was not adopted."""


def adopt_files(
    folder: DataFolder,
    paths: Sequence[Path],
    *,
    source: str,
    encoding: Encoding,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Adopted:
    """Adopt files of version 2.0, one batch a file; skip files that were adopted before.

    The logs get new seqs above all others and count as received now. The files stay unchanged.

    Args:
        folder: the data folder, made if missing; its server must not run.
        paths: files, or folders for all `*.json.gz` below them.
        source: `source` of the logs.
        encoding: format, codec and level of the batches.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the files done and the total.

    Raises:
        UsageError: a path or the source is invalid; nothing was changed.
        ArchiveError: a file is damaged or not of version 2.0, or a batch cannot be written; the
            files before it are adopted.
        DataFolderInUse: the server is running.
        ArchiveInUse: another archive job is running.
        DataFolderError: the folder cannot be written, or has lost its logs.db.
    """
    refuse_no_name(source)
    found = _files_of(paths)
    files = files or Files()
    folder.create()
    with ServerLock(folder):
        folder.refuse_lost_logs()
        open_writer(folder.logs, LOGS, "FULL").close()
        return adopt_into(
            folder,
            found,
            source=source,
            encoding=encoding,
            files=files,
            clock=clock,
            progress=progress,
        )


def refuse_no_name(source: str) -> None:
    """Refuse a source that no token could have.

    Raises:
        UsageError: the name is invalid.
    """
    if not NAME.fullmatch(source):
        raise UsageError(
            f"{source!r} is no name of a source; use up to 64 letters, digits, '.', '_' and '-'"
        )


def adopt_into(
    folder: DataFolder,
    paths: Sequence[Path],
    *,
    source: str,
    encoding: Encoding,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
    take: Taking = _take_all,
) -> Adopted:
    """Adopt files into a folder whose server lock the caller holds; see `adopt_files`.

    Args:
        folder: the data folder, which has a logs.db.
        paths: the files.
        source: `source` of the logs, a valid name.
        encoding: format, codec and level of the batches.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the files done and the total.
        take: returns the logs of a file; by default all, and none of a file with an odd one.
    """
    files = files or Files()
    with changing(folder) as connection:
        tidy(folder, connection, files)
        work = _Adoption(folder, connection, source, encoding, files, clock, take)
        try:
            for done, path in enumerate(paths, 1):
                work.adopt(path)
                progress("adopted", done, len(paths))
        finally:
            publish_manifests(folder, connection, files)
    return work.outcome


class _Adoption:
    """One run of an adoption, under the locks."""

    def __init__(
        self,
        folder: DataFolder,
        connection: apsw.Connection,
        source: str,
        encoding: Encoding,
        files: Files,
        clock: Callable[[], int],
        take: Taking,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._source = source
        self._encoding = encoding
        self._files = files
        self._clock = clock
        self._take = take
        self._folder_id = read_watermark(connection).folder_id
        batches = read_batches(connection)
        self._known = {each.file for each in batches}
        self._adopted = {each.adopted_from for each in batches}
        self.outcome = Adopted()

    def adopt(self, path: Path) -> None:
        """Adopt one file."""
        content = self._files.read(path)
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 in self._adopted:
            self.outcome.skipped.append(f"{path} was adopted before")
            return
        batch = self._write(path, content, sha256)
        if batch is None:
            self.outcome.skipped.append(f"{path} holds no logs")
            return
        add_batches(self._connection, [batch])
        self._known.add(batch.file)
        self._adopted.add(sha256)
        self.outcome.batches += 1
        self.outcome.logs += batch.rows

    def _write(self, path: Path, content: bytes, sha256: str) -> ArchivedBatch | None:
        now = self._clock()
        position = read_position(self._connection)
        try:
            records = self._take(path, read_document(content))
        except ArchiveError as error:
            raise ArchiveError(
                f"{path} cannot be adopted: {error}; the files before it are adopted"
            ) from error
        if not records:
            return None
        logs = _table(
            records,
            first_seq=position.last_seq + 1,
            received_at=max(now, position.last_received_at),
            source=self._source,
        )
        return write_batch(
            self._folder,
            logs,
            known=self._known,
            folder_id=self._folder_id,
            encoding=self._encoding,
            archived_at=now,
            files=self._files,
            adopted_from=sha256,
        )


def _files_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files at and below paths, each once.

    Raises:
        UsageError: a path is missing, or a folder has no file of version 2.0.
    """
    found: dict[Path, None] = {}
    for path in paths:
        below = sorted(path.rglob(PATTERN)) if path.is_dir() else [path]
        if not below:
            raise UsageError(f"there is no {PATTERN} below {path}; name a folder that has some")
        if not path.exists():
            raise UsageError(f"{path} is missing; name a file, or a folder of {PATTERN}")
        found |= dict.fromkeys(below)
    return list(found)
