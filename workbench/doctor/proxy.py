"""What lies between clients and the server, tried through the address that clients use.

Nothing is stored: requests bring no log, and connections are silent.
"""

import http.client
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import websocket

from waterline.units import format_duration
from workbench.doctor.client_address import (
    PATIENCE_SECONDS,
    Address,
    Answer,
    asked,
    error_of,
    parse_url,
)
from workbench.doctor.finding import Finding, fault, ok, skipped, warning
from workbench.doctor.subject import Subject

_NO_TOKEN: Final = "it wants a token: set WATERLINE_TOKEN"
_NOT_GIVEN: Final = "give the address that clients use with --url"
_LARGE_BODY: Final = 16 * 2**20
"""Bytes of the largest body that the server takes."""
_LONGEST_WATCH: Final = 75.0
_AT_ONCE_SECONDS: Final = 0.5
_LOST_HANDSHAKE: Final = frozenset({"upgrade_required", "bad_handshake", "version_not_supported"})
_PASS_HOST: Final = (
    "have the proxy pass Host on as it came (nginx: proxy_set_header Host $http_host), or name {} "
    "in allowed_origins"
)
_PASS_UPGRADE: Final = (
    "have the proxy pass on Upgrade and Connection (nginx: proxy_http_version 1.1; "
    "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade)"
)


def reached(subject: Subject) -> Iterator[Finding]:
    """Ask for /ingest without a token, which Waterline alone refuses in its way."""
    answer = subject.at_url
    if subject.url is None or answer is None:
        yield skipped(_NOT_GIVEN)
        return
    address = parse_url(subject.url)
    if isinstance(answer, Finding):
        yield answer
    elif answer.is_ours:
        yield ok(f"{address}/ingest leads to Waterline")
    else:
        yield _foreign(address, answer)


def origin(subject: Subject) -> Iterator[Finding]:
    """Ask as a page of that address does, for /ingest and for the dashboard."""
    address, answer = _with_answer(subject)
    if isinstance(answer, Finding):
        yield answer
        return
    found = []
    as_page = asked(address, "GET", "/ingest", {"Origin": address.origin})
    if isinstance(as_page, Answer) and as_page.error == "origin_not_allowed":
        found.append(
            fault(
                f"pages of {address.origin} may not connect: on the way Host becomes another",
                _PASS_HOST.format(address.origin),
            )
        )
    page = asked(address, "GET", "/dashboard")
    if isinstance(page, Answer) and page.error == "host_not_allowed":
        found.append(
            fault(
                f"the dashboard does not know the name {address.host}",
                f"set allowed_origins to {address.origin}, and start it again",
            )
        )
    yield from found or [ok(f"Host comes as it is sent, and pages of {address.origin} may connect")]


def upload(subject: Subject) -> Iterator[Finding]:
    """Announce the largest body that the server takes, and send none of it."""
    address, answer = _with_answer(subject)
    if isinstance(answer, Finding):
        yield answer
        return
    if subject.token is None:
        yield skipped(_NO_TOKEN)  # without one a body would count as refused
        return
    headers = {
        "Authorization": f"Bearer {subject.token}",
        "Content-Length": str(_LARGE_BODY),
    }
    # The server waits for the body; a proxy that takes none so large says so at once.
    large = asked(address, "POST", "/ingest", headers, _AT_ONCE_SECONDS)
    if isinstance(large, Answer) and large.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        yield fault(
            "bodies of 16 MiB, which the server takes, are refused on the way (413)",
            "raise the limit of the proxy (nginx: client_max_body_size 0)",
        )
    else:
        yield ok("bodies of 16 MiB are let through")


def idle(subject: Subject) -> Iterator[Finding]:
    """Hold a silent WebSocket for longer than a ping takes to come."""
    address, answer = _with_answer(subject)
    if isinstance(answer, Finding):
        yield answer
        return
    if subject.token is None:
        yield skipped(_NO_TOKEN)
        return
    connection = _connected(address, subject.token)
    if isinstance(connection, Finding):
        yield connection
        return
    try:
        yield _watched(connection, subject)
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call]


