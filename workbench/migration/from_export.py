"""Moving in from files that other log stores export."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from waterline.archive.jobs.import_v2 import refuse_no_name
from waterline.archive.progress import Progress, silent
from waterline.clock import now_ms
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder, ServerLock
from waterline.units import counted
from workbench.clients.log_files.selection import STANDARD_INPUT, select
from workbench.migration.backup import Copies, kept_before, moment_in_names
from workbench.migration.compare import Compared, compare
from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile
from workbench.migration.findings import Findings
from workbench.migration.journald import read_journald
from workbench.migration.json_lines import read_json_lines
from workbench.migration.known import Known, rehearsing, writing
from workbench.migration.loki import read_loki
from workbench.migration.sink import Resolver, Sink, Tally, begin_counting
from workbench.migration.victorialogs import read_victorialogs


class Export(StrEnum):
    """What made the files."""

    LOKI = "loki"
    VICTORIALOGS = "victorialogs"
    JSONL = "jsonl"
    JOURNALD = "journald"


_READERS: Final[Mapping[Export, Callable[[ExportFile], Iterator[OldLog]]]] = {
    Export.LOKI: read_loki,
    Export.VICTORIALOGS: read_victorialogs,
    Export.JSONL: read_json_lines,
    Export.JOURNALD: read_journald,
}


@dataclass(slots=True)
class Outcome:
    """What was moved in, or would be."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    """By file."""
    compared: dict[str, Compared] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    """One sentence for each file that cannot be read, or not to its end."""
    copies: Copies = field(default_factory=Copies)
    findings: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every log is stored, and every file can be read to its end."""
        return not self.damaged and all(each.is_whole for each in self.compared.values())


def migrate_files(
    export: Export,
    names: Sequence[str],
    folder: DataFolder,
    *,
    source: str,
    dry_run: bool = False,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> Outcome:
    """Move the logs of exported files into a data folder; each once, whatever ran before.

    They count as received now. A file that cannot be read is left behind, and of one that is
    damaged are taken the logs before that.

    Args:
        export: what made the files.
        names: files, folders, or patterns, as `waterline send` takes them.
        folder: the data folder, made if missing; its server must not run.
        source: `source` of the logs.
        dry_run: whether to say only what would be done.
        clock: returns milliseconds UTC.
        progress: called with what is done.

    Raises:
        UsageError: no file can be read, or the source makes no sense; nothing was changed.
        DataFolderInUse: the server is running.
        ArchiveError: a batch with logs of the source cannot be read.
        DataFolderError: a database cannot be read or written.
    """
    refuse_no_name(source)
    selection = select(names)
    if STANDARD_INPUT in selection.names:
        raise UsageError("each file is read twice, which standard input cannot be; name files")
    if selection.failures:
        raise UsageError(selection.failures[0])
    move = _Move(export, list(map(Path, selection.names)), clock, progress)
    move.leave_unreadable()
    if dry_run:
        with rehearsing(folder, source) as known:
            move.store(Sink(None, known, Resolver(known, move.findings), source, clock))
    else:
        folder.create()
        with ServerLock(folder):
            folder.refuse_lost_logs()
            with kept_before(folder, moment_in_names(clock())) as copies:
                move.outcome.copies = copies
                with writing(folder, source) as (connection, known):
                    begin_counting(folder, connection)
                    resolver = Resolver(known, move.findings)
                    move.store(Sink(connection, known, resolver, source, clock))
                    move.compare(known)
    move.outcome.findings = move.findings.lines()
    return move.outcome


class _Move:
    """One run."""

    def __init__(
        self, export: Export, paths: Sequence[Path], clock: Callable[[], int], progress: Progress
    ) -> None:
        self._read = _READERS[export]
        self._paths = paths
        self._received_at = clock()
        self._progress = progress
        self.findings = Findings()
        self.outcome = Outcome()

    def leave_unreadable(self) -> None:
        """Leave out the files whose first log cannot be read.

        Raises:
            UsageError: it can be read of none.
        """
        readable = []
        for path in self._paths:
            try:
                next(self._read(ExportFile(path, Findings())), None)
            except UsageError as error:
                self.outcome.damaged.append(str(error))
            else:
                readable.append(path)
        if not readable:
            first, *others = self.outcome.damaged
            more = f"; and {counted(len(others), 'other file')} cannot be read" if others else ""
            raise UsageError(f"{first}{more}")
        self._paths = readable

    def store(self, sink: Sink) -> None:
        """Store the logs of all files."""
        for done, path in enumerate(self._paths, 1):
            tally = self.outcome.tallies.setdefault(str(path), Tally())
            for log in self._logs(path, self.findings):
                sink.put(log._replace(received_at=self._received_at), tally)
            sink.flush()
            self._progress("stored", done, len(self._paths))

    def compare(self, known: Known) -> None:
        """Read all files once more, and look each log up."""
        for path in self._paths:
            logs = self._logs(path, Findings())
            total = self.outcome.tallies[str(path)].read
            self.outcome.compared[str(path)] = compare(logs, known, self._progress, total)

    def _logs(self, path: Path, findings: Findings) -> Iterator[OldLog]:
        """Yield the logs of a file, up to where it is damaged."""
        try:
            yield from self._read(ExportFile(path, findings))
        except UsageError as error:
            if str(error) not in self.outcome.damaged:
                self.outcome.damaged.append(str(error))
