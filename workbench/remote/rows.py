"""Logs and rows as they come from a server."""

import http.client
import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final, TypeVar

import pyarrow as pa

from waterline.archive.as_stored import as_stored
from waterline.archive.attribute_columns.packed import is_packed
from waterline.encoding import FORMATS
from waterline.errors import ArchiveError
from workbench.query.arranged import arranged
from workbench.query.batch_file import BatchFile
from workbench.query.execute import FoundRows, count_archived, with_members
from workbench.query.known import KnownAnswer, Mark
from workbench.query.moment import Moment
from workbench.query.piece import Part, Take
from workbench.query.progress import tell, warn_of
from workbench.query.question import Question
from workbench.remote.link import Link
from workbench.wire.codec import CODEC
from workbench.wire.faults import raised, warning
from workbench.wire.stream import ARROW, Reader, Told
from workbench.wire.values import Unreadable

# Text of the progress bar.
_ROWS: Final = "logs received"
_BUFFER: Final = 2**18
# How logs of archives may come: as they lie there, and in files that are read here.
_FORMS: Final[Told] = {
    "packed": True,
    "files": {name: each.version for name, each in FORMATS.items()},
}
# Batches whose attributes are put together at a time, while others are received.
_AT_ONCE: Final = 2


_Made = TypeVar("_Made")


class Received:
    """An answer of rows that is being received.

    Args:
        link: the way to the server.
        path: path of the question.
        body: the question.

    Attributes:
        head: what the server told at the begin.
        schema: columns of the rows.

    Raises:
        WaterlineError: there is no answer.
    """

    def __init__(self, link: Link, path: str, body: Told) -> None:
        with ExitStack() as opened:
            self._response = opened.enter_context(link.asked(path, CODEC.encode(body), ARROW))
            self._reader = _reader(self._response)
            self._opened = opened.pop_all()
        self.head = self._reader.head
        self.schema = self._reader.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; `tail` is known when they end.

        Raises:
            ServerUnreachable: the answer broke off.
            WaterlineError: the server could not go on.
        """
        return self._whole(map(_rows, self._read()))

    def logs(self) -> Iterator[pa.Table]:
        """Yield the rows as tables of logs as they were stored; see `batches`."""
        return self._whole(_stored(self._read()))

    def _read(self) -> Iterator[pa.RecordBatch | BatchFile]:
        rows = 0
        for batch in self._reader.batches():
            rows += batch.num_rows
            tell(_ROWS, rows)
            yield batch
        tail = self._reader.tail
        assert tail is not None
        if "error" in tail:
            raise raised(tail["error"])
        # Its end as HTTP has it is read too.
        if tail.get("rows") != rows or self._reader.rest():
            raise Unreadable("the answer has other rows than it tells")
        self.tail = tail

    def _whole(self, parts: Iterator[_Made]) -> Iterator[_Made]:
        """Yield what is made of the rows, then warn as the server did."""
        with self._opened:
            try:
                yield from parts
            except pa.ArrowException as error:
                raise Unreadable(str(error)) from error
        warn_as_told(self.tail)


def _rows(piece: pa.RecordBatch | BatchFile) -> pa.RecordBatch:
    if isinstance(piece, BatchFile):
        raise Unreadable("the answer has a file that was not asked for")
    return piece


def _stored(pieces: Iterator[pa.RecordBatch | BatchFile]) -> Iterator[pa.Table]:
    """Yield logs as they were stored; other threads put attributes together meanwhile."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made: deque[Future[pa.Table]] = deque()
        for piece in pieces:
            if isinstance(piece, BatchFile):
                made.append(pool.submit(_of_file, piece))
                ahead = _AT_ONCE
            else:
                table = pa.Table.from_batches([piece])
                made.append(pool.submit(as_stored, table))
                ahead = _AT_ONCE if any(map(is_packed, table.columns)) else 0
            while len(made) > ahead:
                yield made.popleft().result()
        while made:
            yield made.popleft().result()


def _of_file(file: BatchFile) -> pa.Table:
    try:
        logs = file.logs()
    except ArchiveError as error:
        raise Unreadable(f"a file of the answer cannot be read: {error}") from error
    if logs.num_rows != file.num_rows:
        raise Unreadable("a file of the answer has other logs than it tells")
    return as_stored(logs)


def warn_as_told(told: Told) -> None:
    """Warn of what a server warned of."""
    for name, sentence in told.get("warnings", ()):
        warn_of(sentence, warning(name))


class RemoteRows:
    """Reads the logs of a server that match a question.

    Args:
        link: the way to the server.
        clock: returns milliseconds UTC.
    """

    def __init__(self, link: Link, clock: Callable[[], int]) -> None:
        self._link = link
        self._clock = clock

    def rows(
        self, question: Question, known: KnownAnswer | None = None, *, may_lack: bool = False
    ) -> FoundRows:
        """Return the logs that match a question; see `Logs.rows`."""
        body: Told = {
            "question": replace(question, members=None),
            "known": None if known is None else known.mark,
            "may_lack": may_lack,
            **_FORMS,
            "now": self._clock(),
        }
        received = Received(self._link, "/query", body)
        table = pa.concat_tables([received.schema.empty_table(), *received.logs()])
        head, tail = received.head, received.tail
        came = None
        if known is not None and head["continues"] is True:
            came = table.num_rows
            table = pa.concat_tables([known.table.select(table.column_names), table])
        table = arranged(table, question)
        return FoundRows(
            with_members(table, question),
            tail["pruned"],
            _of(head["moment"], Moment),
            count_archived(table, tail["archived"]),
            tuple(tail["missing"]),
            _of(head["mark"], Mark),
            came,
        )


class RemoteScan:
    """All logs of a server that match a question, by seq, as they are received.

    Args:
        link: the way to the server.
        question: what is asked.
        seqs: seqs to restrict the scan to; None is all. Its end is not heeded.
        now: milliseconds UTC.

    Attributes:
        moment: moment of the scan.
        last_seq: highest seq committed at the moment.
        lacks: sentence about pruned logs that may have matched, or None.
    """

    def __init__(self, link: Link, question: Question, seqs: range | None, now: int) -> None:
        after = 0 if seqs is None else seqs.start - 1
        body: Told = {"question": question, "after": after, **_FORMS, "now": now}
        self._received = Received(link, "/query", body)
        head = self._received.head
        self.moment: Moment = _of(head["moment"], Moment)
        self.last_seq: int = _of(head["last_seq"], int)
        self.lacks: str | None = head["lacks"]

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables of logs with the question's columns.

        Raises:
            ServerUnreachable: the answer broke off.
            ArchiveError: an archive file is missing, damaged or was pruned meanwhile.
        """
        yield from self._received.logs()

    def parts(self, take: Take[Part]) -> Iterator[Part]:
        """Yield what a function takes from each of these tables."""
        return map(take, self.tables())


def _reader(response: http.client.HTTPResponse) -> Reader:
    try:
        return Reader(io.BufferedReader(response, _BUFFER))
    except pa.ArrowException as error:
        raise Unreadable(str(error)) from error


def _of(value: object, kind: type) -> Any:  # noqa: ANN401 - of that class
    if not isinstance(value, kind):
        raise Unreadable(f"{value!r:.80} is no {kind.__name__}")
    return value
