"""Exports of the systemd journal: `journalctl -o export` and `journalctl -o json`."""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from waterline.errors import UsageError
from workbench.clients.log_files.formats import decode_text
from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile, id_of

_FORM: Final = "the journal"
# `journalctl` writes it of each entry, whatever fields are asked for.
_MARK: Final = "__REALTIME_TIMESTAMP"
_NAME: Final = re.compile(rb"[A-Z0-9_]+")
_READ_BYTES: Final = 2**18
# Bytes of a field that are kept.
_LONGEST_FIELD: Final = 16 * 2**20

Fields = dict[str, object]
"""Fields of an entry; one that is given several times has a list of texts."""


def read_journald(file: ExportFile) -> Iterator[OldLog]:
    """Yield the logs of such a file; an entry is known by its `__CURSOR`.

    Raises:
        UsageError: the file ends amid an entry, or is none of the journal.
    """
    with file.open() as stream:
        head = stream.read(1)
    if head == b"{":
        file.refuse_lines_without((_MARK,), _FORM)
        entries = file.objects_of_lines()
    else:
        entries = _exported(file)
    for number, value in entries:
        if value.get("MESSAGE", "") is None:
            what = "without the MESSAGE, which was too long for the export; use journalctl --all"
            file.note(what, number, "entry")
        cursor = value.get("__CURSOR")
        log_id = id_of("journald", cursor if isinstance(cursor, str) else value)
        yield file.log(file.objects.read(value), log_id, number)


def _exported(file: ExportFile) -> Iterator[tuple[int, Fields]]:
    """Yield the entries of the export format."""
    with file.open() as stream:
        reader, fields, number = _Reader(stream, file), Fields(), 1
        while (line := reader.line()) is not None:
            if not line:
                if number == 1 and fields and _MARK not in fields:
                    raise file.of_another_form((_MARK,), _FORM)
                if fields:
                    yield number, fields
                    number += 1
                fields = Fields()
                continue
            name, equals, value = line.partition(b"=")
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"{file.name} is no export of the journal: entry {number} has a field without "
                    "a name in capitals; name what made the file with --from"
                )
            if not equals:
                value, size = reader.field()
                if size > len(value):
                    file.note("with a field of more than 16 MiB, cut off", number, "entry")
            _add(fields, name.decode(), decode_text(value))
        if fields:  # an empty line ends each entry
            raise file.cut_off()


def _add(fields: Fields, name: str, value: str) -> None:
    known = fields.get(name)
    if known is None:
        fields[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        fields[name] = [known, value]


class _Reader:
    """Lines and binary fields of a stream."""

    def __init__(self, stream: BinaryIO, file: ExportFile) -> None:
        self._stream = stream
        self._file = file
        self._name = file.name
        self._buffer = bytearray()
        self._at = 0

    def line(self) -> bytes | None:
        """Return the next line without its end; None at the end of the stream.

        Raises:
            UsageError: the line has no end.
        """
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if len(self._buffer) - self._at > _LONGEST_FIELD:
                raise UsageError(f"{self._name} is no export of the journal: a line has no end")
            if not self._more():
                if self._at < len(self._buffer):
                    raise self._file.cut_off()
                return None
        line = bytes(self._buffer[self._at : end])
        self._at = end + 1
        return line

    def field(self) -> tuple[bytes, int]:
        """Return the beginning of a binary field, and its size."""
        (size,) = struct.unpack("<Q", self._take(8, 8))
        value = self._take(size, _LONGEST_FIELD)
        if self._take(1, 1) != b"\n":
            raise UsageError(
                f"{self._name} is no export of the journal: a field is longer than it says"
            )
        return value, size

    def _take(self, size: int, kept: int) -> bytes:
        """Return the next bytes.

        Args:
            size: how many.
            kept: how many of them are kept at most.
        """
        taken = bytearray()
        while size:
            if self._at == len(self._buffer) and not self._more():
                raise self._file.cut_off()
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            taken += piece[: max(0, kept - len(taken))]
        return bytes(taken)

    def _more(self) -> bool:
        piece = self._stream.read(_READ_BYTES)
        if piece:
            del self._buffer[: self._at]
            self._at = 0
            self._buffer += piece
        return bool(piece)
