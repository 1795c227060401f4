"""Hot logs of a backup as Parquet files, so that the next one writes only what came since."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from waterline.archive.batch import label_of
from waterline.archive.batch_formats import decode, encode
from waterline.archive.hot_rows import HotRows
from waterline.backup.record import HotSegment, Record
from waterline.encoding import PARQUET
from waterline.errors import ArchiveError
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors
from waterline.storage.watermark import read_watermark

ROWS: Final = 100_000
"""Logs in a segment at most."""
_ENCODING: Final = PARQUET.encoding()


class Archived(Exception):
    """Hot logs that a backup needs were archived meanwhile, so another moment is to be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRange:
    """Hot logs in `(archived_through, last_seq]` of one incarnation."""

    folder_id: str
    incarnation: str
    archived_through: int
    last_seq: int


def reusable(known: Record | None, wanted: HotRange) -> list[HotSegment]:
    """Return the segments of an earlier backup that hold some of the wanted logs.

    The last of them are left out while they are short beside what follows. So backups that are
    taken often do not leave thousands of small files, and each log is written few times.

    Args:
        known: the earlier backup.
        wanted: the logs that are to be in the next one.
    """
    if known is None or known.incarnation != wanted.incarnation:
        return []
    found = [each for each in known.hot if each.last_seq > wanted.archived_through]
    if any(each.last_seq > wanted.last_seq for each in found):
        return []  # logs.db is older than the backup
    while found and found[-1].rows < ROWS and _behind(found, wanted) >= found[-1].rows:
        found.pop()
    return found


def _behind(found: Sequence[HotSegment], wanted: HotRange) -> int:
    """Return about how many logs come after some segments."""
    return wanted.last_seq - found[-1].last_seq


def new_segments(
    folder: DataFolder,
    wanted: HotRange,
    after: int,
    taken_at: int,
    add_file: Callable[[pa.Buffer | bytes], str],
) -> Iterator[HotSegment]:
    """Store hot logs in `(after, last_seq]`, and yield their segments.

    Args:
        folder: the data folder, whose server and archive job may run.
        wanted: the logs that the backup is of.
        after: the last seq that is stored already.
        taken_at: milliseconds UTC.
        add_file: stores a file, and returns its SHA-256.

    Raises:
        Archived: some were archived meanwhile.
        ArchiveError: a file cannot be written, or reads back differently.
        DataFolderError: logs.db cannot be read.
    """
    after = max(after, wanted.archived_through)
    with closing(open_reader(folder.logs)) as connection, sqlite_errors(folder.logs):
        rows = HotRows(connection)
        while after < wanted.last_seq:
            with one_moment(connection):
                now = read_watermark(connection)
                if now.archived_through > after or now.incarnation != wanted.incarnation:
                    raise Archived
                found = rows.next_range(after, wanted.last_seq, ROWS)
                if found is None:
                    return
                logs = rows.read(found)
            yield _stored(logs, after, found.last, wanted.folder_id, taken_at, add_file)
            after = found.last


def _stored(
    logs: pa.Table,
    after: int,
    last: int,
    folder_id: str,
    taken_at: int,
    add_file: Callable[[pa.Buffer | bytes], str],
) -> HotSegment:
    content = encode(logs, label_of(logs, _ENCODING, 0, folder_id, taken_at), _ENCODING)
    if not decode(content, PARQUET).logs.equals(logs):
        raise ArchiveError(
            f"logs of seq {after + 1} to {last} are not what was encoded; check the memory of "
            "this machine"
        )
    view = memoryview(content)
    return HotSegment(
        after=after, last_seq=last, rows=logs.num_rows, sha256=add_file(view), size=len(view)
    )


def read_segments(
    segments: Iterable[HotSegment], after: int, content: Callable[[str, str], bytes]
) -> Iterator[pa.Table]:
    """Yield the logs of segments above a seq, a table a segment.

    Args:
        segments: the segments of a backup.
        after: the watermark of the backup.
        content: returns the verified content of a file by its SHA-256 and what it holds.

    Raises:
        ArchiveError: a file is missing or damaged.
    """
    for each in segments:
        what = f"logs of seq {each.after + 1} to {each.last_seq}"
        logs = decode(content(each.sha256, what), PARQUET).logs
        yield logs.filter(pa.compute.greater(logs["seq"], after))
