"""Base of all HTTP and WebSocket endpoints: authorisation, errors of one shape, safe logging."""

import asyncio
import logging
import math
import re
import traceback
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final

import tornado.httputil
import tornado.web

from server.rate_limits import TokenLimits
from waterline.authorization import password_of, token_of
from waterline.errors import TokenError
from waterline.origins import host_fault, is_allowed, page_fault
from waterline.responses import UNSAFE_HEADER, Fault, safe_headers
from waterline.tokens import Scope, Token, TokenFile

logger = logging.getLogger(__name__)

# Seconds before a producer with too many connections should retry.
RETRY_SECONDS: Final = 5.0
_WINDOW_BITS: Final = re.compile(r'(server|client)_max_window_bits\s*=\s*"?([^;,"]*)')

WITH_BASIC: Final = 'Bearer, Basic realm="waterline"'
"""Challenge to clients of other systems, many of which know no Bearer."""


class Endpoint(tornado.web.RequestHandler):
    """Request handler with JSON errors, and log lines without queries and headers.

    The `accepts_*` methods return whether a request may go on, and end it if not. The settings of
    the application have `allowed_origins`, as `Settings` does.
    """

    takes = "WebSockets"
    """What the path takes, for the error."""
    challenge = "Bearer"
    """How a request may prove who sends it (RFC 9110, 11.6.1)."""
    sender = ""
    """Name of the token, once it is known; it may lack the scope."""
    _seat: tuple[TokenLimits, str] | None = None

    def fail(
        self, status: int, error: str, message: str, *, retry_after: float | None = None
    ) -> None:
        """End the request with an error.

        Args:
            status: the HTTP status.
            error: code for programs.
            message: sentence for people.
            retry_after: seconds until a retry makes sense.
        """
        self.set_status(status)
        if retry_after is not None:
            self.set_header("Retry-After", str(max(1, math.ceil(retry_after))))
        if status == 401:
            self.set_header("WWW-Authenticate", self.challenge)
        content_type, body = self.fault_body(status, Fault(error, message))
        self.set_header("Content-Type", content_type)
        self.finish(body)

    def fault_body(self, status: int, fault: Fault) -> tuple[str, bytes]:  # noqa: ARG002 - for others
        """Return the content type and the body of an error.

        Args:
            status: the HTTP status.
            fault: what is wrong.
        """
        return "application/json", fault.body()

    def authorise(self, tokens: TokenFile, scope: Scope) -> Token | None:
        """Return the token of the request, or end it with 401, 403 or 503 and return None."""
        text = self._token_text()
        if text is None:
            self.fail(
                401,
                "unauthorized",
                "a token is needed: send Authorization: Bearer TOKEN, Basic with the token as "
                "password, or ?token=TOKEN; `waterline token create` makes one",
            )
            return None
        try:
            token = tokens.find(text)
        except TokenError:  # GrantWatch logs why, once and not at each request
            self.fail(503, "tokens_unreadable", "the server cannot read its tokens")
            return None
        if token is None:
            self.fail(401, "unauthorized", "this token is unknown; was it revoked?")
            return None
        self.sender = token.name
        if scope not in token.scopes:
            self.fail(403, "forbidden", f"this token lacks the scope {scope}")
        else:
            return token
        return None

    def accepts_origin(self) -> bool:
        """Return whether the origin is allowed, else end the request with 403.

        Browsers let any page open a WebSocket to any server, and send the origin of the page
        (RFC 6455, 10.2). Programs send none and pass.
        """
        fault = page_fault(self.request.headers, self.settings["allowed_origins"])
        if fault is not None:
            self.fail(403, fault.error, fault.message)
        return fault is None

    def check_origin(self, origin: str) -> bool:
        """Return whether an origin may connect; Tornado calls this too, before an upgrade."""
        allowed = self.settings["allowed_origins"]
        return is_allowed(origin, self.request.headers.get("Host", ""), allowed)

    def accepts_host(self) -> bool:
        """Return whether `Host` means a server on loopback, else end the request with 403."""
        fault = host_fault(self.request.headers.get("Host"), self.settings["allowed_origins"])
        if fault is not None:
            self.fail(403, fault.error, fault.message)
        return fault is None

    def accepts_handshake(self) -> bool:
        """Return whether a GET is a valid WebSocket handshake (RFC 6455, 4.2.1), else end it.

        Tornado would answer the same errors in other shapes. Other methods pass, and Tornado
        answers 405.
        """
        headers = self.request.headers
        if self.request.method != "GET":
            return True
        if headers.get("Upgrade", "").lower() != "websocket":
            self.set_header("Upgrade", "websocket")
            self.fail(426, "upgrade_required", f"this path takes {self.takes} only")
        elif "upgrade" not in _parts(headers.get("Connection", "")):
            self.fail(400, "bad_handshake", "the header Connection must be Upgrade")
        elif headers.get("Sec-WebSocket-Version") != "13":
            self.set_header("Sec-WebSocket-Version", "13")  # RFC 6455, 4.4
            self.fail(426, "version_not_supported", "the header Sec-WebSocket-Version must be 13")
        elif not headers.get("Sec-WebSocket-Key"):
            self.fail(400, "bad_handshake", "the header Sec-WebSocket-Key is missing")
        elif not headers.get("Host"):
            self.fail(400, "bad_handshake", "the header Host is missing")
        else:
            self._decline_impossible_offer()
            return True
        return False

    def _decline_impossible_offer(self) -> None:
        """Drop an invalid offer of compression (RFC 7692, 5.1 and 7.1.2), on which Tornado fails.

        zlib makes no raw deflate with a window of 8 bits.
        """
        offer = self.request.headers.get("Sec-WebSocket-Extensions", "")
        for side, bits in _WINDOW_BITS.findall(offer):
            least = 9 if side == "server" else 8
            if bits.strip() not in {str(number) for number in range(least, 16)}:
                del self.request.headers["Sec-WebSocket-Extensions"]
                return

    def enter(self, limits: TokenLimits, token: Token) -> bool:
        """Count a connection of a token, or end the request with 429; `leave` undoes it."""
        if not limits.enter(token.name):
            self.fail(
                429,
                "too_many_connections",
                f"the token {token.name} holds {limits.most_connections} connections already; "
                "close one first, or raise the server's setting token_connections",
                retry_after=RETRY_SECONDS,
            )
            return False
        self._seat = (limits, token.name)
        return True

    def leave(self) -> None:
        """Uncount the connection; safe to call twice, or without `enter`."""
        if self._seat is not None:
            limits, name = self._seat
            self._seat = None
            limits.leave(name)

    def on_finish(self) -> None:
        """Uncount a connection that was not upgraded."""
        if self.get_status() != 101:
            self.leave()

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - Tornado's
        """Answer errors of Tornado in the same shape."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.fail(status_code, "method_not_allowed", f"this path takes {self.takes} only")
        else:
            self.fail(status_code, "http_error", self._reason)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error with the path only, as the query may hold a token; redact tokens."""
        if isinstance(value, tornado.web.HTTPError) or typ is None or value is None:
            return
        if isinstance(value, asyncio.CancelledError):
            return  # the server has stopped while the request was held back
        text = f"error in {self.request.path}\n" + "".join(
            traceback.format_exception(typ, value, tb)
        )
        for secret in self._secrets():
            text = text.replace(secret, "[token]")
        logger.error("%s", text.rstrip())

    def _secrets(self) -> list[str]:
        """Return all texts sent as tokens, valid or not."""
        header = self.request.headers.get("Authorization", "")
        given = [header.partition(" ")[2].strip(), credential(header) or ""]
        query = self.request.query_arguments.get("token", [])
        return [each for each in [*given, *(raw.decode(errors="replace") for raw in query)] if each]

    def _token_text(self) -> str | None:
        token = credential(self.request.headers.get("Authorization", ""))
        return self.get_query_argument("token", None) if token is None else token


