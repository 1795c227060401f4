"""Logs on disk until the server has answered them: files of a folder, as a queue.

Each file is the end of the queue of one process while that holds its lock, and is removed once all
in it is answered. A process that starts takes over the files of those that have ended.

A file begins with how far it is answered, and goes on with records: a checksum, two lengths, the id
and the log. A process that is killed may leave half a record at the end, which is cut off. Who
writes is sure of what `append` has returned from: the system has it, whatever becomes of the
process. A power cut costs what was not synced.
"""

import fcntl
import logging
import os
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from waterline.errors import UsageError
from waterline.printable import printable

logger = logging.getLogger(__name__)

LEAST_SIZE: Final = 2**20
# Bytes of a file after which another is begun.
_FILE_SIZE: Final = 8 * 2**20
_READ_SIZE: Final = 2**20
_SUFFIX: Final = ".spool"
_MAGIC: Final = b"wlspool1"
_HEAD: Final = struct.Struct("<8sQI")  # magic, bytes that are answered, their checksum
_RECORD: Final = struct.Struct("<III")  # checksum of all that follows, bytes of the id, of the log
_LENGTHS: Final = struct.Struct("<II")
_numbers: Final = count()


class Spooled(NamedTuple):
    """A log that was read."""

    log_id: str
    log: bytes
    file: "_File"
    end: int
    """Where it ends in its file."""


@dataclass(slots=True, eq=False)
class _File:
    """A file of the queue, whose lock this process holds."""

    path: Path
    descriptor: int
    size: int
    """Bytes up to the end of the last record."""
    read: int
    """Bytes that were read, as `answered` and `synced` are bytes from the begin too."""
    answered: int
    synced: int
    seen: int
    """Bytes that there were at the last call of `sync`."""

    is_left: bool = False
    """Whether another process wrote it."""

    def write_answered(self) -> None:
        """Keep how far it is answered."""
        position = struct.pack("<Q", self.answered)
        os.pwrite(self.descriptor, _HEAD.pack(_MAGIC, self.answered, crc32(position)), 0)


