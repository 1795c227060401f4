"""Server: wires all parts together, starts, drains and stops them."""

import asyncio
import itertools
import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import tornado.httpserver
import tornado.netutil
import tornado.web

from server.accepting import Accepting, AcceptingServer
from server.alerts_process import AlertsProcess
from server.archive_scheduler import ArchiveScheduler
from server.background import running
from server.backpressure import Gate
from server.backup_scheduler import BackupScheduler
from server.bind import bind, port_of
from server.connections import Connections
from server.copied import check_copy
from server.endpoint import NotFound, SafeHeaders, log_request
from server.gauges import Gauges
from server.ingest.routes import PATHS, rules
from server.ingest.syslog.listeners import SyslogListeners
from server.ingest.unknown_path import UnknownPath
from server.inherited import NO_SOCKETS, Sockets
from server.live.hub import TICK_SECONDS, LiveHub
from server.memory_budget import MemoryBudget
from server.metering import Meter
from server.monitoring.overview import Overview, Pulse
from server.monitoring.pages import Alive, Health, Metrics, Monitoring
from server.monitoring.thread import MonitoringThread
from server.rate_limits import TokenLimits
from server.recount import Recount
from server.refusals import Refusals
from server.reload import plan_reload
from server.rollback import renew_changed_past
from server.service_manager import ALIVE, is_watched, notify
from server.tail import LiveReader
from server.websocket.frames import MAX_MESSAGE_SIZE
from server.writer import Commit, Writer
from waterline.addresses import Addresses, is_loopback
from waterline.alerts.rules import AlertRule
from waterline.archive.missing import MissingFiles
from waterline.clock import AGEING_PATIENCE, DATING_PATIENCE, SteadyClock
from waterline.descriptors import few_descriptors, for_connections
from waterline.errors import AddressError
from waterline.metrics.history import RollupHistory
from waterline.metrics.quiet_sources import QuietSources
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.rollup_thread import RollupThread
from waterline.server_tls import server_context
from waterline.settings.model import LoadedSettings, Settings
from waterline.storage.folder import DataFolder, open_to_others
from waterline.storage.pages import LogPages
from waterline.tokens import TokenFile

logger = logging.getLogger(__name__)

# `waterline up` gives the whole process 5 s, so connections get less.
CLOSE_SECONDS: Final = 2.0
FINISH_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 1.0
# Bytes of messages and bodies that have not come to their end, over all connections.
MOST_UNFINISHED: Final = 2 * MAX_MESSAGE_SIZE
# Bytes of headers, and of bodies of requests that need none, for each connection.
MAX_HEADER_SIZE: Final = 16 * 1024
MAX_OTHER_BODY: Final = 64 * 1024
# Seconds that a connection, which holds a descriptor, may take for its next request.
MOST_SILENT_SECONDS: Final = 60.0
# Once a second withdrawn grants are looked for, and gauges are sampled.
TICKS_A_LOOK: Final = 5


