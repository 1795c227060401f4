"""A handler of Python's `logging` that pushes each record to a server."""

import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uuid_utils

from waterline.errors import DeliveryError, ProducerFull, RejectedLogs, TokenError, UsageError
from waterline.recognition.levels import says_more, type_of_word
from waterline.recognition.recognized import Parts
from waterline.records import log_of
from workbench.clients.json_values import to_json
from workbench.clients.producer import DEFAULT_SPOOL_SIZE, Counts, Producer
from workbench.clients.threads import ClientThread

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_URL: Final = "ws://127.0.0.1:3001/ingest"
# Logs without an answer; 32 MiB of them are the limit of larger ones.
_WINDOW: Final = 50_000
# Records that came while another was handed over, or in a thread of the client.
_MOST_LATER: Final = 1_000
# Seconds between two logs that tell how many were dropped.
_TELL_SECONDS: Final = 10.0
# Loggers of what delivers records: each would make one more.
_OWN_LOGGERS: Final = ("workbench.clients", "websocket")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FORMATTER: Final = logging.Formatter()
_PLAIN: Final = frozenset({str, int, bool, type(None)})


class LogHandler(logging.Handler):
    """Pushes each log record to a server; an acked one is durable.

    The type is that of the level, in steps of ten: trace, debug, info, warning, error. Attributes
    are `logger`, `process` (its number), `threadName`, each `extra` field, `level` where its name
    says more than the type, as CRITICAL does, and `exception` and `stack` where there is one. A
    formatter is not needed, and changes nothing.

    It never ends the program, waits no longer than told, and takes no records of its own client. A
    record for which there is no room is dropped and counted. Standard error and, once the server
    answers again, a log say how many. It connects again for as long as the program runs, also in a
    process that was forked.

    Args:
        url: the server's ingest address, or several, as `Producer` has them; by default those of
            the variable WATERLINE_URL, with commas, or else `ws://127.0.0.1:3001/ingest`.
        token: a token with the scope `ingest`; by default the variable WATERLINE_TOKEN.
        fields: other attributes of log records that become attributes, such as `lineno`, in place
            of `process` and `threadName`.
        max_wait: seconds for which a record waits for room, before it is dropped; once in vain,
            and then not again until the server answers.
        flush_wait: seconds for which `flush` and the end of the program wait for acks.
        spool: as `Producer` has it.
        spool_size: as `Producer` has it.
        certificate: as `Producer` has it.

    Raises:
        UsageError: there is no token, or an argument has no meaning.
    """

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        token: str | None = None,
        *,
        fields: Sequence[str] = ("process", "threadName"),
        max_wait: float = 0.1,
        flush_wait: float = 5.0,
        spool: str | Path | None = None,
        spool_size: int = DEFAULT_SPOOL_SIZE,
        certificate: str | Path | None = None,
    ) -> None:
        super().__init__()
        token = token or os.environ.get("WATERLINE_TOKEN")
        if not token:
            raise UsageError(
                "LogHandler needs a token: set the variable WATERLINE_TOKEN, or give token=…; "
                "`waterline token create NAME --scope ingest` makes one and prints it"
            )
        url = url or os.environ.get("WATERLINE_URL", "").replace(",", " ").split() or DEFAULT_URL
        self._producer = Producer(
            url,
            token,
            window=_WINDOW,
            when_full="raise",
            max_wait=max_wait,
            patience=math.inf,
            spool=spool,
            spool_size=spool_size,
            certificate=certificate,
        )
        self._fields = tuple(fields)
        self._flush_wait = flush_wait
        self._spool = spool
        self._here = _Here()
        self._later: deque[logging.LogRecord] = deque(maxlen=_MOST_LATER)
        self._is_closed = False
        self._in_vain = -1  # logs that were sent when a flush was in vain
        self._said: set[str] = set()
        self._dropped_told = 0
        self._tell_since = 0.0

    @property
    def counts(self) -> Counts:
        """Numbers of logs by outcome, so far."""
        return self._producer.counts

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record, unless it comes from what delivers records."""
        if record.name.startswith(_OWN_LOGGERS) and _is_own(record.name):
            return False
        if self._here.is_busy or isinstance(threading.current_thread(), ClientThread):
            # A destructor or a signal handler logs, while this thread holds locks of the delivery.
            if not self.filter(record):
                return False
            self._later.append(record)
            return True
        return bool(super().handle(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record to be sent."""
        if self._is_closed:
            return
        with self._busy():
            if self._send(record):
                self._send_later()
                self._tell_dropped(_TELL_SECONDS)

    def flush(self) -> None:
        """Wait until every record is acked, for `flush_wait` seconds at most."""
        if self._is_closed:
            return
        with self._busy():
            self._send_later()
            self._tell_dropped(0.0)
            try:
                self._producer.flush(self._flush_wait)
            except RejectedLogs as error:
                self._say(str(error))
            except (TokenError, DeliveryError) as error:
                self._in_vain = self.counts.sent
                if self._producer.failure is not None:
                    self._say(str(error))

    def close(self) -> None:
        """Flush, unless that was just in vain, and end the connection; say what is not acked."""
        if not self._is_closed:
            if self._in_vain != self.counts.sent:  # as loguru closes without it
                self.flush()
            self._is_closed = True
            with self._busy():
                self._producer.close()
            counts = self.counts
            if counts.waiting:
                kept = "" if self._spool is None else f"; they stay in {self._spool}"
                place = self._producer.place
                self._say(f"{counts.waiting:,} logs of this process are not acked by {place}{kept}")
            if dropped := counts.dropped - self._dropped_told:
                self._say(f"{dropped:,} logs of this process were dropped")
        super().close()

    @contextmanager
    def _busy(self) -> "Iterator[None]":
        """Have what is logged in this thread meanwhile sent later."""
        self._here.is_busy = True
        try:
            yield
        finally:
            self._here.is_busy = False

    def _send(self, record: logging.LogRecord) -> bool:
        """Send a record; return whether there was room for it."""
        try:
            log = _log_of(record, self._fields)
        except Exception:  # noqa: BLE001 - arguments of the program may raise anything as text
            self._drop()
            self.handleError(record)
            return True
        return self._hand_over(log)

    def _hand_over(self, log: dict[str, object], *, counts: bool = True) -> bool:
        """Send a log; return whether there was room. A dropped one may count or not."""
        try:
            try:
                self._producer.send(log)
            except UsageError:
                self._producer.send(_unicode(log))
        except UsageError as error:
            self._say(f"a log was dropped: {error}")
        except ProducerFull:
            self._say(f"logs are dropped, as {self._producer.place} does not answer in time")
        except (TokenError, DeliveryError) as error:
            self._say(f"logs are dropped from now on: {error}")
        else:
            return True
        if counts:
            self._drop()
        return False

    def _send_later(self) -> None:
        """Send what was logged while this was busy; not what a parent logged before it forked."""
        own = os.getpid()
        for _ in range(len(self._later)):
            record = self._later.popleft()
            if record.process in (None, own):
                self._send(record)

    def _drop(self) -> None:
        if self.counts.dropped == self._dropped_told:
            self._tell_since = time.monotonic()
        self._producer.drop()

    def _tell_dropped(self, pause: float) -> None:
        """Send a log of how many were dropped, once the first of them is some seconds ago."""
        new = self.counts.dropped - self._dropped_told
        if not new or time.monotonic() - self._tell_since < pause:
            return
        record = logging.makeLogRecord(
            {
                "name": __name__,
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": f"{new:,} logs of this process were dropped before this one",
                "process": os.getpid(),
                "dropped": new,
            }
        )
        if self._hand_over(_log_of(record, self._fields), counts=False):
            self._dropped_told += new
            self._tell_since = time.monotonic()

    def _say(self, sentence: str) -> None:
        """Write a sentence to standard error, the first time."""
        if sentence not in self._said and sys.stderr is not None:
            self._said.add(sentence)
            sys.stderr.write(f"LogHandler: {sentence}\n")


