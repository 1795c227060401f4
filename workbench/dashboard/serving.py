"""Serves the page: Bokeh's application, guarded against pages of other origins."""

# Panel has types in part only.
# mypy: allow-untyped-calls

import asyncio
import signal
from collections.abc import Sequence
from typing import Any, Final

import panel.io.application
import tornado.httputil
import tornado.web
from bokeh.document import Document
from bokeh.embed.bundle import extension_dirs
from bokeh.resources import Component, Resources
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings as settings_of_bokeh
from panel.io.handlers import FunctionHandler
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.routing import AnyMatches, Matcher, Rule, RuleRouter

from waterline.clock import now_ms
from waterline.origins import ANY, host_fault, is_allowed, is_own_host, origin_fault
from waterline.responses import Fault
from waterline.settings.model import Settings
from workbench.dashboard.closed_pages import print_no_cancelled_callbacks
from workbench.dashboard.explorer.download import Download
from workbench.dashboard.origin import Origin
from workbench.dashboard.page import make_page
from workbench.dashboard.response import Response
from workbench.dashboard.scripts import Scripts
from workbench.running.panel import LIVENESS
from workbench.running.ports import bind
from workbench.safe_headers import safe_headers_of

PAGE: Final = "/dashboard"
# The page draws with the first; models of Panel do not load without the others.
COMPONENTS: Final[list[Component]] = ["bokeh", "bokeh-widgets", "bokeh-tables"]
# Milliseconds for which sessions of closed tabs are kept, and between looks for them.
SESSION_LIFETIME: Final = 15_000
SESSION_CHECKS: Final = 17_000


class Application(BokehTornado):
    """Bokeh's application with the scripts that the page needs."""

    def resources(self, absolute_url: str | bool | None = None) -> Resources:
        """Return the scripts of a page, without MathJax and WebGL: they would be half of them."""
        return super().resources(absolute_url).clone(components=COMPONENTS)


class _NotFound(Response):
    """Answers unknown paths."""

    def prepare(self) -> None:
        """End the request with 404 and the path of the page."""
        text = f"there is nothing at {self.request.path}; there is {PAGE}"
        self.fail(404, Fault("not_found", text))


class _Alive(Response):
    """GET /liveness: 200 while the process works."""

    def get(self) -> None:
        """Answer."""
        self.set_header("Cache-Control", "no-store")
        self.finish({LIVENESS: True})


class _Foreign(Matcher):
    """Matches requests of pages of other origins, and of names made to resolve to us."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed

    def match(self, request: tornado.httputil.HTTPServerRequest) -> dict[str, Any] | None:
        headers = request.headers
        host = headers.get("Host", "localhost")
        if not is_own_host(host, self._allowed):
            return {}
        origin = headers.get("Origin")
        if origin is not None:
            return None if is_allowed(origin, host, self._allowed) else {}
        is_link = headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        is_far = headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        return {} if is_far and not is_link else None


class _Refused(Response):
    """Answers what `_Foreign` matches."""

    def prepare(self) -> None:
        """End the request with 403 and a remedy."""
        headers, allowed = self.request.headers, self.settings["allowed_origins"]
        fault = host_fault(headers.get("Host"), allowed)
        self.fail(403, fault or origin_fault(headers.get("Origin")))


def _log_request(_: tornado.web.RequestHandler) -> None:
    """Log no requests, like the server: a URL may hold a searched text."""


def content_policy(allowed: Sequence[str]) -> str:
    """Return the Content-Security-Policy of the page.

    Bokeh and Panel need inline scripts, components from blobs and inline styles. All else comes
    from this server, and nothing goes elsewhere.

    Args:
        allowed: origins whose pages may embed the page.
    """
    frames = "*" if ANY in allowed else " ".join(["'self'", *allowed])
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {frames}",
        ]
    )


def guarded_router(settings: Settings, application: tornado.web.Application) -> RuleRouter:
    """Return the router: the application, and refusals to foreign pages."""
    refusals = tornado.web.Application(
        default_handler_class=_Refused,
        transforms=[safe_headers_of()],
        log_function=_log_request,
        allowed_origins=settings.allowed_origins,
    )
    return RuleRouter(
        [
            Rule(_Foreign(settings.allowed_origins), refusals),
            Rule(AnyMatches(), application),
        ]
    )


def dashboard_application(
    settings: Settings,
    origin: Origin,
    session_lifetime: int = SESSION_LIFETIME,
    session_checks: int = SESSION_CHECKS,
) -> Application:
    """Return Bokeh's application of the page.

    Args:
        settings: the settings in force.
        origin: the folder.
        session_lifetime: milliseconds for which the session of a closed tab is kept.
        session_checks: milliseconds between looks for such sessions.
    """

    def page(document: Document) -> None:
        make_page(document, origin)

    application = Application(
        {PAGE: panel.io.application.Application(FunctionHandler(page))},
        extra_patterns=[
            (LIVENESS, _Alive),
            (r"/static/(js/.+\.js)", Scripts, {"path": settings_of_bokeh.bokehjs_path()}),
            (r"/static/extensions/panel/(.+\.js)", Scripts, {"path": extension_dirs["panel"]}),
            (f"{PAGE}/download", Download, {"origin": origin, "clock": now_ms}),
        ],
        # Bokeh compares names only; the router has checked the origin before.
        extra_websocket_origins=["*"],
        ico_path="none",
        # Of 2.8 MB of scripts, 0.8 are left.
        compress_response=True,
        unused_session_lifetime_milliseconds=session_lifetime,
        check_unused_sessions_milliseconds=session_checks,
        allowed_origins=settings.allowed_origins,
        default_handler_class=_NotFound,
        log_function=_log_request,
    )
    application.add_transform(safe_headers_of(content_policy(settings.allowed_origins)))
    return application


async def serve_page(
    settings: Settings, origin: Origin, host: str, session_lifetime: int, session_checks: int
) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        settings: the port and the allowed origins.
        origin: the folder.
        host: the address to listen on.
        session_lifetime: milliseconds for which the session of a closed tab is kept.
        session_checks: milliseconds between looks for such sessions.

    Raises:
        AddressError: the address cannot be listened on.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    application = dashboard_application(settings, origin, session_lifetime, session_checks)
    http = HTTPServer(guarded_router(settings, application))
    http.add_sockets(bind(host, settings.dashboard_port, "dashboard_port"))
    server = BaseServer(IOLoop.current(), application, http)
    server.start()
    await stopping.wait()
    print_no_cancelled_callbacks()
    server.stop(wait=False)
    await http.close_all_connections()
