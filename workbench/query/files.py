"""Answers from log files themselves, with the columns of stored logs, without a data folder."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeGuard

import pandas as pd
import pyarrow as pa

from waterline.clock import now_ms
from waterline.errors import MissingLogs, NothingFound, UsageError
from waterline.records import InvalidLog
from workbench.clients.log_files.pattern import Pattern
from workbench.clients.log_files.reader import Reading, read_encoded
from workbench.clients.log_files.selection import Selection, select
from workbench.frames import to_frame
from workbench.query.answers import Attributes
from workbench.query.attributes import lacking_attribute, spread
from workbench.query.gathered import Gathered
from workbench.query.progress import patiently, tell, warn_of
from workbench.query.question import (
    Filters,
    ask,
    may_lack_logs,
    refuse,
    with_attributes,
)

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path of a file or folder, a pattern of paths such as `*.log`, or several of them."""

# Reasons that are kept of lines without a log; the rest are counted.
_MAX_REASONS: Final = 5


def read(
    paths: Paths,
    reading: Reading,
    *,
    pattern: str | None,
    attributes: Attributes,
    incomplete: Literal["raise", "warn"],
    filters: Filters,
) -> pd.DataFrame:
    """Return the logs of files as a frame; see `workbench.workbench.read`."""
    begun = time.perf_counter()
    refuse(filters, "at")
    may_lack = may_lack_logs(incomplete)
    question = with_attributes(ask(now=now_ms(), **filters), attributes)
    if pattern is not None and not isinstance(pattern, str):
        raise UsageError(f"pattern={pattern!r} is no text")
    dialect = None if pattern is None else Pattern(pattern)
    if dialect is not None:
        reading = replace(reading, formats=(dialect, *reading.formats))
    selection = _selection(paths)
    files = selection.names
    reader = _Reader(reading, Gathered(question), may_lack=may_lack)
    table = patiently(lambda: reader.read(selection), lambda _: None)
    frame = to_frame(table.select(question.columns))
    if attributes is not None:
        frame = spread(frame, attributes)
    frame.attrs["seconds"] = time.perf_counter() - begun
    if selection.skipped:
        frame.attrs["skipped"] = [f"{name}: {reason}" for name, reason in selection.skipped]
    named = files[0] if len(files) == 1 else f"these {len(files):,} files"
    if not reader.gathered.logs:
        warn_of(None if reader.missing else f"{named} holds no log", NothingFound)
    elif dialect is not None and not dialect.has_matched:
        warn_of(f"pattern={pattern!r} matches no line of {named}", NothingFound)
    elif not len(frame):
        warn_of(reader.gathered.why_none(), NothingFound)
    elif attributes is not None and attributes != "all":
        warn_of(lacking_attribute(frame, table["attributes"].to_pylist, attributes), NothingFound)
    if reader.missing:
        frame.attrs["missing"] = reader.missing
        warn_of(f"this answer lacks logs: {'; '.join(reader.missing)}", MissingLogs)
    return frame


def _selection(paths: Any) -> Selection:  # noqa: ANN401 - a notebook may give anything
    """Return the files that are meant, in the order in which they are read.

    Raises:
        UsageError: there is no path, or what is given is none.
    """
    given = [*paths] if _is_several(paths) else [paths]
    if not all(isinstance(each, str | os.PathLike) for each in given):
        raise UsageError(f"{paths!r} is no path; give one, such as 'access.log', or a list of them")
    if not given:
        raise UsageError("there is no file to read; name one, such as 'access.log'")
    return select([str(Path(each).expanduser()) for each in given])


def _is_several(paths: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(paths, Iterable) and not isinstance(paths, str | os.PathLike)


class _Reader:
    """Reads files, and keeps what their logs, or parts of them, lack."""

    def __init__(self, reading: Reading, gathered: Gathered, *, may_lack: bool) -> None:
        self.gathered = gathered
        self._reading = reading
        self._may_lack = may_lack
        self._failures: list[str] = []
        self._reasons: list[str] = []
        self._rejected = 0

    @property
    def missing(self) -> list[str]:
        """Sentences about files that could not be read whole, and about lines without a log."""
        more = self._rejected - len(self._reasons)
        return [*self._failures, *self._reasons, *([f"and {more:,} more lines"] if more else [])]

    def read(self, selection: Selection) -> pa.Table:
        """Return the logs of files that match."""
        for failure in selection.failures:
            self._fail(UsageError(failure))
        files = [Path(name) for name in selection.names]
        sizes = [each.stat().st_size if each.is_file() else 0 for each in files]
        for number, file in enumerate(files):
            try:
                self._read_file(file, sum(sizes[:number]), sum(sizes))
            except UsageError as error:
                self._fail(error)
        return self.gathered.table()

    def _fail(self, error: UsageError) -> None:
        if not self._may_lack:
            raise error
        self._failures.append(str(error))

    def _read_file(self, file: Path, before: int, total: int) -> None:
        """Read one file; progress counts bytes as they lie on the disk."""
        name = str(file)
        try:
            with file.open("rb") as stream:
                written = os.fstat(stream.fileno()).st_mtime_ns
                lines = read_encoded(
                    stream,
                    name=name,
                    reading=self._reading,
                    reference=datetime.fromtimestamp(written / 10**9, UTC),
                )
                for line in lines:
                    if line.log is None:
                        self._reject(name, line.number, line.rejected or "it holds no log")
                        continue
                    try:
                        is_full = self.gathered.add(line.log, name, written // 10**6)
                    except InvalidLog as error:
                        self._reject(name, line.number, error.reason)
                        continue
                    if is_full and stream.seekable():
                        tell("bytes of files", before + stream.tell(), total)
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror}") from error

    def _reject(self, name: str, number: int, reason: str) -> None:
        self._rejected += 1
        if len(self._reasons) < _MAX_REASONS:
            self._reasons.append(f"{name}:{number}: {reason}")
