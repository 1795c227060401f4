"""What every HTTP and WebSocket endpoint shares: who asks, errors of one shape, quiet logs."""

import asyncio
import logging
import math
import re
import traceback
from types import TracebackType
from typing import Any, Final

import tornado.httputil
import tornado.web

from server.rate_limits import TokenLimits
from waterline.errors import TokenError
from waterline.origins import host_fault, is_allowed, origin_fault
from waterline.responses import UNSAFE_HEADER, Fault, safe_headers
from waterline.tokens import Scope, Token, TokenFile

logger = logging.getLogger(__name__)

# A producer that finds no room for one more connection should not ask again at once.
RETRY_SECONDS: Final = 5.0
_WINDOW_BITS: Final = re.compile(r'(server|client)_max_window_bits\s*=\s*"?([^;,"]*)')


class Endpoint(tornado.web.RequestHandler):
    """A request handler whose errors are JSON and whose log lines never hold a query or header.

    What asks whether a request may go on returns whether it may, and ends it where it may not.
    The application's settings hold `allowed_origins`, as `Settings` does.
    """

    takes = "WebSockets"
    """What its path takes, for whoever asks for something else."""
    _seat: tuple[TokenLimits, str] | None = None

    def fail(
        self, status: int, error: str, message: str, *, retry_after: float | None = None
    ) -> None:
        """End the request with an error of the one shape; `retry_after` is in seconds."""
        self.set_status(status)
        if retry_after is not None:
            self.set_header("Retry-After", str(max(1, math.ceil(retry_after))))
        self.set_header("Content-Type", "application/json")
        if status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.finish(Fault(error, message).body())

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
        except TokenError:  # whoever watches the file says why, once and not at each request
            self.fail(503, "tokens_unreadable", "the server cannot read its tokens")
            return None
        if token is None:
            self.fail(401, "unauthorized", "this token is unknown; was it revoked?")
        elif scope not in token.scopes:
            self.fail(403, "forbidden", f"this token lacks the scope {scope}")
        else:
            return token
        return None

    def accepts_origin(self) -> bool:
        """Say whether the page that asks, if it is one, may; else end the request with 403.

        Browsers let any page open a WebSocket to any server, and send the page's origin along
        (RFC 6455, 10.2). Programs send none and are let on.
        """
        headers = self.request.headers
        origin = headers.get("Origin")
        if origin is None and headers.get("Sec-Fetch-Site") not in ("cross-site", "same-site"):
            return True
        if origin is not None and self.check_origin(origin):
            return True
        fault = origin_fault(origin)
        self.fail(403, fault.error, fault.message)
        return False

    def check_origin(self, origin: str) -> bool:
        """Say whether an origin may connect; Tornado asks this too, once it upgrades."""
        allowed = self.settings["allowed_origins"]
        return is_allowed(origin, self.request.headers.get("Host", ""), allowed)

    def accepts_host(self) -> bool:
        """Say whether the request means a server on loopback; else end it with 403."""
        fault = host_fault(self.request.headers.get("Host"), self.settings["allowed_origins"])
        if fault is not None:
            self.fail(403, fault.error, fault.message)
        return fault is None

    def accepts_handshake(self) -> bool:
        """Say whether a GET asks for a WebSocket as it should (RFC 6455, 4.2.1); else end it.

        Tornado would answer the same mistakes in shapes of its own. Other methods go on: it
        answers them with 405.
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
        """Go on without compression where its offer makes no sense (RFC 7692, 5.1 and 7.1.2).

        Tornado would fail on it. zlib makes no raw deflate with a window of 8 bits.
        """
        offer = self.request.headers.get("Sec-WebSocket-Extensions", "")
        for side, bits in _WINDOW_BITS.findall(offer):
            least = 9 if side == "server" else 8
            if bits.strip() not in {str(number) for number in range(least, 16)}:
                del self.request.headers["Sec-WebSocket-Extensions"]
                return

    def enter(self, limits: TokenLimits, token: Token) -> bool:
        """Count a connection of a token until `leave`, or end the request with 429."""
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
        """Count the connection no more; may be called when it was not counted, and twice."""
        if self._seat is not None:
            limits, name = self._seat
            self._seat = None
            limits.leave(name)

    def on_finish(self) -> None:
        """Give back the place of what was counted and then not upgraded."""
        if self.get_status() != 101:
            self.leave()

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - Tornado's
        """Answer what Tornado itself refuses in the same shape."""
        self.fail(status_code, "http_error", self._reason)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an error with the path only, as the query may hold a token, and no token at all."""
        if isinstance(value, tornado.web.HTTPError) or typ is None or value is None:
            return
        if isinstance(value, asyncio.CancelledError):
            return  # the server has stopped, and whoever is held back with it
        text = f"error in {self.request.path}\n" + "".join(
            traceback.format_exception(typ, value, tb)
        )
        for secret in self._secrets():
            text = text.replace(secret, "[token]")
        logger.error("%s", text.rstrip())

    def _secrets(self) -> list[str]:
        """Return what came as a token, whether it is one or not."""
        given = [self.request.headers.get("Authorization", "").partition(" ")[2].strip()]
        query = self.request.query_arguments.get("token", [])
        return [each for each in [*given, *(raw.decode(errors="replace") for raw in query)] if each]

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


def _parts(header: str) -> set[str]:
    return {part.strip().lower() for part in header.split(",")}


class SafeHeaders(tornado.web.OutputTransform):
    """Gives every response of an application its safe headers, those of Tornado included."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: tornado.httputil.HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: ARG002 - Tornado's
    ) -> tuple[int, tornado.httputil.HTTPHeaders, bytes]:
        """Return what is sent first, the headers changed."""
        headers.pop(UNSAFE_HEADER, None)
        headers.update(safe_headers())
        return status_code, headers, chunk


def log_request(_: tornado.web.RequestHandler) -> None:
    """Log no requests: Tornado would print their URLs, and a URL may hold a token."""