def _with_answer(subject: Subject) -> tuple[Address, Answer | Finding]:
    """Return the address and whether Waterline answers there, or why a check is skipped."""
    address = parse_url(subject.url or "http://localhost")
    answer = subject.at_url
    if answer is None:
        return address, skipped(_NOT_GIVEN)
    if isinstance(answer, Finding) or not answer.is_ours:
        return address, skipped("Waterline does not answer there, as the check address tells")
    return address, answer


def _foreign(address: Address, answer: Answer) -> Finding:
    """Return what to say where somebody else answered."""
    what = f"{address}/ingest answers {answer.status}, and that is not Waterline"
    match answer.status:
        case 401 | 407:
            return fault(
                f"{what}: a password is asked for on the way",
                "let /ingest and /live pass without one, as they ask for tokens of their own",
            )
        case 301 | 302 | 303 | 307 | 308:
            where = urlsplit(answer.location)
            return fault(
                f"{what}: it leads on to {where.scheme}://{where.netloc}, and no producer follows",
                "give that address to producers, or have /ingest answered here",
            )
        case 502 | 503 | 504:
            return fault(
                f"{what}: the proxy does not reach the server",
                "see that the server runs at the address that the proxy passes to",
            )
    return fault(what, "pass the paths /ingest and /live on to the port of the server")


def _connected(address: Address, token: str) -> websocket.WebSocket | Finding:
    """Return an open WebSocket, or why there is none.

    A producer's is silent, and a reader's is not while logs come in. A reader's is tried first, as
    a handshake that is lost at /ingest would count as a refused body.
    """
    scheme = "wss" if address.secure else "ws"
    refused, opened = "", None
    for path in ("/live", "/ingest"):
        try:
            connection = websocket.create_connection(
                f"{scheme}://{address.netloc}{address.prefix}{path}",
                header={"Authorization": f"Bearer {token}"},
                suppress_origin=True,
                timeout=PATIENCE_SECONDS,
            )
        except websocket.WebSocketBadStatusException as error:
            code = error_of(error.resp_body or b"")
            if code in _LOST_HANDSHAKE:
                return fault("WebSockets do not get through: the handshake is lost", _PASS_UPGRADE)
            refused = f"{error.status_code} {code}".strip()
        except (OSError, websocket.WebSocketException) as error:
            refused = type(error).__name__
        else:
            if opened is not None:
                opened.shutdown()  # type: ignore[no-untyped-call]
            opened = connection
    return opened or warning(
        f"no WebSocket could be opened there ({refused})",
        "see that WATERLINE_TOKEN is a token of this server, and that the proxy takes WebSockets",
    )


def _watched(connection: websocket.WebSocket, subject: Subject) -> Finding:
    """Return what became of a silent connection after a bit more than a ping takes."""
    settings = subject.settings
    every = min(settings.ping_every or settings.idle_timeout, settings.idle_timeout / 2) / 1000
    until = time.monotonic() + min(_LONGEST_WATCH, 1.25 * every + 1)
    heard = time.monotonic()
    try:
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            opcode, _ = connection.recv_data(control_frame=True)
            heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException
    except websocket.WebSocketTimeoutException:
        pass
    except (OSError, websocket.WebSocketException):
        return _cut(time.monotonic() - heard, every)
    return ok(f"a silent WebSocket lasts; pings come every {every:g} s (ping_every)")


def _cut(seconds: float, every: float) -> Finding:
    advice = format_duration(max(1, int(seconds * 1000 // 2000)) * 1000)
    return fault(
        f"a silent WebSocket was cut after {seconds:.1f} s, before a ping came (ping_every is "
        f"{every:g} s)",
        f"set ping_every to {advice} or less, or raise the timeout of the proxy",
    )
