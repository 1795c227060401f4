"""Keeps closed and reloaded pages out of the log of the dashboard's process."""

import asyncio
import logging
import traceback

from bokeh.protocol.exceptions import ProtocolError
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

# The last is raised in messages being handled when the process ends.
_GONE = (StreamClosedError, WebSocketClosedError, asyncio.CancelledError)
# Loggers that warn of unsent messages.
_SENDERS = ("bokeh.server.views.ws", "panel.io.document")
_CALLBACKS = "bokeh.util.tornado"
_HANDSHAKE = "Uncaught exception GET /dashboard/ws "


class WithoutClosedPages(logging.Filter):
    """Drops records of Bokeh, Tornado and asyncio about pages that have gone.

    A browser may close its WebSocket at any moment: what is being sent fails, and Bokeh drops the
    session soon after. A page with an expired token, as after a laptop slept, is refused and loads
    anew. A message read after its page has gone finds no session. None of these is a fault.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to print a record."""
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
    """Return whether Bokeh asked a connection for a session that it no longer has."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    place = (frame.f_globals["__name__"], frame.f_code.co_name)
    return place == ("bokeh.server.connection", "session")


def print_no_cancelled_callbacks() -> None:
    """Ignore cancelled callbacks, which the end of the process cancels."""
    logging.getLogger(_CALLBACKS).disabled = True


def leave_closed_pages_out(handler: logging.Handler) -> None:
    """Let a log have all warnings and errors, except those of pages that have gone.

    Args:
        handler: writes the log of the process.
    """
    handler.addFilter(WithoutClosedPages())
    for name in ("bokeh", "panel", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
