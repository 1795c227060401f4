"""GET /dashboard/download: the logs that a page shows, all of them, as a file."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast

import msgspec
import tornado.iostream

from waterline.errors import UsageError, WaterlineError
from waterline.responses import Fault
from workbench.dashboard.explorer.asked import Reach, interpret
from workbench.dashboard.explorer.messages import Ask
from workbench.dashboard.origin import Origin
from workbench.dashboard.response import Response
from workbench.exports.export import export_scan
from workbench.exports.formats import ExportFormat
from workbench.query.question import Question
from workbench.response_stream import ResponseStream

MOST_AT_ONCE: Final = 2
"""Number of downloads that are read at once; others are told to try again."""
_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


class Download(Response):
    """Streams the logs of the address of a page; only a whole one ends as HTTP wants it."""

    running = 0

    def initialize(self, origin: Origin, clock: Callable[[], int]) -> None:
        """Take the folder and the clock."""
        self._origin = origin
        self._clock = clock

    async def get(self) -> None:
        """Answer with the file, or with an error before its first byte."""
        try:
            form, question = self._asked()
        except UsageError as error:
            self.fail(400, Fault("bad_request", str(error)))
            return
        if Download.running >= MOST_AT_ONCE:
            self.set_header("Retry-After", "5")
            self.fail(
                503, Fault("busy", f"{MOST_AT_ONCE} downloads are read already; try again soon")
            )
            return
        Download.running += 1
        try:
            await self._send(form, question)
        finally:
            Download.running -= 1

    def _asked(self) -> tuple[ExportFormat, Question]:
        given: dict[str, Any] = {
            "number": 0,
            "query": self.get_query_argument("q", ""),
            "types": self.get_query_arguments("type"),
            "sources": self.get_query_arguments("source"),
            "begin": self.get_query_argument("from", ""),
            "end": self.get_query_argument("to", ""),
        }
        live = self.get_query_argument("live", "")
        if live.isdecimal():
            given["through"] = int(live)
        try:
            form = ExportFormat(self.get_query_argument("format", ExportFormat.CSV))
            message = msgspec.convert(given, Ask)
        except (ValueError, msgspec.ValidationError) as error:
            raise UsageError(f"this is no download of the page: {error}") from error
        if not message.begin:
            raise UsageError("the address has no from; open the page once, which sets it")
        return form, interpret(message, Reach(None, None), self._clock()).question

    async def _send(self, form: ExportFormat, question: Question) -> None:
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        self.set_header("Content-Type", _TYPES[form])
        name = f"logs-{now:%Y%m%dT%H%M%SZ}.{form.value}"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("Cache-Control", "no-store")
        stream = ResponseStream(self._pass_on, asyncio.get_running_loop())

        def export() -> None:
            with closing(self._origin.open()) as asking:
                asking.refuse_earlier()
                export_scan(asking.scan(question), form, cast("BinaryIO", stream))
            stream.send()
            stream.wait()

        try:
            await asyncio.to_thread(export)
            await self.finish()
        except tornado.iostream.StreamClosedError:
            pass  # nobody waits for it any more
        except (WaterlineError, BrokenPipeError) as error:
            if stream.has_begun:
                # Without its last chunk, no client takes it for whole.
                self.detach().close()
            else:
                self.clear()
                self.fail(500, Fault("not_whole", str(error)))

    async def _pass_on(self, piece: bytes) -> None:
        self.write(piece)
        await self.flush()
