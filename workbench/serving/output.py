"""Answers as bytes: Arrow, JSON lines or CSV, as the header Accept asks for."""

from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa

from waterline.archive.columns import SCHEMA
from waterline.errors import UsageError
from waterline.units import human_size
from workbench.exports.formats import ExportFormat, Output, open_log_writer
from workbench.exports.rows import open_row_writer
from workbench.query.batch_file import BatchFile, TableOrFile
from workbench.wire.stream import ARROW, Told, Writer


class Form(StrEnum):
    """Form of an answer, by its content type."""

    ARROW = ARROW
    JSONL = "application/jsonl"
    CSV = "text/csv"


_ALIKE: Final = {
    "*/*": Form.ARROW,
    "application/*": Form.ARROW,
    "application/x-ndjson": Form.JSONL,
    "application/json": Form.JSONL,
    "text/*": Form.CSV,
    **{each.value: each for each in Form},
}
_BY_FORM: Final = {Form.JSONL: ExportFormat.JSONL, Form.CSV: ExportFormat.CSV}
# What the last line of JSON lines tells, as that of Arrow does.
_TOLD: Final = ("pin", "rows", "pruned", "missing", "warnings")


def form_of(accept: str) -> Form:
    """Return the form that a header Accept asks for, the first one that is known.

    Raises:
        UsageError: it names none that is known.
    """
    names = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    found = next((_ALIKE[name] for name in names if name in _ALIKE), None)
    if found is None:
        raise UsageError(f"answers are {', '.join(Form)}; name one of them in Accept")
    return found


class _Writer(Protocol):
    """Writes rows as text."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write the end of the format."""


class Answer:
    """An answer that is being written.

    Args:
        form: its form.
        sink: takes the bytes.
        schema: columns of the rows.
        head: what is known at the begin.
        most: number of bytes that it may take.
    """

    def __init__(
        self,
        form: Form,
        sink: Any,  # noqa: ANN401 - any file
        schema: pa.Schema,
        head: Told,
        most: int,
    ) -> None:
        self._form = form
        self._output = Output(sink)
        self._most = most
        self._rows = 0
        self._pin = head["pin"]
        self._arrow: Writer | None = None
        self._text: _Writer | None = None
        if form is Form.ARROW:
            self._arrow = Writer(pa.PythonFile(self._output, mode="w"), schema, head)
        elif schema.names == SCHEMA.names:
            self._text = open_log_writer(_BY_FORM[form], self._output)
        else:
            self._text = open_row_writer(_BY_FORM[form], self._output, schema)

    def write(self, logs: TableOrFile) -> None:
        """Append rows; a file of a batch can be written in Arrow alone.

        Raises:
            UsageError: the answer takes more bytes than it may.
        """
        self._rows += logs.num_rows
        if isinstance(logs, BatchFile):
            # It is one piece, whose size is known before.
            self._refuse_beyond(len(logs.content))
        if self._arrow is not None:
            self._arrow.write(logs)
        else:
            assert self._text is not None
            assert not isinstance(logs, BatchFile)
            self._text.write(logs)
        self._refuse_beyond(0)

    def _refuse_beyond(self, ahead: int) -> None:
        """End the answer if with the bytes ahead it takes more than it may.

        Raises:
            UsageError: it does.
        """
        if self._output.size + ahead > self._most:
            raise UsageError(
                f"the answer takes more than {human_size(self._most)}; ask for fewer logs or "
                "columns, or raise the server's setting query_bytes"
            )

    def end(self, told: Told) -> None:
        """Append the end.

        Args:
            told: what is known at the end beside pin and number of rows.
        """
        told = {"pin": self._pin, "rows": self._rows, **told}
        if self._arrow is not None:
            self._arrow.end(told)
            return
        assert self._text is not None
        self._text.close()
        if self._form is Form.JSONL:
            end = {name: told.get(name) for name in _TOLD}
            self._output.write(msgspec.json.encode({"@": "end", **end}) + b"\n")

    def fail(self, error: Told) -> bool:
        """Tell of an error at the end, if the form can; return whether it can."""
        if self._arrow is None:
            self.stop()
            return False
        self._arrow.end({"error": error})
        return True

    def stop(self) -> None:
        """Write nothing more, so that what has failed does not end as if it were whole."""
        self._output.stop()
