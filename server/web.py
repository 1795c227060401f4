"""What every HTTP and WebSocket endpoint shares: who asks, errors of one shape, quiet logs."""

import logging
from types import TracebackType
from typing import Any

import msgspec
import tornado.web

from server.auth import Scope, Token, TokenFile
from server.errors import TokenError

logger = logging.getLogger(__name__)


class Endpoint(tornado.web.RequestHandler):
    """A request handler whose errors are JSON and whose log lines never hold a query or header."""

    def fail(self, status: int, error: str, message: str) -> None:
        """End the request with an error of the one shape."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        if status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.finish(msgspec.json.encode({"type": "error", "error": error, "message": message}))

    def authorise(self, tokens: TokenFile, scope: Scope) -> Token | None:
        """Return the request's token, or end the request with 401 or 403 and return None."""
        text = self._token_text()
        if text is None:
            self.fail(
                401,
                "unauthorized",
                "a token is needed: send Authorization: Bearer TOKEN or ?token=TOKEN; "
                "`waterline token create` makes one",
            )
            return None
        try:
            token = tokens.find(text)
        except TokenError as error:
            logger.error("%s", error)
            self.fail(503, "tokens_unreadable", "the server cannot read its tokens")
            return None
        if token is None:
            self.fail(401, "unauthorized", "this token is unknown; was it revoked?")
        elif scope not in token.scopes:
            self.fail(403, "forbidden", f"this token lacks the scope {scope}")
        else:
            return token
        return None

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - Tornado's
        """Answer what Tornado itself refuses in the same shape."""
        self.fail(status_code, "http_error", self._reason)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error with the path only: the query may hold a token."""
        if isinstance(value, tornado.web.HTTPError) or typ is None or value is None:
            return
        logger.error("error in %s", self.request.path, exc_info=(typ, value, tb))

    def _token_text(self) -> str | None:
        kind, _, value = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and value.strip():
            return value.strip()
        return self.get_query_argument("token", None)


class NotFound(Endpoint):
    """Answers for every path that is none of ours."""

    def prepare(self) -> None:
        """Name the paths that there are."""
        paths = self.settings["paths"]
        self.fail(404, "not_found", f"there is nothing at {self.request.path}; there is {paths}")


def log_request(_: tornado.web.RequestHandler) -> None:
    """Log no requests: Tornado would print their URLs, and a URL may hold a token."""
