"""The log of our own processes: lines of text or JSON, on standard error or in a file."""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from waterline.errors import UsageError, WaterlineError
from waterline.printable import printable, printable_json

logger = logging.getLogger(__name__)

# Variable in which systemd names the device and inode of the journal's socket.
_JOURNAL: Final = "JOURNAL_STREAM"
# What the journal reads a line's priority from; see sd-daemon(3).
_PRIORITIES: Final = {
    logging.CRITICAL: "<2>",
    logging.ERROR: "<3>",
    logging.WARNING: "<4>",
    logging.INFO: "<6>",
}
_DEBUG_PRIORITY: Final = "<7>"
# Without a reader a FIFO must not stop the process.
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_PRIVATE: Final = 0o600


class LogFormat(StrEnum):
    """How the log of a process is written."""

    TEXT = "text"
    JSON = "json"


class LogLine(msgspec.Struct, omit_defaults=True):
    """A line of JSON."""

    time: str
    """In UTC, by RFC 3339."""
    level: str
    process: str
    logger: str
    message: str
    traceback: str = ""


def start_log(process: str, form: LogFormat, file: Path | None) -> logging.Handler:
    """Write warnings and errors of this process as lines; return what writes them.

    Args:
        process: name of the process, as lines show it.
        form: of the lines.
        file: file to append to; None is standard error.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is not None:
        _check(file)
    handler = logging.StreamHandler() if file is None else _File(file)
    handler.setFormatter(_formatter(process, form, is_file=file is not None))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    if form is LogFormat.JSON or file is not None:
        logging.captureWarnings(True)
        sys.excepthook = _log_exception
    return handler


@contextlib.contextmanager
def logged_failure(form: LogFormat, file: Path | None) -> Iterator[None]:
    """Log the error that ends the process, unless its text on standard error is the log.

    Args:
        form: of the lines.
        file: where they are; None is standard error.

    Raises:
        SystemExit: 1, after a line of JSON on standard error.
    """
    try:
        yield
    except WaterlineError as error:
        if form is LogFormat.TEXT and file is None:
            raise
        logger.critical("%s", error)
        if file is not None:
            raise  # whoever started it by hand reads it, too
        raise SystemExit(1) from None


class _File(logging.Handler):
    """Appends lines to a file, which may be moved or removed at any time.

    There are few lines, so the file is opened for each. Several processes may append to the same
    one, as each line is one write.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line; if that fails, it goes to standard error with the reason."""
        line = f"{self.format(record)}\n"
        try:
            _append(self._path, line.encode(errors="replace"))
        except OSError as error:
            # Standard error may be closed; then there is nobody left to tell.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{line}log_file cannot be written: {error.strerror}\n")


class _Text(logging.Formatter):
    """Time, level, process and message; a traceback follows in lines of its own."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process}: %(message)s")

    def formatTime(  # noqa: N802 - as logging calls it
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return the time in UTC."""
        del datefmt
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as lines."""
        return printable(super().format(record), keep="\n\t")


class _Journal(logging.Formatter):
    """Lines with priorities for the journal, which adds time and process itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as lines."""
        found = (text for level, text in _PRIORITIES.items() if record.levelno >= level)
        priority = next(found, _DEBUG_PRIORITY)
        lines = printable(super().format(record), keep="\n\t").splitlines()
        return "\n".join(priority + each for each in lines)


class _Json(logging.Formatter):
    """One object a line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        line = LogLine(
            time=_time(record),
            level=record.levelname.lower(),
            process=self._process,
            logger=record.name,
            message=record.getMessage(),
            traceback=self.formatException(record.exc_info) if record.exc_info else "",
        )
        return printable_json(msgspec.json.encode(line)).decode()


def _formatter(process: str, form: LogFormat, *, is_file: bool) -> logging.Formatter:
    if form is LogFormat.JSON:
        return _Json(process)
    return _Journal() if not is_file and _is_journal() else _Text(process)


def _is_journal() -> bool:
    """Return whether standard error leads to the journal itself, and not to a pipe or file."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get(_JOURNAL) == f"{found.st_dev}:{found.st_ino}"


def _time(record: logging.LogRecord) -> str:
    found = datetime.fromtimestamp(record.created, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _append(path: Path, line: bytes) -> None:
    """Append a line in one write."""
    descriptor = os.open(path, _APPEND, _PRIVATE)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def _check(file: Path) -> None:
    try:
        os.close(os.open(file, _APPEND, _PRIVATE))
    except OSError as error:
        raise UsageError(f"log_file: {file} cannot be written: {error.strerror}") from error


def _log_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log the exception that ends the process."""
    logger.critical("the process failed", exc_info=(kind, error, trace))
