"""POST /query, POST /sql and POST /report/NAME: questions as JSON, and their answers."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import tornado.iostream

from waterline.clock import now_ms
from waterline.encoding import FORMATS
from waterline.errors import UsageError, WaterlineError
from workbench.query import answers
from workbench.query.batch_file import BatchFile, TableOrFile
from workbench.query.known import Mark
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import GivenUp
from workbench.query.question import Filters, may_lack_logs
from workbench.query.question import Question as AskedLogs
from workbench.query.session import Session
from workbench.query.sql.statement import Room
from workbench.response_stream import ResponseStream
from workbench.serving.endpoint import Question
from workbench.serving.output import Answer, Form, form_of
from workbench.serving.rows import STORED, Forms, Stream, matching_logs, scanned_logs
from workbench.serving.work import Asked, Work
from workbench.wire.calls import CALLS, check_arguments
from workbench.wire.codec import CODEC
from workbench.wire.faults import written
from workbench.wire.stream import JSON, Told
from workbench.wire.values import Unreadable

# Seconds for which a client may take nothing of its answer.
_SILENCE: Final = 300.0
# Of each SELECT, several of which may be answered at once.
_ROOM: Final = Room(memory=256 * 2**20, disk=4 * 2**30)
# Members of a body that are not filters.
_OWN: Final = frozenset({"now", "incomplete"})

_Begin = Callable[[pa.Schema, Told], Answer]
"""Begins an answer with its columns, and what is known at the begin."""
_Produce = Callable[[Session, _Begin], Told]
"""Begins an answer and writes its rows; returns what is known at the end."""


class _Rows(Question):
    """Endpoint that answers by a stream of rows."""

    @abstractmethod
    def read(self, given: dict[str, Any]) -> _Produce:
        """Return what writes the rows that a body asks for.

        Raises:
            Unreadable, UsageError: it asks for none.
        """

    async def post(self) -> None:
        """Answer, or end the request with an error before the first byte."""
        body = self.body()
        if body is None:
            return
        try:
            form = form_of(self.request.headers.get("Accept", "*/*"))
            given = _members(body)
            produce = self.read(given)
            work = Work(_asked(self.answering.folder, given))
        except (Unreadable, UsageError) as error:
            self.fail(error)
            return
        if not self.admit(work):
            return
        self.set_header("Content-Type", form)
        self.set_header("Cache-Control", "no-store")
        sink = ResponseStream(self._pass_on, asyncio.get_running_loop())
        try:
            await work.run(
                self.answering.pool, lambda session: self._write(session, form, produce, sink)
            )
            if not self._finished:
                await self.finish()
        except (tornado.iostream.StreamClosedError, BrokenPipeError, GivenUp):
            pass  # nobody waits for it any more
        except WaterlineError as error:
            if sink.has_begun:
                self.cut()
            elif not self._finished:
                self.fail(error)
        finally:
            self.answering.admission.leave(self)

    def _write(self, session: Session, form: Form, produce: _Produce, sink: ResponseStream) -> None:
        assert self.work is not None
        begun: list[Answer] = []

        def begin(schema: pa.Schema, head: Told) -> Answer:
            answer = Answer(form, sink, schema, head, self.answering.most)
            begun.append(answer)
            return answer

        try:
            told = produce(session, begin)
            begun[0].end({**told, "warnings": self.work.warned()})
        except WaterlineError as error:
            if not sink.has_begun or not begun[0].fail(written(error)):
                raise
        except BaseException:
            # Arrow's writers write the end of their format when they are deleted.
            for each in begun:
                each.stop()
            raise
        sink.send()
        sink.wait()

    async def _pass_on(self, piece: bytes) -> None:
        if self._finished:
            raise tornado.iostream.StreamClosedError
        self.write(piece)
        await asyncio.wait_for(self.flush(), _SILENCE)


class Query(_Rows):
    """POST /query: logs that match filters."""

    def read(self, given: dict[str, Any]) -> _Produce:
        """Return the logs that filters ask for, or a question of a remote workbench."""
        question = given.get("question")
        if question is None:
            return _filtered(given)
        known, after = given.get("known"), given.get("after")
        if not isinstance(question, AskedLogs) or not isinstance(known, Mark | None):
            raise Unreadable("this is no question of a workbench")
        forms = _forms(given)
        if after is None:
            may_lack = given.get("may_lack") is True
            return _produced(
                lambda session: matching_logs(
                    session, question, known, may_lack=may_lack, forms=forms
                )
            )
        if not isinstance(after, int):
            raise Unreadable(f"after={after!r:.80} is no seq")
        return _produced(lambda session: scanned_logs(session, question, after, forms=forms))


class Sql(_Rows):
    """POST /sql: the rows of a SELECT."""

    def read(self, given: dict[str, Any]) -> _Produce:
        """Return the rows of a SELECT."""
        query, parameters = given.get("query"), given.get("parameters")
        if not isinstance(query, str):
            raise Unreadable("query is missing, or no text: give a SELECT")
        if not isinstance(parameters, list | Mapping | None):
            raise Unreadable("parameters are neither a list nor an object")
        pin = None if given.get("at") is None else to_pin(given["at"])

        def produce(session: Session, begin: _Begin) -> Told:
            moment = session.pin() if pin is None else pin

            def take(pieces: Iterator[pa.Table]) -> None:
                first = next(pieces)
                answer = begin(first.schema, {"pin": str(moment)})
                for each in chain([first], pieces):
                    answer.write(each)

            lacks = answers.sql_pieces(session, query, moment, None, take, parameters, _ROOM)
            return {"pruned": lacks, "missing": []}

        return produce


class Report(Question):
    """POST /report/NAME: an answer in one piece."""

    async def post(self, name: str) -> None:
        """Answer."""
        body = self.body()
        if body is None:
            return
        try:
            if name not in CALLS:
                raise Unreadable(f"there is no report {name}; there are {', '.join(CALLS)}")
            given = _members(body)
            arguments = given.get("arguments", [])
            if not isinstance(arguments, list):
                raise Unreadable("arguments are no list")
            check_arguments(name, arguments)
            work = Work(_asked(self.answering.folder, given))
        except (Unreadable, UsageError) as error:
            self.fail(error)
            return
        if not self.admit(work):
            return
        try:
            content = await work.run(
                self.answering.pool,
                lambda session: CODEC.encode(
                    {"value": CALLS[name](session, *arguments), "warnings": work.warned()}
                ),
            )
            if len(content) > self.answering.most:
                raise UsageError("the report takes more than the server's setting query_bytes")
            if not self._finished:
                self.answer(JSON, content)
        except (tornado.iostream.StreamClosedError, GivenUp):
            pass  # nobody waits for it any more
        except WaterlineError as error:
            if not self._finished:
                self.fail(error)
        finally:
            self.answering.admission.leave(self)


def _table(logs: TableOrFile) -> pa.Table:
    assert not isinstance(logs, BatchFile), "no file was asked for"
    return logs


def _forms(given: Mapping[str, Any]) -> Forms:
    """Return how a remote workbench takes logs of archives."""
    files = given.get("files", {})
    if not isinstance(files, dict):
        raise Unreadable("files are no formats by name")
    # One of another version might not read what is written here now.
    known = frozenset(name for name, each in FORMATS.items() if files.get(name) == each.version)
    return Forms(packed=given.get("packed") is True, files=known)


def _filtered(given: Mapping[str, Any]) -> _Produce:
    """Return the logs that filters ask for, with the columns that they name."""
    may_lack = may_lack_logs(given.get("incomplete", "raise"))
    filters: dict[str, Any] = {name: each for name, each in given.items() if name not in _OWN}
    unknown = filters.keys() - Filters.__annotations__.keys()
    if unknown:
        raise Unreadable(
            f"there is no filter {min(unknown)}; the filters are "
            f"{', '.join(sorted(Filters.__annotations__))}"
        )
    where = filters.get("where")
    if isinstance(where, dict):
        # JSON has no tuples.
        filters["where"] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in where.items()
        }

    def opened(session: Session) -> Stream:
        question = session.question(cast("Filters", filters), may_lack=may_lack)
        stream = matching_logs(session, question, None, may_lack=may_lack, forms=STORED)
        names = [*question.columns]
        return replace(
            stream,
            schema=stream.schema.empty_table().select(names).schema,
            tables=(_table(each).select(names) for each in stream.tables),
            head={"pin": stream.head["pin"]},
        )

    return _produced(opened)


def _produced(opened: Callable[[Session], Stream]) -> _Produce:
    """Return what writes the rows of a stream."""

    def produce(session: Session, begin: _Begin) -> Told:
        stream = opened(session)
        answer = begin(stream.schema, stream.head)
        for each in stream.tables:
            answer.write(each)
            del each  # else it is held while the next one is read
        return stream.tail()

    return produce


def _members(body: bytes) -> dict[str, Any]:
    """Return the members of a body.

    Raises:
        Unreadable: it is no JSON object.
    """
    given = CODEC.decode(body)
    if not isinstance(given, dict):
        raise Unreadable("the body is no JSON object")
    return given


def _asked(folder: Path, given: Mapping[str, Any]) -> Asked:
    now, pin = given.get("now"), given.get("pin")
    if not isinstance(now, int | None) or not isinstance(pin, Pin | None):
        raise Unreadable("now is no number of milliseconds, or pin no pin")
    return Asked(folder, now_ms() if now is None else now, pin)
