"""The view as lines of text, for a terminal of any size."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from waterline.units import counted, human_size
from workbench.display import NOTHING, clock_time, moment, span
from workbench.fitting import columns_of, cut, one_line
from workbench.monitor.figures import WINDOW_SECONDS, Acks, DiskTrend, Figures
from workbench.monitor.pages import Alert, Archiving, Backups

HELP: Final = "q ends it, p pauses it"
PAUSED: Final = "paused; p goes on, q ends it"
_GAP: Final = "   "
_LABEL: Final = 9
# Fewer columns leave no room beside the labels.
_NARROW: Final = 30
_MOST_SOURCES: Final = 20
# More of a kind are told by their number.
_MOST_TOLD: Final = 8
_DAY_MS: Final = 86_400_000
_RESET: Final = "\x1b[0m"
_COLOURS: Final = {"good": "\x1b[32m", "bad": "\x1b[31m", "odd": "\x1b[33m", "label": "\x1b[1m"}


class Size(NamedTuple):
    """Of a terminal."""

    columns: int | None
    """None cuts nothing, as for a pipe."""
    lines: int | None


NO_LIMIT: Final = Size(None, None)


class View(NamedTuple):
    """What is shown."""

    figures: Figures | None
    """The last ones; None before the first answer."""
    trouble: str | None = None
    """Why there are no newer ones, in one sentence."""
    trouble_ms: int = 0
    """Milliseconds for which that has been so."""


class _Line(NamedTuple):
    """A line: its label, and parts of which those without room go to the next line."""

    label: str
    parts: Sequence[str]
    kind: str = ""


def lines_of(view: View, size: Size, *, is_coloured: bool, foot: str | None = None) -> list[str]:
    """Return the lines of a screen, none wider than it and no more of them than it has.

    Args:
        view: what is shown.
        size: of the screen.
        is_coloured: whether escapes for colours may be used.
        foot: the last line, which stays where lines are left out.
    """
    body = [
        shown
        for line in _lines(view, _sources_room(view, size, foot))
        for shown in _laid_out(line, size.columns, is_coloured=is_coloured)
    ]
    end = [] if foot is None else [_fit(foot, size.columns)]
    if size.lines is not None:
        body = body[: max(0, size.lines - len(end))]
        end = end[: size.lines]
    return [*body, *end]


def _sources_room(view: View, size: Size, foot: str | None) -> int:
    """Return how many sources can be listed below everything else."""
    if size.lines is None or view.figures is None:
        return _MOST_SOURCES
    others = sum(len(_laid_out(line, size.columns, is_coloured=False)) for line in _lines(view, 0))
    return max(0, min(_MOST_SOURCES, size.lines - others - (foot is not None)))


def _lines(view: View, sources: int) -> Iterable[_Line]:
    if view.trouble is not None:
        since = f" for {span(view.trouble_ms)}" if view.trouble_ms >= 1000 else ""
        yield _Line("", [f"NO ANSWER{since}: {view.trouble}"], "bad")
    found = view.figures
    if found is None:
        return
    state = found.status if view.trouble is None else f"as it was at {clock_time(found.time)}"
    kind = "good" if found.status == "healthy" and view.trouble is None else "bad"
    yield _Line("", [f"Waterline {found.version}", found.url])
    yield _Line("status", [state, f"up {span(1000 * found.uptime_seconds)}", *_at(view)], kind)
    for told, label, colour in (
        (found.reasons, "fault", "bad"),
        (found.warnings, "warning", "odd"),
    ):
        yield from (_Line(label, [each], colour) for each in told[:_MOST_TOLD])
        if len(told) > _MOST_TOLD:
            yield _Line(label, [f"and {len(told) - _MOST_TOLD} more"], colour)
    yield from _alerts(found.alerts)
    rate = f"{found.logs_per_second:,.1f} logs/s"
    refused = f"{found.refused_last_hour:,} refused in the last hour"
    yield _Line("in", [rate, f"{human_size(found.bytes_per_second)}/s", refused])
    yield _Line("acks", _acks(found.ack_ms))
    yield _Line("queue", [_queue(found)])
    yield _Line("disk", _disk(found))
    yield _Line(
        "files", [f"logs.db {_size(found.database_bytes)}", f"WAL {_size(found.wal_bytes)}"]
    )
    peak = human_size(found.memory_peak_bytes)
    yield _Line("memory", [_size(found.memory_bytes), f"{peak} at most"])
    yield _Line(
        "clients",
        [counted(found.connections, "connection"), counted(found.live_readers, "live reader")],
    )
    yield _Line("archive", [_archive(found.archive)])
    yield _Line("backup", [_backup(found.backup)])
    yield from _sources(found, sources)


def _at(view: View) -> list[str]:
    return [] if view.figures is None or view.trouble else [clock_time(view.figures.time)]


def _alerts(firing: Sequence[Alert]) -> Iterable[_Line]:
    if not firing:
        yield _Line("alerts", ["none fires"])
    for each in firing[:_MOST_TOLD]:
        name = each.alert if each.group is None else f"{each.alert} ({each.group})"
        value = NOTHING if each.value is None else f"{each.value:,g}"
        beside = "" if each.threshold is None else f" (limit {each.threshold:,g})"
        yield _Line("ALERT", [f"{name}: {value}{beside}", f"since {moment(each.since)}"], "bad")
    if len(firing) > _MOST_TOLD:
        yield _Line("ALERT", [f"and {len(firing) - _MOST_TOLD} more"], "bad")


def _acks(acks: Acks | None) -> list[str]:
    if acks is None:
        return [f"no log in the last {WINDOW_SECONDS} s"]
    named = (("p50", acks.p50), ("p95", acks.p95), ("p99", acks.p99), ("most", acks.max))
    return [f"{name} {each:,.1f} ms" for name, each in named if each is not None]


def _queue(found: Figures) -> str:
    size = human_size(found.queue_bytes)
    if not found.queue_limit_bytes:
        return size
    share = 100 * found.queue_bytes / found.queue_limit_bytes
    return f"{size} of {human_size(found.queue_limit_bytes)} ({share:.0f}%)"


def _disk(found: Figures) -> list[str]:
    return [f"{_size(found.disk_free_bytes)} free", _trend(found.disk_trend)]


def _trend(trend: DiskTrend | None) -> str:
    if trend is None:
        return "its trend is known after an hour"
    by = f"by the last {span(trend.over_ms, 1)}"
    if trend.days_to_full is None:
        return f"not filling, {by}"
    return f"full in {span(trend.days_to_full * _DAY_MS)}, {by}"


def _archive(archive: Archiving) -> str:
    now = "runs now; " if archive.running else ""
    run = archive.last_run
    if run is None:
        return f"{now}{'none since the start' if archive.scheduled else 'not scheduled'}"
    if run.failure is not None:
        return f"{now}failed at {moment(run.ended)}: {run.failure}"
    return f"{now}{counted(run.logs or 0, 'log')} in {run.seconds:,.1f} s, {moment(run.ended)}"


def _backup(backup: Backups) -> str:
    now = "runs now; " if backup.running else ""
    last = backup.last
    if last is None:
        return f"{now}{'none yet' if backup.scheduled else 'not scheduled'}"
    lacks = f", lacks {counted(last.lacks, 'file')}" if last.lacks else ""
    return f"{now}{counted(last.logs, 'log')}, {moment(last.taken)}{lacks}"


def _sources(found: Figures, room: int) -> Iterable[_Line]:
    if not found.sources:
        yield _Line("sources", [f"none sent in the last {WINDOW_SECONDS} s"])
        return
    yield _Line("sources", [f"{len(found.sources):,} sent, the most first, logs/s:"])
    for each in found.sources[:room]:
        yield _Line("", [f"{each.logs_per_second:>12,.1f}  {each.source}"])


def _size(size: int | None) -> str:
    return NOTHING if size is None else human_size(size)


def _laid_out(line: _Line, columns: int | None, *, is_coloured: bool) -> list[str]:
    """Return a line as lines that fit; what goes on is indented."""
    label = line.label.ljust(_LABEL) if line.label else ""
    if columns is not None and columns < _NARROW:
        label = f"{line.label} " if line.label else ""
    indent = " " * min(len(label), 2 if columns is not None and columns < _NARROW else _LABEL)
    rows, row = [], label
    for place, part in enumerate(line.parts):
        text = one_line(part, columns)
        added = f"{row}{_GAP if place and row.strip() else ''}{text}"
        if place and columns is not None and columns_of(added) > columns:
            rows.append(row)
            added = f"{indent}{text}"
        row = added
    rows.append(row)
    fitted = [_fit(each, columns) for each in rows]
    return [_coloured(each, line) for each in fitted] if is_coloured else fitted


def _fit(text: str, columns: int | None) -> str:
    return text.rstrip() if columns is None else cut(text, columns).rstrip()


def _coloured(text: str, line: _Line) -> str:
    if line.kind:
        return f"{_COLOURS[line.kind]}{text}{_RESET}"
    if line.label and text.startswith(line.label):
        end = len(line.label)
        return f"{_COLOURS['label']}{text[:end]}{_RESET}{text[end:]}"
    return text
