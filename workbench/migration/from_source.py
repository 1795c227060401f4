"""Moving in from the source document's own server: its databases and archives."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from waterline.archive.jobs.import_v2 import Document, adopt_into, read_document, refuse_no_name
from waterline.archive.progress import Progress, silent
from waterline.clock import now_ms
from waterline.encoding import Encoding
from waterline.errors import ArchiveError, UsageError
from waterline.metrics.rollup_store import RollupStore
from waterline.records import Record
from waterline.storage.folder import DataFolder, ServerLock
from workbench.migration.backup import Copies, kept_before, moment_in_names
from workbench.migration.compare import Compared, compare
from workbench.migration.entries import LOGS as ROWS
from workbench.migration.entries import REALTIME, EntryReader, OldLog
from workbench.migration.findings import Findings
from workbench.migration.known import Known, rehearsing, writing
from workbench.migration.measurements import Moved, fitting, move_metric
from workbench.migration.sink import Resolver, Sink, Tally, begin_counting
from workbench.migration.source_folder import SourceFolder

ARCHIVES: Final = "archives"


@dataclass(slots=True)
class Outcome:
    """What was moved in, or would be."""

    found: SourceFolder
    tallies: dict[str, Tally] = field(default_factory=dict)
    """By table, and the archives."""
    compared: dict[str, Compared] = field(default_factory=dict)
    left_out: int = 0
    """Archive files that hold no new log, as an earlier run adopted them."""
    damaged: list[str] = field(default_factory=list)
    """One sentence for each archive file that cannot be read, and is left behind."""
    metrics: list[Moved] = field(default_factory=list)
    cached_alone: int = 0
    """Entries of `log_cache` with an id that no log has."""
    copies: Copies = field(default_factory=Copies)
    findings: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every log that can be read is stored, and every file can be read."""
        return not self.damaged and all(each.is_whole for each in self.compared.values())