class Spool:
    """A queue of logs in a folder.

    The caller takes care that one thread at a time is in it; another one may `sync` meanwhile.

    Args:
        folder: made if it is missing; many processes may have the same one.
        size: bytes that its files may take.

    Raises:
        UsageError: the folder cannot be used, or the size is too small.
    """

    def __init__(self, folder: Path, size: int) -> None:
        if size < LEAST_SIZE:
            raise UsageError(f"spool_size={size} is too small; give {LEAST_SIZE} bytes or more")
        self._folder = folder
        self._most = size
        self._file_size = min(_FILE_SIZE, size // 8)
        self._files: deque[_File] = deque()
        self._last: _File | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                self._take_over(path)
        except OSError as error:
            raise UsageError(
                f"the spool {folder} cannot be used ({error.strerror}); give a folder that this "
                "process may write"
            ) from error
        self._size = sum(each.size for each in self._files)

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self._size

    @property
    def has_unread(self) -> bool:
        """Whether there are logs that were not read yet."""
        return any(each.read < each.size for each in self._files)

    @property
    def is_empty(self) -> bool:
        """Whether all logs are answered."""
        return all(each.answered == each.size for each in self._files)

    def append(self, log_id: str, log: bytes) -> bool:
        """Write a log behind all others; return whether there was room.

        Raises:
            UsageError: no spool of this size has room for the log.
            OSError: the disk is full or fails; nothing is written then.
        """
        name = log_id.encode(errors="backslashreplace")
        rest = _LENGTHS.pack(len(name), len(log)) + name + log
        record = crc32(rest).to_bytes(4, "little") + rest
        if _HEAD.size + len(record) > self._most:
            raise UsageError(f"a log of {len(log)} bytes has no room in a spool of {self._most}")
        last = self._last
        if (
            last is None
            or last.size + len(record) > max(self._file_size, _HEAD.size + len(record))
            or self._size + len(record) > self._most
        ):
            # Once it is answered it is removed, which one that is written to is not.
            self._last = None
            self._remove_answered()
            if self._size + _HEAD.size + len(record) > self._most:
                return False
            last = self._begin()
        try:
            _write(last.descriptor, record, last.size)
        except OSError:
            os.ftruncate(last.descriptor, last.size)
            raise
        last.size += len(record)
        self._size += len(record)
        return True

    def read(self) -> Sequence[Spooled]:
        """Return the next logs that were not read yet, some of them; none at the end."""
        for file in list(self._files):
            if file.read < file.size:
                size = file.size
                found = _read(file)
                self._size -= size - file.size
                if found:
                    return found
        self._remove_answered()
        return ()

    def settle(self, last: Spooled) -> None:
        """Take all logs up to one as answered, and keep that."""
        if last.file not in self._files:
            return  # closed meanwhile
        for file in self._files:
            if file is last.file:
                break
            file.answered = file.size
        last.file.answered = last.end
        last.file.write_answered()
        self._remove_answered()

    def sync(self) -> None:
        """Have the disk keep what has not been answered since the last call."""
        for file in list(self._files):
            if file.answered < file.seen and file.synced < file.seen:
                size = file.size
                try:
                    if file.synced == 0:
                        _sync_folder(self._folder)
                    os.fsync(file.descriptor)
                    file.synced = size
                except OSError as error:
                    if file in self._files:  # else it was answered meanwhile, and removed
                        logger.warning(
                            "%s cannot be synced: %s", printable(str(file.path)), error.strerror
                        )
            file.seen = file.size

    def close(self) -> None:
        """Let another process have the files; remove those that are answered."""
        self._last = None
        self._remove_answered()
        self.forget()

    def forget(self) -> None:
        """Have no files any more, as those are of the process that this was forked off."""
        for file in self._files:
            os.close(file.descriptor)
        self._files.clear()
        self._last = None
        self._size = 0

    def _begin(self) -> _File:
        """Begin another file."""
        while True:
            path = self._folder / f"{time.time_ns():020}-{os.getpid()}-{next(_numbers)}{_SUFFIX}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if _lock(descriptor):
                break
            os.close(descriptor)  # another process took it for one that was left
        size = _HEAD.size
        file = _File(path, descriptor, size, read=size, answered=size, synced=0, seen=size)
        try:
            file.write_answered()
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self._last = file
        self._files.append(file)
        self._size += size
        return file

    def _remove_answered(self) -> None:
        """Remove files from the front that are answered, but not the one that is written to."""
        while self._files:
            first = self._files[0]
            if first is self._last or first.answered < first.size:
                return
            self._files.popleft()
            self._size -= first.size
            first.path.unlink(missing_ok=True)
            os.close(first.descriptor)

    def _take_over(self, path: Path) -> None:
        """Have the file of a process that has ended, if there is anything in it."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return
        if not _lock(descriptor):
            os.close(descriptor)
            return
        size = os.fstat(descriptor).st_size
        answered = _answered(os.pread(descriptor, _HEAD.size, 0))
        if answered >= size:
            path.unlink()
            os.close(descriptor)
            return
        self._files.append(
            _File(path, descriptor, size, answered, answered, 1, seen=answered, is_left=True)
        )


def _read(file: _File) -> Sequence[Spooled]:
    """Return logs of a file from where it was read to; cut off what is none."""
    found: list[Spooled] = []
    data = os.pread(file.descriptor, min(_READ_SIZE, file.size - file.read), file.read)
    at = 0
    while at + _RECORD.size <= len(data):
        checksum, name, log = _RECORD.unpack_from(data, at)
        end = at + _RECORD.size + name + log
        if end > len(data):
            if found or file.read + end > file.size:
                break
            data = os.pread(file.descriptor, end, file.read)
            if len(data) < end:
                break
            continue
        body = memoryview(data)[at + 4 : end]
        if crc32(body) != checksum:
            break
        begin = at + _RECORD.size
        found.append(
            Spooled(
                data[begin : begin + name].decode(),
                data[begin + name : end],
                file,
                file.read + end,
            )
        )
        at = end
    file.read += at
    if not found:
        logger.warning(
            "%s: the last %d bytes are no whole log, as a process or the power ended amid it",
            printable(str(file.path)),
            file.size - file.read,
        )
        file.size = file.read
    return found


def _answered(head: bytes) -> int:
    """Return how far a file is answered, by its first bytes; nothing of it where they are odd."""
    if len(head) < _HEAD.size:
        return _HEAD.size
    magic, answered, checksum = _HEAD.unpack(head)
    is_right = magic == _MAGIC and checksum == crc32(struct.pack("<Q", answered))
    return int(answered) if is_right else _HEAD.size


def _lock(descriptor: int) -> bool:
    """Lock a file; return whether it could be, and is in its folder still."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _write(descriptor: int, record: bytes, place: int) -> None:
    """Write all of a record; where that fails it is overwritten by the next."""
    while record:
        written = os.pwrite(descriptor, record, place)
        record, place = record[written:], place + written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
