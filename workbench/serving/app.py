"""The process that answers questions: what it listens on, and its end."""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import tornado.httpserver
import tornado.web

from waterline.addresses import is_loopback
from waterline.errors import AddressError, SettingsError
from waterline.server_tls import server_context
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from waterline.tokens import TokenFile
from workbench.running.ports import bind
from workbench.running.questions import LIVENESS, questions_url
from workbench.safe_headers import safe_headers_of
from workbench.serving.admission import Admission
from workbench.serving.endpoint import Answering, NotFound, log_request
from workbench.serving.health import Alive, Health
from workbench.serving.questions import Query, Report, Sql

logger = logging.getLogger(__name__)

# Of what takes no body.
_MOST_OTHER: Final = 2**16
_IDLE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0
# Seconds in which questions may end, less than `waterline up` waits.
_END_SECONDS: Final = 3.0
_MAX_HEADER: Final = 16 * 2**10


async def serve_questions(settings: Settings, announce: Callable[[str], None]) -> None:
    """Answer questions until SIGINT or SIGTERM; SIGHUP reads the certificate again.

    Args:
        settings: the data folder and where to listen.
        announce: called with the address once connections are accepted.

    Raises:
        AddressError: the address cannot be listened on, or no token is there for others.
        SettingsError: the certificate cannot be used.
        TokenError: the tokens cannot be read.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    folder = DataFolder(settings.data)
    tokens = TokenFile(folder.tokens)
    tls = _tls(settings)
    is_local = is_loopback(settings.host)
    if not is_local:
        _check_exposure(settings, tokens, secure=tls is not None)
    loop.add_signal_handler(signal.SIGHUP, _load_again, settings, tls)
    sockets = bind(settings.host, settings.query_port, "query_port")
    admission = Admission(tokens, settings.query_concurrency)
    pool = ThreadPoolExecutor(settings.query_concurrency, "questions")
    answering = Answering(
        folder.path,
        admission,
        pool,
        settings.query_bytes,
        settings.allowed_origins,
        is_local=is_local,
    )
    server = tornado.httpserver.HTTPServer(
        application(answering),
        ssl_options=tls,
        idle_connection_timeout=_IDLE_SECONDS,
        max_header_size=_MAX_HEADER,
        max_body_size=_MOST_OTHER,
    )
    server.add_sockets(sockets)
    announce(questions_url(settings, sockets[0].getsockname()[1]))
    while not stopping.is_set():
        admission.look()
        await _wait(stopping, _LOOK_SECONDS)
    server.stop()
    # Their threads need the loop to end.
    admission.cut_all()
    await _wait(admission.idle, _END_SECONDS)
    await server.close_all_connections()
    pool.shutdown(wait=False, cancel_futures=True)


def application(answering: Answering) -> tornado.web.Application:
    """Return the application of what requests share."""
    shared = {"answering": answering}
    return tornado.web.Application(
        [
            ("/query", Query, shared),
            ("/sql", Sql, shared),
            ("/report/([a-z_]+)", Report, shared),
            ("/health", Health, shared),
            (LIVENESS, Alive, shared),
        ],
        default_handler_class=NotFound,
        default_handler_args=shared,
        transforms=[safe_headers_of()],
        log_function=log_request,
    )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or for so many seconds."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_cert, settings.tls_key)


def _load_again(settings: Settings, tls: ssl.SSLContext | None) -> None:
    """Read the certificate again; a faulty one leaves that in force."""
    if tls is None or settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        server_context(settings.tls_cert, settings.tls_key)
    except SettingsError as error:
        logger.error("%s; the certificate before it stays in force", error)
    else:
        tls.load_cert_chain(settings.tls_cert, settings.tls_key)


def _check_exposure(settings: Settings, tokens: TokenFile, *, secure: bool) -> None:
    if not tokens.tokens():
        raise AddressError(
            f"{settings.host} is reached from beyond this machine and there is no token yet; "
            f"make one with `waterline token create NAME --scope read --data {settings.data}` "
            "or listen on 127.0.0.1"
        )
    if not secure:
        logger.warning(
            "tokens and logs travel to %s in the clear; give --tls-cert and --tls-key, or "
            "listen on loopback behind a proxy that speaks TLS",
            settings.host,
        )
