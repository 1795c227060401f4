"""Files that other log stores export, opened and read line by line."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
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
from workbench.clients.log_files.rawlines import RawLine, read_raw_lines
from workbench.clients.log_files.unpacking import as_text
from workbench.migration.entries import NAMESPACE, OldLog
from workbench.migration.findings import Findings

# Lines at the start of a file that are looked at for what its form has.
_FIRST_LINES: Final = 20

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
        for raw in self._raw_lines():
            yield raw.number, decode_text(raw.content)

    def objects_of_lines(self) -> Iterator[tuple[int, dict[str, object]]]:
        """Yield the JSON object of each line; one that is none becomes the message of a log.

        Raises:
            UsageError: the file ends amid an object.
        """
        for raw in self._raw_lines():
            line = decode_text(raw.content)
            value = object_in(line)
            if value is None:
                has_no_end = raw.end - raw.offset == len(raw.content)
                if has_no_end and line.lstrip().startswith("{"):
                    raise self.cut_off()
                self.note("without a JSON object, kept as text", raw.number, "line")
                value = {"message": line}
            yield raw.number, value

    def refuse_lines_without(self, marks: Collection[str], form: str) -> None:
        """Refuse lines of another form.

        Args:
            marks: members, of which each object has one.
            form: what the lines are to be, for the error.

        Raises:
            UsageError: none of the first lines is an object with such a member.
        """
        first = [object_in(line) or {} for _, line in islice(self.lines(), _FIRST_LINES)]
        if first and not any(mark in value for value in first for mark in marks):
            raise self.of_another_form(marks, form)

    def of_another_form(self, marks: Collection[str], form: str) -> UsageError:
        """Return the error for a file of another form; see `refuse_lines_without`."""
        return UsageError(
            f"{self.name} is no export of {form}: none of its first entries has "
            f"{' or '.join(marks)}; name what made it with --from"
        )

    def cut_off(self) -> UsageError:
        """Return the error for a file without its end."""
        return UsageError(f"{self.name} ends amid an entry; export it again")

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

    def _raw_lines(self) -> Iterator[RawLine]:
        """Yield the lines that are not blank; note those that are too long."""
        with self.open() as stream:
            for raw in read_raw_lines(stream, self.name):
                if raw.too_long:
                    self.note("longer than 16 MiB, left behind", raw.number, "line")
                elif raw.content.strip():
                    yield raw

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
