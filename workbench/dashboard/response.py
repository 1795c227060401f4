"""Base of the dashboard's own responses: errors of the shape that the server's have."""

import tornado.web

from waterline.responses import Fault


class Response(tornado.web.RequestHandler):
    """Request handler with JSON errors."""

    def fail(self, status: int, fault: Fault) -> None:
        """End the request with an error like the server's."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(fault.body())
