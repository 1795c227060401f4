"""Session of a data folder behind a server: the same questions, asked over the network."""

import inspect
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import pyarrow as pa

from waterline.clock import now_ms
from waterline.errors import TokenError, WaterlineError
from workbench.query.answers import select_rows
from workbench.query.asking import Asking
from workbench.query.cache.cache import SIZE, TTL, Cache, Limits
from workbench.query.execute import Answer
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import patiently
from workbench.query.question import Question
from workbench.query.session import Session
from workbench.query.sql.statement import Parameters
from workbench.remote.link import Link
from workbench.remote.rows import Received, RemoteRows, RemoteScan, warn_as_told
from workbench.wire.calls import NAMES, moment
from workbench.wire.codec import CODEC
from workbench.wire.stream import JSON, Told
from workbench.wire.values import Unreadable

VARIABLE: Final = "WATERLINE_TOKEN"
"""Variable that may hold the token."""

_FOLDER_ID: Final = re.compile(r"[0-9a-f-]{8,64}")

_Answer = TypeVar("_Answer")
_Given = ParamSpec("_Given")


class RemoteSession(Asking):
    """A data folder behind a server that is open for questions.

    Args:
        url: address of the server.
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        token: a token with the scope `read`; None takes that of the variable WATERLINE_TOKEN.
        certificate: a PEM file with the server's certificate, or None.
        at: pin, or its text, of questions that have none.
        cache: whether answers are kept in the user's cache folder.
        cache_ttl: duration for which an answer is kept.
        cache_size: bytes that all answers of the folder may take.

    Raises:
        UsageError: an argument has no meaning.
        TokenError: there is no token, or the server does not accept it.
        ServerUnreachable: the server cannot be reached.
        WaterlineError: its folder cannot be read.

    Attributes:
        folder_id: id of the data folder.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], int] = now_ms,
        *,
        token: str | None = None,
        certificate: str | os.PathLike[str] | None = None,
        at: Pin | str | None = None,
        cache: bool = True,
        cache_ttl: str = TTL,
        cache_size: str = SIZE,
    ) -> None:
        text = token or os.environ.get(VARIABLE)
        if not text:
            raise TokenError(
                f"{url} needs a token with the scope read: give token=, or set the variable "
                f"{VARIABLE}; `waterline token create NAME --scope read` makes one there"
            )
        limits = Limits.of(cache_ttl, cache_size)
        super().__init__(clock, None if at is None else to_pin(at), None)
        self._link = Link(url, text, None if certificate is None else Path(certificate))
        self._rows = RemoteRows(self._link, clock)
        self.folder_id = self.answer(moment).folder_id
        if cache:
            self.cache = Cache(_kept_in(self.folder_id), clock, limits)

    @property
    def place(self) -> str:
        """Address of the server."""
        return self._link.url

    @property
    def reads(self) -> RemoteRows:
        """Reads hot and archived logs."""
        return self._rows

    def scan(self, question: Question, seqs: range | None = None) -> RemoteScan:
        """Return a scan of the logs that match a question, or of some of their seqs."""
        return RemoteScan(self._link, question, seqs, self.clock())

    def answer(
        self,
        ask: Callable[Concatenate[Any, _Given], _Answer],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Answer:
        """Return what a function answers of the session of the folder, at the server.

        Args:
            ask: one of `workbench.wire.calls`, or `select_rows`.
            given: its other arguments.
            named: those by name.
        """
        arguments = inspect.signature(ask).bind(None, *given, **named).args[1:]
        select: object = select_rows
        if ask is select:
            found: Any = self.patiently(lambda: self._select(*arguments))
            return found  # type: ignore[no-any-return] # the rows of a SELECT
        told = self.patiently(lambda: self._told(NAMES[ask], arguments))
        warn_as_told(told)
        return told["value"]  # type: ignore[no-any-return] # whatever the function returns

    def patiently(self, answer: Callable[[], _Answer]) -> _Answer:
        """Return what a function answers; an interrupt ends it at once."""
        return patiently(answer, lambda _: self.abandon())

    def abandon(self) -> None:
        """Break off all questions that are under way; any thread may call it."""
        self._link.abandon()

    def pin(self) -> Pin:
        """Return the pin of the session, or one of now."""
        return self.answer(Session.pin) if self.at is None else self.at

    def explain_empty(self, question: Question, attributes: Sequence[str] = ()) -> None:
        """Warn of the filter that alone leaves no log, if any."""
        if question.limit != 0:
            self.answer(Session.explain_empty, question, [*attributes])

    def close(self) -> None:
        """Close the cache; it may be called again."""
        if self.cache is not None:
            self.cache.close()

    def _told(self, name: str, arguments: Sequence[object]) -> Told:
        body = CODEC.encode({"arguments": [*arguments], "now": self.clock(), "pin": self.at})
        with self._link.asked(f"/report/{name}", body, JSON) as response:
            told = CODEC.decode(response.read())
            if not isinstance(told, dict) or "value" not in told:
                raise Unreadable("the answer is none of Waterline's")
        return told

    def _select(self, query: object, parameters: Parameters | None, pin: Pin) -> Answer[pa.Table]:
        body: Told = {"query": query, "parameters": parameters, "at": pin, "now": self.clock()}
        received = Received(self._link, "/sql", body)
        table = pa.Table.from_batches(received.batches(), received.schema)
        return Answer(table, received.tail["pruned"])


def _kept_in(folder_id: str) -> Path:
    """Return the path of the cache of a folder, in the user's cache folder.

    Raises:
        WaterlineError: the id is none.
    """
    if not _FOLDER_ID.fullmatch(folder_id):
        raise WaterlineError(f"{folder_id!r:.80} is no id of a data folder")
    given = os.environ.get("XDG_CACHE_HOME")
    root = Path(given) if given else Path.home() / ".cache"
    folder = root / "waterline"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{folder_id}.db"