class Server:
    """Parts of one server.

    Args:
        settings: the settings.
        folder: the locked data folder.
        opened: closes all that is opened here.
        limit: files and connections that this process may have open.
        alerts: rules of alerts.
    """

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        opened: ExitStack,
        limit: int,
        alerts: Sequence[AlertRule] = (),
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self._tokens = TokenFile(folder.tokens)
        self._clock = SteadyClock(DATING_PATIENCE)
        self._ageing = SteadyClock(AGEING_PATIENCE)
        self._recorder = MetricsRecorder(self._clock)
        self._changed_past = [*check_copy(folder), *renew_changed_past(folder)]
        self._writer = Writer(
            folder.logs,
            self._hand_over,
            settings.dedupe_window,
            self._clock,
            settings.indexed_attributes,
        )
        opened.callback(self._writer.stop)
        self._refusals = Refusals(self._recorder, self._clock)
        self._rollups, meter = self._measuring(folder)
        self._pages = LogPages(folder.logs)
        opened.callback(self._pages.close)
        self._hub = LiveHub(settings.live_buffer, self._writer.last_seq, self._recorder)
        self._connections = Connections(
            self._writer,
            self._hub,
            meter,
            self._refusals,
            self._tokens,
            TokenLimits(settings.token_connections, settings.token_rate),
            Gate(settings.queue_size),
            MemoryBudget(MOST_UNFINISHED, settings.idle_timeout / 1000),
            settings.measured_attributes,
            settings.recognise_repeats,
        )
        self._syslog = SyslogListeners(settings, self._connections)
        opened.callback(self._syslog.close)
        self._archiving = ArchiveScheduler(
            settings, self._recorder, self._ageing, in_doubt=lambda: self._ageing.ahead() > 0
        )
        self._backups = BackupScheduler(settings)
        self._silence = QuietSources(folder.metrics, settings.quiet_after, self._ageing)
        opened.callback(self._silence.close)
        self._missing = MissingFiles(folder)
        self._alerts = AlertsProcess(alerts, settings)
        self._gauges = Gauges(folder, self._connections)
        self._pulse = Pulse()
        most = for_connections(limit)
        self._accepting = Accepting(most, "connections")
        # Monitoring may use the reserve, as requests must be answered during a shortage.
        self._accepting_monitoring = Accepting(limit, "requests for monitoring")
        self._few_descriptors = few_descriptors(most, settings.token_connections)
        if self._few_descriptors:
            logger.warning("%s", self._few_descriptors[0])
        self._tls: list[ssl.SSLContext] = []
        self._apps: list[tornado.web.Application] = []
        self.sockets: Sockets = {}
        """Listening sockets by setting."""
        self._listening: AcceptingServer | None = None
        self._monitoring: MonitoringThread | None = None

    def _measuring(self, folder: DataFolder) -> tuple[RollupThread, Meter]:
        """Open the rollups, which go on from the last counted log."""
        settings, last_seq = self._settings, self._writer.last_seq
        file = RollupStore(folder.metrics)
        self._opened.callback(file.close)
        counted = file.begin(self._writer.watermark.incarnation, last_seq, self._clock())
        recount = Recount(settings, self._recorder)
        rollups = RollupThread(
            file,
            self._recorder,
            Retention(settings.metrics_seconds, settings.metrics_minutes, settings.metrics_hours),
            recount.record,
            self._clock,
            self._ageing,
        )
        if counted < last_seq:
            rollups.recount(counted, last_seq)
        self._opened.callback(rollups.stop)
        self._opened.callback(recount.stop)
        self._recorder.history = self._history = RollupHistory(folder.metrics)
        self._opened.callback(self._history.close)
        return rollups, Meter(self._recorder, last_seq, rollups.recount, self._refusals)

    def reload(self, loaded: LoadedSettings) -> None:
        """Take over what can be taken over of settings that were read again, and say what cannot.

        Raises:
            SettingsError: the certificate or its key cannot be used; nothing was changed.
        """
        plan = plan_reload(self._settings, loaded.settings)
        new = plan.settings
        if new.tls_cert is not None and new.tls_key is not None:
            server_context(new.tls_cert, new.tls_key)  # a faulty one is refused before all else
            for each in self._tls:
                each.load_cert_chain(new.tls_cert, new.tls_key)
        self._settings = new
        self._connections.limits.change(new.token_connections, new.token_rate)
        self._archiving.use(new)
        self._backups.use(new)
        self._alerts.use(loaded.alerts)
        for app in self._apps:
            app.settings["allowed_origins"] = new.allowed_origins
        taken = ["tokens", "certificates", "alerts", *plan.changed]
        logger.warning("read again: %s", ", ".join(taken))
        if plan.waiting:
            logger.warning("changed, and in force after a restart: %s", ", ".join(plan.waiting))

    def listen(self, inherited: Sockets = NO_SOCKETS) -> Addresses:
        """Start accepting connections.

        Args:
            inherited: sockets that this process was given.

        Raises:
            AddressError: a port cannot be listened on, or tokens are needed and missing.
            SettingsError: the certificate or its key cannot be used.
            TokenError: the tokens are needed and cannot be read.
        """
        settings = self._settings
        tls, of_syslog = _tls(settings), _tls(settings)
        self._tls = [each for each in (tls, of_syslog) if each is not None]
        self._apps = [self._ingest_app(), self._monitoring_app()]
        self._check_exposure(secure=tls is not None)
        ingest = bind(settings.host, settings.port, "port", inherited=inherited)
        self._opened.callback(_close_sockets, ingest)
        monitoring = bind(
            settings.host, settings.monitoring_port, "monitoring_port", inherited=inherited
        )
        self._opened.callback(_close_sockets, monitoring)
        syslog = self._syslog.bind(inherited, secure=tls is not None)
        self.sockets = {"port": ingest, "monitoring_port": monitoring, **self._syslog.sockets}
        self._rollups.start()
        self._writer.start()
        self._listening = _listen(self._apps[0], ingest, settings, tls, self._accepting)
        self._monitoring = MonitoringThread(
            partial(
                _listen,
                self._apps[1],
                monitoring,
                settings,
                tls,
                self._accepting_monitoring,
            ),
            self._history.interrupt,
        )
        self._monitoring.start()
        self._opened.callback(self._monitoring.stop)
        self._syslog.start(self._accepting, of_syslog)
        return Addresses(
            settings.host, port_of(ingest), port_of(monitoring), tls is not None, syslog
        )

    def _check_exposure(self, *, secure: bool) -> None:
        """Require tokens if the server is reachable from other machines.

        Raises:
            AddressError: there is no token.
            TokenError: the tokens cannot be read.
        """
        settings = self._settings
        if is_loopback(settings.host):
            return
        if not self._tokens.tokens():
            raise AddressError(
                f"{settings.host} is reached from beyond this machine and there is no token yet; "
                f"make one with `waterline token create NAME --scope ingest --data {settings.data}`"
                " or listen on 127.0.0.1"
            )
        if not secure:
            logger.warning(
                "tokens and logs travel to %s in the clear; give --tls-cert and --tls-key, or "
                "listen on loopback behind a proxy that speaks TLS",
                settings.host,
            )

    async def run_until(self, stopping: asyncio.Event, *beside: "asyncio.Task[None]") -> None:
        """Run all periodic work until told to stop.

        Args:
            stopping: set to stop.
            beside: tasks of others, whose errors are raised here.
        """
        async with (
            running(self._archiving.run()) as archiving,
            running(self._backups.run()) as backing_up,
            running(self._silence.run()) as watching,
            running(self._missing.run()) as looking,
            running(self._alerts.run()) as alerting,
        ):
            own = (archiving, backing_up, watching, looking, alerting)
            await self._tick_until(stopping, *own, *beside)

    async def _tick_until(self, stopping: asyncio.Event, *beside: "asyncio.Task[None]") -> None:
        for tick in itertools.count(1):
            try:
                await asyncio.wait_for(stopping.wait(), TICK_SECONDS)
            except TimeoutError:
                self._pulse.beat()
                if is_watched():
                    notify(ALIVE)
                self._hub.tick()
                for task in beside:
                    if task.done():
                        task.result()  # raises its error, a fault of ours
                if tick % TICKS_A_LOOK == 0:
                    self._connections.close_withdrawn()
                    self._gauges.sample(self._recorder)
            else:
                return

    async def drain(self) -> None:
        """Stop reading, commit and ack all waiting logs, and close every connection."""
        if self._monitoring is not None:
            self._monitoring.refuse()
        self._connections.draining = True
        async with asyncio.TaskGroup() as last:
            if self._listening is not None:
                last.create_task(self._listening.finish(FINISH_SECONDS))
            last.create_task(self._syslog.drain())
        self._connections.is_over = True
        self._pages.close()
        await self._loop.run_in_executor(None, self._writer.stop)
        # Let the loop deliver the last commits first.
        await asyncio.sleep(0)
        self._syslog.close()
        await self._hub.settle(SETTLE_SECONDS)
        self._hub.tick()
        await self._connections.close(CLOSE_SECONDS)
        if self._listening is not None:
            await self._listening.close_all_connections()

    def _hand_over(self, commit: Commit) -> None:
        self._loop.call_soon_threadsafe(self._connections.deliver, commit)

    def _ingest_app(self) -> tornado.web.Application:
        idle, ping = self._settings.idle_timeout / 1000, self._settings.ping_every / 1000
        return tornado.web.Application(
            [
                *rules(self._connections),
                (r"/live", LiveReader, {"connections": self._connections, "pages": self._pages}),
            ],
            default_handler_class=UnknownPath,
            default_handler_args={"connections": self._connections},
            transforms=[SafeHeaders],
            log_function=log_request,
            allowed_origins=self._settings.allowed_origins,
            paths=f"{PATHS}, and /live for WebSockets",
            websocket_max_message_size=MAX_MESSAGE_SIZE,
            # At least two pings before a silent peer counts as gone.
            websocket_ping_interval=min(ping or idle, idle / 2),
            websocket_ping_timeout=idle,
        )

    def _monitoring_app(self) -> tornado.web.Application:
        # Served from a thread of its own, which needs its own TokenFile.
        tokens = None if is_loopback(self._settings.host) else TokenFile(self._folder.tokens)
        overview = Overview(
            self._gauges,
            self._connections,
            self._rollups,
            self._archiving,
            self._pulse,
            [
                self._writer.warnings,
                self._ageing.warnings,
                self._silence.warnings,
                lambda: self._few_descriptors,
                partial(open_to_others, self._folder),
                lambda: self._changed_past,
                self._refusals.warnings,
                self._syslog.warnings,
                self._alerts.warnings,
                self._archiving.retention.warnings,
                self._backups.warnings,
            ],
            [self._accepting, self._accepting_monitoring],
            [self._missing.reasons, self._backups.reasons],
            self._syslog.health,
            self._alerts,
            self._backups.health,
            self._settings.queue_size,
        )
        shared = {"monitoring": Monitoring(overview, self._recorder, tokens)}
        pages = ((r"/metrics", Metrics), (r"/health", Health), (r"/livez", Alive))
        return tornado.web.Application(
            [(path, page, shared) for path, page in pages],
            default_handler_class=NotFound,
            transforms=[SafeHeaders],
            log_function=log_request,
            allowed_origins=self._settings.allowed_origins,
            paths="/metrics, /health and /livez",
        )


def _close_sockets(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context; None for plain TCP."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_cert, settings.tls_key)


def _listen(
    app: tornado.web.Application,
    sockets: list[socket.socket],
    settings: Settings,
    tls: ssl.SSLContext | None,
    accepting: Accepting,
) -> AcceptingServer:
    server = AcceptingServer(
        app,
        ssl_options=tls,
        # A connection without a request has no token yet that could be counted.
        idle_connection_timeout=min(settings.idle_timeout / 1000, MOST_SILENT_SECONDS),
        max_header_size=MAX_HEADER_SIZE,
        max_body_size=MAX_OTHER_BODY,
    )
    server.accepting = accepting
    server.add_sockets(sockets)
    return server
