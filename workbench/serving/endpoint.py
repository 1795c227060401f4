"""Base of the endpoints: who may ask, errors of one shape, and log lines without secrets."""

import asyncio
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import tornado.httputil
import tornado.web
from tornado.http1connection import HTTP1Connection

from waterline.authorization import token_of
from waterline.errors import (
    ArchiveError,
    DataFolderError,
    QueryError,
    UsageError,
    WaterlineError,
)
from waterline.origins import host_fault, page_fault
from waterline.responses import Fault
from waterline.tokens import Token
from waterline.units import format_size
from workbench.serving.admission import BUSY_SECONDS, Admission
from workbench.serving.work import Work
from workbench.wire.faults import written
from workbench.wire.values import Unreadable

logger = logging.getLogger(__name__)

MOST_ASKED: Final = 8 * 2**20
"""Bytes that a question may take."""
# Bytes of a question that are read, and thrown away, so that its client gets a sentence.
_MOST_READ: Final = 2**30

PATHS: Final = "/query, /sql, /report/NAME, /health and /livez"


@dataclass(frozen=True, slots=True)
class Answering:
    """What all requests share."""

    folder: Path
    admission: Admission
    pool: ThreadPoolExecutor
    most: int
    """Bytes that an answer may take."""
    origins: tuple[str, ...]
    """Origins whose pages may ask besides the server's own."""
    is_local: bool
    """Whether it listens on loopback."""


class Endpoint(tornado.web.RequestHandler):
    """Request handler with JSON errors, which admits who may ask."""

    takes = "POST"
    """What the path takes, for the error."""

    def initialize(self, answering: Answering) -> None:
        """Store what requests share."""
        self.answering = answering
        self.token: Token | None = None

    def prepare(self) -> None:
        """Admit a request, or end it."""
        if self.is_foreign():
            return
        found = self.answering.admission.token(
            token_of(self.request.headers.get("Authorization", ""))
        )
        if isinstance(found, Token):
            self.token = found
            return
        status, fault = found
        if status == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(status, fault)

    def is_foreign(self) -> bool:
        """Return whether a page of another origin asks, or a name made to resolve to us."""
        headers, allowed = self.request.headers, self.answering.origins
        fault = host_fault(headers.get("Host"), allowed) if self.answering.is_local else None
        fault = fault or page_fault(headers, allowed)
        if fault is not None:
            self.refuse(HTTPStatus.FORBIDDEN, fault)
        return fault is not None

    def refuse(self, status: int, fault: Fault) -> None:
        """End the request with an error.

        Args:
            status: the HTTP status.
            fault: what is wrong.
        """
        self.set_status(status)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.set_header("Retry-After", str(BUSY_SECONDS))
        self.answer("application/json", fault.body())

    def fail(self, error: WaterlineError | Unreadable) -> None:
        """End the request with an error of a question."""
        if isinstance(error, Unreadable):
            self.refuse(HTTPStatus.BAD_REQUEST, Fault("UsageError", str(error)))
            return
        self.set_status(_status(error))
        self.answer("application/json", msgspec.json.encode({"type": "error", **written(error)}))

    def answer(self, content_type: str, content: bytes) -> None:
        """End the request with uncached content.

        Args:
            content_type: the header Content-Type.
            content: the body.
        """
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.finish(content)

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - Tornado's
        """Answer errors of Tornado in the same shape."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.refuse(status_code, Fault("method_not_allowed", f"this path takes {self.takes}"))
        elif status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            sentence = "the server failed at this question; its log says why"
            self.refuse(status_code, Fault("ServerFailed", sentence))
        else:
            self.refuse(status_code, Fault("http_error", self._reason))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error with the path only."""
        if isinstance(value, tornado.web.HTTPError) or typ is None or value is None:
            return
        if isinstance(value, asyncio.CancelledError):
            return  # the process ends
        text = "".join(traceback.format_exception(typ, value, tb))
        secret = token_of(self.request.headers.get("Authorization", ""))
        logger.error(
            "error in %s\n%s",
            self.request.path,
            text.replace(secret, "[token]") if secret else text,
        )


@tornado.web.stream_request_body
class Question(Endpoint):
    """Endpoint of questions; one ends when its client has gone, or its token is withdrawn."""

    work: Work | None = None

    def initialize(self, answering: Answering) -> None:
        """Store what requests share."""
        super().initialize(answering)
        self._pieces: list[bytes] = []
        self._length = 0

    def prepare(self) -> None:
        """Let the body come: who is answered amid it reads of a connection that was reset."""
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.set_max_body_size(_MOST_READ)

    def data_received(self, chunk: bytes) -> None:
        """Add a piece of the body; one that is too long is thrown away."""
        self._length += len(chunk)
        if self._length > MOST_ASKED:
            self._pieces.clear()
        else:
            self._pieces.append(chunk)

    def body(self) -> bytes | None:
        """Return the body of a request that is admitted; None if it was refused."""
        super().prepare()
        if self._finished:
            return None
        if self._length > MOST_ASKED:
            sentence = f"the question takes more than {format_size(MOST_ASKED)}; ask for less"
            self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Fault("UsageError", sentence))
            return None
        return b"".join(self._pieces)

    def admit(self, work: Work) -> bool:
        """Count a question, or end the request with 503."""
        assert self.token is not None
        fault = self.answering.admission.enter(self, self.token, self.cut)
        if fault is not None:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, fault)
            return False
        self.work = work
        return True

    def cut(self) -> None:
        """Close the connection; without its last chunk no client takes an answer for whole."""
        if not self._finished:
            self.detach().close()
            self.on_connection_close()

    def on_connection_close(self) -> None:
        """Give the answer up."""
        if self.work is not None and not self.work.has_ended:
            giving_up = asyncio.ensure_future(self.work.give_up())
            _UNDER_WAY.add(giving_up)
            giving_up.add_done_callback(_UNDER_WAY.discard)


# The loop alone keeps no task.
_UNDER_WAY: Final[set["asyncio.Future[None]"]] = set()


class NotFound(Endpoint):
    """Answers unknown paths."""

    def prepare(self) -> None:
        """Name the known paths."""
        sentence = f"there is nothing at {self.request.path}; there is {PATHS}"
        self.refuse(HTTPStatus.NOT_FOUND, Fault("not_found", sentence))


def log_request(_: tornado.web.RequestHandler) -> None:
    """Log no requests."""


def _status(error: WaterlineError) -> int:
    if isinstance(error, UsageError | QueryError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, ArchiveError | DataFolderError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.INTERNAL_SERVER_ERROR
