"""Files that other log stores export, opened and read line by line."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from waterline.errors import UsageError
from waterline.recognition.json_text import object_in
from waterline.recognition.objects import ObjectReader
from waterline.recognition.recognized import Parts, Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.records import DEFAULT_TYPE, InvalidLog, Record, record_of
from workbench.clients.log_files.formats import decode_text
from workbench.clients.log_files.rawlines import read_raw_lines
from workbench.clients.log_files.unpacking import as_text
from workbench.migration.entries import NAMESPACE, OldLog
from workbench.migration.findings import Findings

_sorted: Final = msgspec.json.Encoder(order="deterministic").encode


class ExportFile:
    """One exported file, packed or not.

    Args:
        path: the file.
        findings: takes what is odd.
    """

    def __init__(self, path: Path, findings: Findings) -> None:
        self.path = path
        self.name = str(path)
        self._findings = findings
        self.written = self._last_change()
        self._lines = Recognizer(reference=self.written, mixed=True)
        self.objects = ObjectReader(read_line=self._lines.headed)

    @property
    def written_ms(self) -> int:
        """Time of the last change, milliseconds UTC."""
        return int(self.written.timestamp() * 1000)

    def headed(self, line: str) -> Recognized:
        """Return what a line of another program says by itself."""
        return self._lines.headed(line)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file; what is packed is unpacked.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with self.path.open("rb") as stream:
                yield as_text(stream, self.name, "utf-8")
        except OSError as error:
            raise self._unreadable(error) from error

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not blank, with their numbers."""
        with self.open() as stream:
            for raw in read_raw_lines(stream, self.name):
                if raw.too_long:
                    self.note("longer than 16 MiB, left behind", raw.number, "line")
                elif raw.content.strip():
                    yield raw.number, decode_text(raw.content)

    def objects_of_lines(self) -> Iterator[tuple[int, dict[str, object]]]:
        """Yield the JSON object of each line; one that is none becomes the message of a log."""
        for number, line in self.lines():
            value = object_in(line)
            if value is None:
                self.note("without a JSON object, kept as text", number, "line")
                value = {"message": line}
            yield number, value

    def first_object(self) -> dict[str, object] | None:
        """Return the object of the first line; None if that is none."""
        for _, line in self.lines():
            return object_in(line)
        return None

    def log(self, said: Parts | Recognized, log_id: str, number: int) -> OldLog:
        """Return a log of the file; one without a time has that of the file's last change.

        Args:
            said: what it says.
            log_id: its id.
            number: of its line or entry.
        """
        parts = Parts(said.message, said.timestamp, said.type, said.attributes)
        try:
            record = record_of(parts, log_id)
        except InvalidLog as error:
            self.note(f"without the form of a log ({error.reason}), kept as text", number, "entry")
            text = msgspec.json.encode(said.attributes).decode()
            record = Record(log_id, parts.type or DEFAULT_TYPE, parts.timestamp, text, "{}")
        return self.dated(record, number)

    def dated(self, record: Record, number: int) -> OldLog:
        """Return a log that has an id; see `log`.

        Args:
            record: the log.
            number: of its line or entry.
        """
        if record.timestamp is None:
            self.note("without a time, dated by the last change of the file", number, "entry")
            record = record._replace(timestamp=self.written_ms)
        return OldLog(record, None, self.name, f"entry {number}")

    def note(self, what: str, number: int, unit: str) -> None:
        """Count something odd.

        Args:
            what: what it is, and what is done.
            number: of its line or entry.
            unit: what is counted.
        """
        self._findings.note(self.name, what, str(number), unit)

    def _last_change(self) -> datetime:
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> UsageError:
        return UsageError(f"{self.name} cannot be read: {error.strerror}")


def id_of(*content: object) -> str:
    """Return an id that is made of all of a log, so that each export of it has the same."""
    return str(uuid.uuid5(NAMESPACE, _sorted(content).decode()))