def credential(header: str) -> str | None:
    """Return the token in a header Authorization, None if it has none.

    Besides what `token_of` takes it is all of Splunk, and of the key that Elasticsearch's clients
    send as ApiKey what follows its colon, or all of it.
    """
    scheme, _, value = header.partition(" ")
    value = value.strip()
    match scheme.lower():
        case "splunk":
            return value or None
        case "apikey":
            return password_of(value) or value or None
    return token_of(header)


class NotFound(Endpoint):
    """Answers 404 for unknown paths."""

    def prepare(self) -> None:
        """Name the known paths."""
        paths = self.settings["paths"]
        self.fail(404, "not_found", f"there is nothing at {self.request.path}; there is {paths}")


def _parts(header: str) -> set[str]:
    return {part.strip().lower() for part in header.split(",")}


class SafeHeaders(tornado.web.OutputTransform):
    """Adds the security headers to every response, also to Tornado's own."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: tornado.httputil.HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: ARG002 - Tornado's
    ) -> tuple[int, tornado.httputil.HTTPHeaders, bytes]:
        """Return status, changed headers and the first chunk."""
        headers.pop(UNSAFE_HEADER, None)
        headers.update(safe_headers())
        return status_code, headers, chunk


def log_request(_: tornado.web.RequestHandler) -> None:
    """Log no requests: Tornado would print their URLs, and a URL may hold a token."""
