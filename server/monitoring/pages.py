"""Monitoring pages: GET /metrics, GET /health and GET /livez."""

import asyncio
from dataclasses import dataclass
from functools import partial

import msgspec

from server.endpoint import Endpoint
from server.monitoring.exposition import expose, format_for
from server.monitoring.negotiation import accept_for, time_range
from server.monitoring.overview import Overview
from waterline.clock import now_ms
from waterline.errors import DataFolderError, UsageError
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.registry import SOURCE
from waterline.tokens import Scope, TokenFile


@dataclass(frozen=True, slots=True)
class Monitoring:
    """State shared by the pages.

    Args:
        overview: the state of the server.
        recorder: the measurements.
        tokens: the tokens, if requests need one; None on loopback.
    """

    overview: Overview
    recorder: MetricsRecorder
    tokens: TokenFile | None


class MonitoringPage(Endpoint):
    """Monitoring page; beyond loopback it needs a token with the scope `read`."""

    def initialize(self, monitoring: Monitoring) -> None:
        """Store the shared state."""
        self.monitoring = monitoring

    def prepare(self) -> None:
        """Require a token; on loopback, a `Host` that means this server."""
        if self.monitoring.tokens is not None:
            self.authorise(self.monitoring.tokens, Scope.READ)
        else:
            self.accepts_host()

    def answer(self, status: int, content: object) -> None:
        """Answer with uncached JSON."""
        text = msgspec.json.format(msgspec.json.encode(content), indent=2)
        self.answer_as("application/json", text, status)

    def answer_as(self, content_type: str, text: bytes, status: int = 200) -> None:
        """Answer with uncached text.

        Args:
            content_type: the header Content-Type.
            text: the body.
            status: the HTTP status.
        """
        self.set_status(status)
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.finish(text)


class Metrics(MonitoringPage):
    """GET /metrics: a report as JSON, or all since the start for Prometheus."""

    async def get(self) -> None:
        """Answer in the requested format."""
        self.set_header("Vary", "Accept")
        arguments = {name: self.get_query_argument(name, None) for name in ("from", "to", "by")}
        try:
            accept = accept_for(
                self.get_query_argument("format", None), self.request.headers.get("Accept", "")
            )
            if accept is not None:
                if any(each is not None for each in arguments.values()):
                    raise UsageError(
                        "from, to and by are for the report as JSON; Prometheus is told all since "
                        "the start"
                    )
                self._expose(accept)
            else:
                now = now_ms()
                since, until = time_range(arguments["from"], arguments["to"], now)
                if arguments["by"] not in (None, SOURCE):
                    raise UsageError(f"by is {SOURCE}, and not {arguments['by']!r:.80}")
                await self._report(now, since, until, by_source=arguments["by"] is not None)
        except UsageError as error:
            self.fail(400, "bad_request", str(error))

    async def head(self) -> None:
        """Answer as to a GET; Tornado leaves the body out."""
        await self.get()

    def _expose(self, accept: str) -> None:
        chosen, state = format_for(accept), self.monitoring.overview.state()
        text = expose(self.monitoring.recorder, state, chosen)
        self.answer_as(chosen.content_type, text)

    async def _report(self, now: int, since: int, until: int, *, by_source: bool) -> None:
        # A report of years takes a while, and /livez must not wait for it.
        loop, recorder = asyncio.get_running_loop(), self.monitoring.recorder
        try:
            report = await loop.run_in_executor(
                None, partial(recorder.report, since, until, by_source=by_source)
            )
        except DataFolderError as error:
            self.fail(503, "metrics_unreadable", str(error))
            return
        self.answer(200, {"timestamp": now, "from": since, "to": until, **report})


class Health(MonitoringPage):
    """GET /health: 200 if there are no faults, else 503."""

    def get(self) -> None:
        """Answer with the state of the server."""
        health = self.monitoring.overview.health()
        self.answer(503 if health["reasons"] else 200, health)

    def head(self) -> None:
        """Answer as to a GET; Tornado leaves the body out."""
        self.get()


class Alive(MonitoringPage):
    """GET /livez: 200 while the process works, even degraded, as a restart repairs no disk."""

    def prepare(self) -> None:
        """Require no token; on loopback, a `Host` that means this server."""
        if self.monitoring.tokens is None:
            self.accepts_host()

    def get(self) -> None:
        """Answer 200, or 503 if the event loop is stalled, which a restart repairs."""
        if self.monitoring.overview.pulse.stalled is None:
            self.answer(200, {"status": "alive"})
        else:
            self.answer(503, {"status": "stalled"})

    def head(self) -> None:
        """Answer as to a GET; Tornado leaves the body out."""
        self.get()
