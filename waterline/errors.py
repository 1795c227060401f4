"""Errors and warnings for users, each one sentence that says what to do.

WaterlineError
├── UsageError            what was asked for makes no sense
│   └── QueryError        the text of a query, at a position
├── MissingPart           packages of a part are not installed
├── SettingsError         a setting that is unknown or has no meaning
├── DataFolderError       the data folder cannot be used
│   ├── DataFolderInUse   another process holds it
│   ├── ArchiveInUse      another archive job works on it
│   ├── BackupInUse       another backup of it is under way
│   └── NewerSchema       a later version of Waterline wrote it
├── ServerUnreachable     a server of questions cannot be reached, or has broken off
├── ClusterError          a cluster cannot be used, or has broken off
├── TokenError            a token that is missing, unknown or not allowed this
├── AddressError          an address that cannot be listened on
├── StartFailed           a process ended instead of serving
├── ServerFailed          the server could not go on
├── DeliveryError         a producer could not deliver
│   ├── ProducerFull      too many of its logs wait for their acks
│   └── RejectedLogs      the server took some of its logs for none
└── ArchiveError          an archive file is missing, damaged or cannot be written
    ├── IncompleteAnswer  a question needs archive files that are missing or damaged
    └── RemoteError       object storage cannot be reached, or refuses
        └── ObjectMissing     an object is not there

Warnings, of answers that lack something: PrunedLogs, as logs were pruned; MissingLogs, as files
are missing or damaged and the question wanted the rest, or as lines of a file hold no log;
UnmeasuredLogs, as the server had not begun to measure, or keeps those measurements no more. Of an
answer that lacks nothing: DamagedCache, ManyAttributes, and NothingFound, where a filter left no
log at all. UnprotectedCluster is of no answer, but of a cluster that anybody may use.
"""

import linecache
import os
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from waterline.printable import printable

_ROOT: Final = Path(__file__).parents[1]
_OURS: Final = tuple(f"{_ROOT / package}{os.sep}" for package in ("server", "workbench"))
INSTALLED: Final = tuple(sysconfig.get_path(each) for each in ("stdlib", "purelib", "platlib"))
"""Folders of installed packages, which are neither ours nor an analyst's."""


class WaterlineError(Exception):
    """Base of all errors that a command shows as one sentence, without a traceback.

    The text may quote input, so control characters are replaced.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n")

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows for a traceback: caller's line and sentence."""
        shown = [f"{type(self).__name__}: {self}"]
        frames = [*traceback.walk_tb(self.__traceback__)]
        files = [frame.f_code.co_filename for frame, _ in frames]
        ours = next((at for at, file in enumerate(files) if file.startswith(_OURS)), len(files))
        # A tool such as SQLAlchemy may lie between.
        theirs = [at for at in range(ours) if not files[at].startswith(INSTALLED)]
        if not theirs:
            return shown
        file, number = files[theirs[-1]], frames[theirs[-1]][1]
        written = linecache.getline(file, number).strip()
        outside = next((at for at in reversed(theirs) if files[at] != file), None)
        if not written and outside is not None:
            # Code of a magic such as %%time is in no file, but in the arguments of the magic.
            number, written = _below_magic(frames[outside : theirs[-1]], file, number)
        where = f"{file}, line {number}" if Path(file).is_file() else f"line {number} of the cell"
        return [where, *([f"    {written}"] if written else []), *shown]


def _below_magic(
    frames: Sequence[tuple[FrameType, int]], file: str, number: int
) -> tuple[int, str]:
    """Return number and text of the line of a cell that an IPython magic ran.

    Args:
        frames: frames and lines from the cell to the magic.
        file: file name of the code that the magic compiled.
        number: line in that code.
    """
    begin = frames[0][1]
    for frame, _ in frames:
        given = frame.f_locals
        if frame.f_code.co_name == "run_line_magic":
            return begin, f"%{given['magic_name']} {given['line']}"
        if frame.f_code.co_name == "run_cell_magic":
            lines = given["cell"].splitlines()
            if file == "<timed exec>" and number <= len(lines):
                return begin + number, lines[number - 1].strip()
            return begin, f"%%{given['magic_name']} {given['line']}".rstrip()
    return number, ""


class UsageError(WaterlineError):
    """A request is invalid; the sentence says what is valid."""


class QueryError(UsageError):
    """The text of a query is none; the sentence names the position, from 1.

    Args:
        text: the query.
        at: begin and end of the fault in it, from 0.
        what: what is wrong there.

    Attributes:
        text: as given.
        at: as given.
    """

    def __init__(self, text: str, at: tuple[int, int], what: str) -> None:
        super().__init__(f"the query {text!r}, position {at[0] + 1}: {what}")
        self.text = text
        self.at = at


class MissingPart(WaterlineError, ImportError):
    """Packages of a part of Waterline are not installed; the sentence names the extra."""


class SettingsError(WaterlineError):
    """A setting is unknown or its value is invalid."""


class DataFolderError(WaterlineError):
    """The data folder cannot be used."""


class DataFolderInUse(DataFolderError):
    """Another process holds the data folder."""


class ArchiveInUse(DataFolderError):
    """Another archive job is running on the data folder."""


class BackupInUse(DataFolderError):
    """Another backup of the data folder is under way."""


class NewerSchema(DataFolderError):
    """The data folder was written by a later version of Waterline."""


class ClusterError(WaterlineError):
    """A cluster cannot be used, or has broken off."""


class TokenError(WaterlineError):
    """A token is missing, unknown or lacks the scope."""


class ServerUnreachable(WaterlineError):
    """A server that answers questions cannot be reached, or its answer broke off."""


class AddressError(WaterlineError):
    """An address cannot be listened on."""


class StartFailed(WaterlineError):
    """A process ended before it served; its output says why."""


class ServerFailed(WaterlineError):
    """The server stopped by a failure."""


class DeliveryError(WaterlineError):
    """A producer could not deliver its logs."""


class ProducerFull(DeliveryError):
    """A producer keeps no more logs until the server answers some."""


class RejectedLogs(DeliveryError):
    """The server rejected some logs of a producer; all others are stored."""


class ArchiveError(WaterlineError):
    """An archive file is missing, damaged or cannot be written."""


class IncompleteAnswer(ArchiveError):
    """A question needs archive files that are missing or damaged, so it is not answered."""


class RemoteError(ArchiveError):
    """Object storage is unreachable or refuses."""


class ObjectMissing(RemoteError):
    """An object is missing in object storage."""


class PrunedLogs(UserWarning):
    """An answer lacks pruned logs."""


class MissingLogs(UserWarning):
    """An answer lacks logs whose files are missing or damaged, or lines that hold no log."""


class UnmeasuredLogs(UserWarning):
    """A report lacks logs without kept measurements."""


class UnprotectedCluster(UserWarning):
    """Anybody who reaches the scheduler of a cluster can have it run code."""


class SampledLogs(UserWarning):
    """A report is of the newest logs only, as there are more than it reads."""


class ManyAttributes(UserWarning):
    """Logs have too many different attributes to make each a column."""


class NothingFound(UserWarning):
    """No log matches, because of one filter alone."""


class DamagedCache(UserWarning):
    """The cache was damaged and is put aside; the answer was read from storage."""
