"""Pages that are closed or loaded anew while something is sent to them: no line is printed."""

import asyncio
import logging
import traceback

from bokeh.protocol.exceptions import ProtocolError
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

# The last is what becomes of messages that are being handled when the process ends.
_GONE = (StreamClosedError, WebSocketClosedError, asyncio.CancelledError)
# Loggers that warn that a message could not be sent.
_SENDERS = ("bokeh.server.views.ws", "panel.io.document")
_CALLBACKS = "bokeh.util.tornado"
_HANDSHAKE = "Uncaught exception GET /dashboard/ws "


class WithoutClosedPages(logging.Filter):
    """Keeps out what Bokeh, Tornado and asyncio write when a page has gone.

    A browser closes its WebSocket at any moment, so what is being sent then fails; Bokeh drops the
    session soon after. A page that comes back with a token of yesterday, as after a laptop slept,
    is refused and loads anew; so is whatever has made a token up. Messages of a page that are read
    after it has gone find no session. None of it is a fault of ours.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is printed."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _GONE):
            return False
        is_handshake = record.getMessage().startswith(_HANDSHAKE)
        if isinstance(error, ProtocolError | ValueError) and is_handshake:
            return False
        if isinstance(error, AssertionError) and _is_without_session(error):
            return False
        return record.name not in _SENDERS or record.levelno >= logging.ERROR


def _is_without_session(error: AssertionError) -> bool:
    """Say whether Bokeh asked a connection for its session that has been taken from it."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    place = (frame.f_globals["__name__"], frame.f_code.co_name)
    return place == ("bokeh.server.connection", "session")


def print_no_cancelled_callbacks() -> None:
    """Say nothing of what each page does once a second; the end of the process cancels it."""
    logging.getLogger(_CALLBACKS).disabled = True


def log_to_stderr() -> None:
    """Print warnings and errors of the process, but for those of pages that have gone."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.addFilter(WithoutClosedPages())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("bokeh", "panel", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