def migrate_folder(
    path: Path,
    folder: DataFolder,
    *,
    source: str,
    encoding: Encoding,
    measured: Sequence[str],
    dry_run: bool = False,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Outcome:
    """Move a folder of the source document's server into a data folder; what is there stays.

    The old folder is only read, and its server may run. A run that was interrupted, and one that
    comes after more logs came in, goes on.

    Args:
        path: the old folder.
        folder: the data folder, made if missing; its server must not run.
        source: `source` of the logs.
        encoding: format, codec and level of the batches.
        measured: attributes of logs that the server measures.
        dry_run: whether to say only what would be done.
        clock: returns milliseconds UTC.
        progress: called with what is done.

    Raises:
        UsageError: a path or the source makes no sense; nothing was changed.
        DataFolderInUse: the server is running.
        ArchiveInUse: an archive job is running.
        ArchiveError: a batch cannot be written or read; what was stored before it stays.
        DataFolderError: a database cannot be read or written.
    """
    refuse_no_name(source)
    found = SourceFolder.look(path)
    if folder.path.exists() and folder.path.resolve() == path.resolve():
        raise UsageError(f"{path} is the data folder itself; name another with --data")
    move = _Move(found, folder, source, encoding, tuple(measured), clock, progress)
    if dry_run:
        move.rehearse()
    else:
        folder.create()
        with ServerLock(folder):
            folder.refuse_lost_logs()
            with kept_before(folder, moment_in_names(clock())) as copies:
                move.outcome.copies = copies
                move.run()
    return move.outcome


class _Move:
    """One run, under the lock of the server."""

    def __init__(
        self,
        found: SourceFolder,
        folder: DataFolder,
        source: str,
        encoding: Encoding,
        measured: tuple[str, ...],
        clock: Callable[[], int],
        progress: Progress,
    ) -> None:
        self._found = found
        self._folder = folder
        self._source = source
        self._encoding = encoding
        self._measured = measured
        self._clock = clock
        self._progress = progress
        self._findings = Findings()
        self._reader = EntryReader(self._findings, clock)
        self.outcome = Outcome(found)

    def rehearse(self) -> None:
        """Read all, and store nothing."""
        with rehearsing(self._folder, self._source) as known:
            resolver = Resolver(known, self._findings)
            sink = Sink(None, known, resolver, self._source, self._clock)
            self._move_tables(sink)
            tally = self.outcome.tallies.setdefault(ARCHIVES, Tally())
            for path, document in self._documents():
                for log in self._entries(path, document):
                    sink.put(log, tally)
            sink.flush()
            self._look_at_cache(known)
        self._found.check_archives(self._findings)
        self._move_metrics(None)
        self.outcome.findings = self._findings.lines()

    def run(self) -> None:
        """Store all that is not there, and compare."""
        with writing(self._folder, self._source) as (connection, known):
            begin_counting(self._folder, connection)
            sink = Sink(
                connection, known, Resolver(known, self._findings), self._source, self._clock
            )
            self._move_tables(sink)
            self._adopt(known)
        self._found.check_archives(self._findings)
        with closing(RollupStore(self._folder.metrics)) as store:
            self._move_metrics(store)
        self.outcome.findings = self._findings.lines()
        with writing(self._folder, self._source) as (_, known):
            self._compare(known)
            self._look_at_cache(known)

    def _move_tables(self, sink: Sink) -> None:
        for table in self._found.tables:
            tally = self.outcome.tallies.setdefault(table, Tally())
            for log in self._logs_of(table, self._findings, self._reader):
                sink.put(log, tally)
                if not tally.read % 1000:
                    self._progress(table, tally.read, self._found.tables[table])
            sink.flush()

    def _logs_of(self, table: str, findings: Findings, reader: EntryReader) -> Iterator[OldLog]:
        read = {REALTIME: reader.realtime, ROWS: reader.stored}[table]
        for rowid, row in self._found.rows("logs.db", table, findings):
            yield from read(row, rowid)

    def _adopt(self, known: Known) -> None:
        """Adopt the archive files that can be read, without the logs that are there already."""
        tally = self.outcome.tallies.setdefault(ARCHIVES, Tally())
        resolver = Resolver(known, self._findings)

        def take(path: Path, document: Document) -> Sequence[Record]:
            records = []
            for log in self._entries(path, document):
                tally.read += 1
                record = resolver.new(log)
                if record is None:
                    tally.known += 1
                else:
                    records.append(record)
            tally.new += len(records)
            known.add(records)
            resolver.settle()
            return records

        adopted = adopt_into(
            self._folder,
            [path for path, _ in self._documents()],
            source=self._source,
            encoding=self._encoding,
            clock=self._clock,
            progress=self._progress,
            take=take,
        )
        self.outcome.left_out = len(adopted.skipped)

    def _documents(self) -> Iterator[tuple[Path, Document]]:
        """Yield the archive files that can be read; note the others, once."""
        for path in self._found.archives:
            try:
                yield path, read_document(path.read_bytes())
            except ArchiveError as error:
                sentence = f"{path} is left behind: {error}"
                if sentence not in self.outcome.damaged:
                    self.outcome.damaged.append(sentence)

    def _entries(self, path: Path, document: Document) -> Iterator[OldLog]:
        place = str(path.relative_to(self._found.path))
        if document.total_logs != len(document.logs):
            what = "with another number of logs than its metadata says, all of which are taken"
            self._findings.note(str(Path(place).parent), what, path.name, "batch file")
        for index, value in enumerate(document.logs):
            made, entry = document.id_of(index), f"entry {index} of {place}"
            yield from self._reader.entry(value, made, document.archived_at, ARCHIVES, entry)

    def _move_metrics(self, store: RollupStore | None) -> None:
        with self._found.open("metrics.db") as connection:
            if connection is None or not self._found.measurements:
                return
            for name in fitting(connection, self._measured, self._findings):
                self.outcome.metrics.append(move_metric(connection, name, store, self._findings))

    def _look_at_cache(self, known: Known) -> None:
        with self._found.open("cache.db") as connection:
            if connection is None or not self._found.cached:
                return
            for (log_id,) in connection.execute("SELECT id FROM log_cache"):
                self.outcome.cached_alone += known.find(str(log_id)) is None

    def _compare(self, known: Known) -> None:
        """Read all once more, and look each log up."""
        findings = Findings()  # they are told already
        reader = EntryReader(findings, self._clock)
        for table in self._found.tables:
            logs = self._logs_of(table, findings, reader)
            rows = self._found.tables[table]
            self.outcome.compared[table] = compare(logs, known, self._progress, rows)
        self._reader = reader
        self._findings = findings
        archived = (
            log for path, document in self._documents() for log in self._entries(path, document)
        )
        total = self.outcome.tallies[ARCHIVES].read
        self.outcome.compared[ARCHIVES] = compare(archived, known, self._progress, total)
