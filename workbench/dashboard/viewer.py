"""The dashboard of one session, which shows the shared snapshot in a page or a notebook."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Callable, Mapping
from typing import Any, Final

import panel as pn
from bokeh.document import Document
from tornado.ioloop import IOLoop

from waterline.clock import now_ms
from workbench.dashboard import cards
from workbench.dashboard.alerts import alerts, firing
from workbench.dashboard.chart_place import chart_place, put_chart
from workbench.dashboard.explorer.explorer import Explorer
from workbench.dashboard.figures import Chart, LatencyChart, ThroughputChart
from workbench.dashboard.server_card import server
from workbench.dashboard.sources import sources
from workbench.dashboard.texts import Texts
from workbench.dashboard.watched import Watched, shared
from workbench.snapshots.snapshot import Snapshot

REFRESH_MS: Final = 250
"""Milliseconds between two looks of a session for a new snapshot."""
BEAT_MS: Final = 1000
"""Milliseconds between two beats of a session without news."""
_CHARTS: Final[Mapping[str, Callable[[], Chart]]] = {
    "throughput": ThroughputChart,
    "latency": LatencyChart,
}
# Pixels, where no page sets them.
_HEIGHTS: Final = {"throughput": 240, "latency": 240, "logs": 480}


class Dashboard(pn.viewable.Viewer):
    """The live dashboard of a data folder.

    Args:
        watched: the folder; by default that of this process.
    """

    def __init__(self, watched: Watched | None = None, **params: object) -> None:
        super().__init__(**params)
        watched = watched or shared()
        self._poller = watched.poller
        self._shown: object = None
        self._texts = Texts(self._open_tab, sizing_mode="stretch_width", margin=0)
        self._charts: list[Chart] = []
        self._places = {name: chart_place() for name in _CHARTS}
        self._logs = Explorer(
            watched.origin, watched.searcher, now_ms, sizing_mode="stretch_both", margin=0
        )
        self._beaten_at = 0
        self._is_over = False
        self._refresh()
        self._callback = pn.state.add_periodic_callback(self._refresh, period=REFRESH_MS)

    def parts(self) -> dict[str, Any]:
        """Return the parts of the page by their names in its template."""
        self._logs.keeps_address = True
        loop, document = IOLoop.current(), pn.state.curdoc
        # Until the next look of the session a page would wait for what is found already.
        self._logs.wake = lambda: loop.add_callback(self._look_next, document)
        pn.state.on_session_destroyed(lambda _: self._end())
        return self._parts()

    def _parts(self) -> dict[str, Any]:
        return {"texts": self._texts, **self._places, "logs": self._logs}

    def _open_tab(self, name: str) -> None:
        if name == "health":
            self._open_charts()

    def _open_charts(self) -> None:
        """Make the charts, unless they are there."""
        if self._charts:
            return
        for name, make in _CHARTS.items():
            chart = make()
            chart.update(self._poller.snapshot)
            self._charts.append(chart)
            put_chart(self._places[name], chart.figure)

    def stop(self) -> None:
        """Stop following, in a notebook; a served session ends by itself."""
        self._callback.stop()
        self._logs.stop()

    def __panel__(self) -> Any:  # noqa: ANN401 - Panel has no types
        """Return the parts below each other."""
        self._open_charts()
        parts = self._parts()
        for name, height in _HEIGHTS.items():
            parts[name].param.update(sizing_mode="stretch_width", height=height)
        return pn.Column(*parts.values(), sizing_mode="stretch_width")

    def _end(self) -> None:
        self._is_over = True
        self._logs.stop()

    def _look_next(self, document: Document) -> None:
        """Look as soon as nobody else changes the document."""
        if not self._is_over:
            document.add_next_tick_callback(self._look)

    def _look(self) -> None:
        with pn.io.hold():
            self._logs.look()

    def _refresh(self) -> None:
        with pn.io.hold():  # what changes is sent as one message
            self._follow(self._poller.snapshot, now_ms())

    def _follow(self, snapshot: Snapshot, now: int) -> None:
        if abs(now - self._beaten_at) >= BEAT_MS:
            self._beaten_at = now
            self._logs.beat()
        self._logs.look()
        is_stale = now - snapshot.taken_at > cards.STALE_AFTER_MS
        if self._shown != (snapshot.number, is_stale):
            self._shown = (snapshot.number, is_stale)
            self._show(snapshot, now)

    def _show(self, snapshot: Snapshot, now: int) -> None:
        texts = {
            "status": cards.status(snapshot, now),
            "notice": cards.notice(snapshot, now),
            "key_figures": cards.key_figures(snapshot, now),
            "refused": cards.refused(snapshot),
            "throughput_legend": cards.throughput_legend(snapshot),
            "latency_legend": cards.latency_legend(snapshot, now),
            "stored": cards.stored(snapshot),
            "archives": cards.archives(snapshot),
            "sources": sources(snapshot),
            "alerts": alerts(snapshot, now),
            "server": server(snapshot),
            "firing": firing(snapshot, now),
        }
        self._texts.tell(texts)
        for chart in self._charts:
            chart.update(snapshot)
        self._logs.update(snapshot)
