"""Pages that are closed or loaded anew while something is sent to them: no line is printed."""

import logging

from bokeh.protocol.exceptions import ProtocolError
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

_GONE = (StreamClosedError, WebSocketClosedError)
_SENDER = "bokeh.server.views.ws"
_HANDSHAKE = "Uncaught exception GET /dashboard/ws "


class WithoutClosedPages(logging.Filter):
    """Keeps out what Bokeh, Tornado and asyncio write when a page has gone.

    A browser closes its WebSocket at any moment, so what is being sent then fails; Bokeh drops the
    session soon after. A page that comes back with a token of yesterday, as after a laptop slept,
    is refused and loads anew; so is whatever has made a token up. None of it is a fault of ours.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is printed."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _GONE):
            return False
        is_handshake = record.getMessage().startswith(_HANDSHAKE)
        if isinstance(error, ProtocolError | ValueError) and is_handshake:
            return False
        return record.name != _SENDER or record.levelno >= logging.ERROR


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