class _Here(threading.local):
    """What holds in this thread alone."""

    is_busy = False


@lru_cache
def _is_own(name: str) -> bool:
    return any(name == own or name.startswith(f"{own}.") for own in _OWN_LOGGERS)


def _log_of(record: logging.LogRecord, fields: Sequence[str]) -> dict[str, object]:
    """Return a record as a log of ours."""
    log_type, level = _type_of(record.levelno, record.levelname)
    members = vars(record)
    attributes: dict[str, object] = {"logger": record.name}
    if level is not None:
        attributes["level"] = level
    for name in fields:
        if members.get(name) is not None:
            attributes[name] = members[name]
    for name, value in members.items():
        if name not in _STANDARD:
            attributes[name] = value if type(value) in _PLAIN else _attribute(value)
    # What a formatter has written; loguru writes a line break there, and it in the message.
    exception = (record.exc_text or "").strip()
    if not exception and record.exc_info and record.exc_info[0] is not None:
        exception = _FORMATTER.formatException(record.exc_info)
    if exception:
        attributes["exception"] = exception
    if record.stack_info:
        attributes["stack"] = record.stack_info
    parts = Parts(record.getMessage(), int(record.created * 1000), log_type, attributes)
    return log_of(parts, str(uuid_utils.uuid7()))


@lru_cache
def _type_of(number: int, name: str) -> tuple[str, str | None]:
    """Return the type of a level, and its name where that says more."""
    steps = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"),
             (logging.DEBUG, "debug"))  # fmt: skip
    log_type = next((each for least, each in steps if number >= least), "trace")
    return log_type, name if says_more(name) or type_of_word(name) != log_type else None


def _attribute(value: object) -> object:
    """Return the JSON value of a value; its text where it has none."""
    try:
        return to_json({"value": value})["value"]
    except UsageError:
        return str(value)


def _unicode(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a JSON value with texts that are no Unicode, such as odd file names, escaped."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_unicode(name): _unicode(each) for name, each in value.items()}
    return [_unicode(each) for each in value] if isinstance(value, list) else value
