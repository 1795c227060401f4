"""Text parts of the page: status, notice, key figures, legends, stored logs, archives.

Each function returns HTML of a snapshot; texts of logs are escaped.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from waterline.metrics.refusals import NO_SOURCE
from waterline.units import human_size
from workbench.dashboard.figures import OTHER_TYPES, colour_of
from workbench.display import (
    NOTHING,
    clock_time,
    date_time,
    safe,
    saved,
    share,
    short_milliseconds,
    short_rate,
    whole,
)
from workbench.reports.archives import ArchivedDay
from workbench.reports.figures.colours import KNOWN, OTHER, PERCENTILES
from workbench.snapshots.snapshot import (
    SECOND,
    ArchiveTotals,
    MeasuredSecond,
    Percentiles,
    RefusedLately,
    Snapshot,
    StoredLogs,
)

# Milliseconds: a producer that sends every few seconds is not silent.
SILENT_AFTER_MS: Final = 10 * SECOND
# Milliseconds: snapshots come each second; a slow disk may delay one for a few.
STALE_AFTER_MS: Final = 10 * SECOND
# Milliseconds: a server measures itself each second, and writes that two seconds later.
STOPPED_AFTER_MS: Final = 12 * SECOND
MAX_TYPES: Final = 8
"""Number of types that the stored card lists."""
MAX_CAUSES: Final = 5
"""Number of causes of refusals that are listed."""


def status(snapshot: Snapshot, now: int) -> str:
    """Return the status of the header: whether logs come in, and the folder."""
    state, words, meaning = _state(snapshot, now)
    named = "server of the data folder" if snapshot.is_elsewhere else "data folder"
    return (
        f'<div class="status" title="{safe(meaning)}">'
        f'<span class="state {state}"><i></i>{safe(words)}</span>'
        f'<span class="folder" title="{named}">{safe(snapshot.folder)}</span></div>'
    )


def _state(snapshot: Snapshot, now: int) -> tuple[str, str, str]:
    if now - snapshot.taken_at > STALE_AFTER_MS:
        since = _since(snapshot.taken_at, now)
        return "bad", f"Not read since {since}", "the dashboard cannot keep up, or has stopped"
    if snapshot.troubles:
        return "bad", "Cannot read", "see the message below"
    if snapshot.waiting:
        return "idle", "Waiting for a server", "there are no logs in the data folder yet"
    last = _last_log(snapshot, now)
    if last is not None and now - last <= SILENT_AFTER_MS:
        return "good", "Live", "logs are coming in"
    seen = snapshot.window.server_seen_at
    if seen is not None and _is_past(seen, now):
        words = f"No server since {_since(seen, now)}" if seen else "No server"
        return "bad", words, "no server writes to the data folder: it was stopped, or hangs"
    if last is None:
        return "idle", "No logs yet", "nothing was measured yet"
    return "late", f"Silent since {_since(last, now)}", "a server runs, and nobody sends it logs"


def _last_log(snapshot: Snapshot, now: int) -> int | None:
    """Return when the last log came; times in the future, of a clock once ahead, are ignored."""
    known = (snapshot.window.measured_at, snapshot.grew_at)
    return max((each for each in known if each is not None and each <= now), default=None)


def _is_past(seen: int, now: int) -> bool:
    return now - seen > STOPPED_AFTER_MS


def _since(moment: int, now: int) -> str:
    is_today = date_time(moment)[:10] == date_time(now)[:10]
    return clock_time(moment) if is_today else f"{date_time(moment)} UTC"


def notice(snapshot: Snapshot, now: int) -> str:
    """Return a notice of what the page lacks; empty if nothing."""
    # Of a folder elsewhere the page knows the address alone.
    serve = "<code>waterline serve</code>"
    if not snapshot.is_elsewhere:
        serve = f"<code>waterline serve --data {safe(snapshot.folder)}</code>"
    if snapshot.troubles:
        sentences = "".join(f"<p>{safe(each)}</p>" for each in snapshot.troubles)
        return f'<div class="notice bad" role="alert">{sentences}</div>'
    if snapshot.waiting:
        return (
            '<div class="notice"><p><b>Waiting for a server</b> on the data folder '
            f"<code>{safe(snapshot.folder)}</code>. This page begins by itself when it starts: "
            f"{serve}</p></div>"
        )
    seen, last = snapshot.window.server_seen_at, _last_log(snapshot, now)
    if seen is None or not _is_past(seen, now):
        return ""
    if last is not None and now - last <= SILENT_AFTER_MS:
        return (
            '<div class="notice bad"><p><b>Logs come in, and are not measured.</b> Charts and '
            "rates stand still; the server's <code>/health</code> says why.</p></div>"
        )
    return (
        '<div class="notice"><p><b>No server writes to this data folder.</b> What is stored is '
        f"shown; for more to come, start one: {serve}</p></div>"
    )


def key_figures(snapshot: Snapshot, now: int) -> str:
    """Return the four key figures."""
    tiles = (_tile_stored(snapshot), *_tiles_of_now(snapshot, now), _tile_disk(snapshot))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(title: str, value: str, unit: str, detail: str) -> str:
    shown_unit = f"<small>{unit}</small>" if value != NOTHING else ""
    return (
        f'<section><h2>{title}</h2><p class="value">{value}{shown_unit}</p>'
        f'<p class="detail">{detail or "&nbsp;"}</p></section>'
    )


def _tile_stored(snapshot: Snapshot) -> str:
    stored = snapshot.stored
    if stored is None:
        return _tile("Logs stored", NOTHING, "", "")
    if not stored.complete:
        return _tile("Logs stored", whole(stored.logs), "", "still counting …")
    types = len(stored.types)
    detail = f"{types} {'type' if types == 1 else 'types'}" if types else "none yet"
    if stored.archived:
        detail += f" · {whole(stored.archived)} archived"
    return _tile("Logs stored", whole(stored.logs), "", detail)


def _tiles_of_now(snapshot: Snapshot, now: int) -> tuple[str, str]:
    seconds = snapshot.window.seconds
    if not seconds:
        return _tile("Logs per second", NOTHING, "", ""), _tile("Ack latency p99", NOTHING, "", "")
    counts = [second.logs for second in seconds]
    since_first = snapshot.window.since_first
    mean = short_rate(sum(each.logs for each in since_first) / max(1, len(since_first)))
    span = f'<span class="wide">{_length(len(since_first))}: </span>'
    detail = f"{span}mean {mean} · peak {whole(max(counts))}"
    throughput = _tile("Logs per second", whole(counts[-1]), "/s", detail)
    latest = latest_latency(seconds, now)
    if latest is None:
        return throughput, _tile("Ack latency p99", NOTHING, "", "no acks lately")
    detail = f"p50 {short_milliseconds(latest.p50)} · p95 {short_milliseconds(latest.p95)} ms"
    return throughput, _tile("Ack latency p99", short_milliseconds(latest.p99), "ms", detail)


def _length(seconds: int) -> str:
    return f"{seconds} s" if 0 < seconds < 120 else f"{seconds // 60 or 5} min"


def latest_latency(seconds: Iterable[MeasuredSecond], now: int) -> Percentiles | None:
    """Return the ack latency of the last second with acks, if recent."""
    lately = [
        second.latency
        for second in seconds
        if second.latency is not None and now - second.begin <= SILENT_AFTER_MS
    ]
    return lately[-1] if lately else None


def _tile_disk(snapshot: Snapshot) -> str:
    sizes = snapshot.sizes
    if sizes is None:
        return _tile("On disk", NOTHING, "", "")
    number, unit = human_size(sizes.folder).split()
    return _tile("On disk", number, unit, f"{human_size(sizes.free)} free")


def refused(snapshot: Snapshot) -> str:
    """Return what was refused in the last hour: who sent how much of what; empty if nothing."""
    found = snapshot.refused
    if not found:
        return ""
    logs = sum(each.count for each in found if not each.cause.endpoint)
    bodies = sum(each.count for each in found if each.cause.endpoint)
    amounts = " and ".join(
        f"{whole(count)} {one if count == 1 else many}"
        for count, one, many in ((logs, "log", "logs"), (bodies, "body", "bodies"))
        if count
    )
    rows = "".join(map(_row_of_refused, found[:MAX_CAUSES]))
    rest = len(found) - MAX_CAUSES
    more = f'<p class="detail">and for {whole(rest)} more reasons</p>' if rest > 0 else ""
    return (
        f'<section class="refused"><h2><b>Refused in the last hour: {amounts}</b>'
        "<small>shippers may have dropped them, and tell nobody</small></h2>"
        '<div class="causes" tabindex="0" role="group" aria-label="What was refused, by source">'
        "<table><thead><tr>"
        '<th scope="col">source</th><td>count</td><td>last</td><td class="why">why</td>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>{more}</section>"
    )


def _row_of_refused(each: RefusedLately) -> str:
    cause = each.cause
    source = "no known token" if cause.source == NO_SOURCE else cause.source
    what = "log" if not cause.endpoint else f"body at {cause.endpoint}"
    if each.count != 1:
        what = "logs" if not cause.endpoint else f"bodies at {cause.endpoint}"
    return (
        f'<tr><th scope="row"><span title="{safe(source)}">{safe(source)}</span></th>'
        f"<td>{whole(each.count)} <span>{safe(what)}</span></td>"
        f"<td>{date_time(each.last_at)[11:16]} UTC</td>"
        f'<td class="why">{safe(cause.meaning)} <code>{safe(cause.reason)}</code></td></tr>'
    )


def throughput_legend(snapshot: Snapshot) -> str:
    """Return the legend of throughput: types with their logs of the last second."""
    seconds = snapshot.window.seconds
    if not any(second.logs for second in seconds):
        return '<p class="empty">No logs in the last 5 minutes</p>'
    seen: dict[str, int] = {}
    for second in seconds:
        for log_type in second.stored:
            name = log_type if log_type in snapshot.colours else OTHER_TYPES
            seen.setdefault(name, 0)
    for log_type, count in seconds[-1].stored.items():
        seen[log_type if log_type in snapshot.colours else OTHER_TYPES] += count
    order = [*KNOWN, *(name for name in snapshot.colours if name not in KNOWN), OTHER_TYPES]
    shown = [(name, seen[name]) for name in order if name in seen]
    return _legend(
        "Logs each second by type",
        ((colour_of(name, snapshot.colours), name, f"{count:,}/s") for name, count in shown),
    )


def latency_legend(snapshot: Snapshot, now: int) -> str:
    """Return the legend of latency: percentiles with their latest values."""
    seconds = snapshot.window.seconds
    if not any(second.latency for second in seconds):
        return '<p class="empty">No acks in the last 5 minutes</p>'
    latest = latest_latency(seconds, now)
    return _legend(
        "Ack latency",
        (
            (
                colour,
                name,
                f"{short_milliseconds(getattr(latest, name, None))} ms" if latest else NOTHING,
            )
            for name, colour in PERCENTILES.items()
        ),
    )


def _legend(title: str, entries: Iterable[tuple[str, str, str]]) -> str:
    items = "".join(
        f'<li><i style="background:{colour}"></i><span>{safe(name)}</span><b>{value}</b></li>'
        for colour, name, value in entries
    )
    # Focusable, so that arrow keys scroll to what does not fit.
    return f'<ul class="legend" tabindex="0" aria-label="{title}">{items}</ul>'


def stored(snapshot: Snapshot) -> str:
    """Return the card of stored logs: by type, range of time, bytes."""
    found = snapshot.stored
    if found is None and snapshot.troubles:
        return '<p class="empty">Not known</p>'
    if found is None or not found.logs:
        return '<p class="empty">Nothing is stored yet</p>'
    return (
        f"{_bar(found, snapshot.colours)}{_table_of_types(found, snapshot.colours)}"
        f"<dl>{''.join(_facts(snapshot, found))}</dl>"
    )


def _bar(found: StoredLogs, colours: Mapping[str, str]) -> str:
    parts = "".join(
        f'<i style="background:{colour_of(log_type, colours)};flex-grow:{count}"></i>'
        for log_type, count in found.types.items()
    )
    return f'<div class="bar">{parts}</div>'


def _table_of_types(found: StoredLogs, colours: Mapping[str, str]) -> str:
    listed = list(found.types.items())
    # A single type beyond the limit is listed too, as a row for one other type would say less.
    if len(listed) > MAX_TYPES + 1:
        rest = listed[MAX_TYPES:]
        name = f"{len(rest)} {OTHER_TYPES}"
        listed = [*listed[:MAX_TYPES], (name, sum(count for _, count in rest))]
    rows = "".join(
        f'<tr><th scope="row"><i style="background:{colours.get(log_type, OTHER)}"></i>'
        f'<span title="{safe(log_type)}">{safe(log_type)}</span></th>'
        f"<td>{whole(count)}</td><td>{share(count, found.logs)}</td></tr>"
        for log_type, count in listed
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _facts(snapshot: Snapshot, found: StoredLogs) -> Iterable[str]:
    yield _fact("oldest", f"{date_time(found.first_timestamp)} UTC")
    yield _fact("newest", f"{date_time(found.last_timestamp)} UTC")
    if (sizes := snapshot.sizes) is not None:
        yield _fact("logs.db", human_size(sizes.logs))
        yield _fact("metrics.db", human_size(sizes.metrics))
        yield _fact("data folder", human_size(sizes.folder))
        yield _fact("disk free", human_size(sizes.free))


def archives(snapshot: Snapshot) -> str:
    """Return the card of archives: space saved, and a table by day."""
    found = snapshot.archives
    if found is None and snapshot.troubles:
        return '<p class="empty">Not known</p>'
    if found is None or not (found.logs or found.pruned):
        return '<p class="empty">Nothing is archived yet</p>'
    return (
        f"{_what_is_saved(found)}{_table_of_days(found)}<dl>{''.join(_archive_facts(found))}</dl>"
    )


def _what_is_saved(found: ArchiveTotals) -> str:
    if not found.logs:
        return '<p class="empty">All that was archived has been pruned</p>'
    batches = f"{whole(found.batches)} {'batch' if found.batches == 1 else 'batches'}"
    return (
        f'<p class="value">{saved(found.raw_bytes, found.stored_bytes)}<small>saved</small></p>'
        f'<p class="detail">{human_size(found.raw_bytes)} of JSON in '
        f"{human_size(found.stored_bytes)}, {batches}</p>"
    )


def _table_of_days(found: ArchiveTotals) -> str:
    most = max(each.raw_bytes for each in found.days)
    rows = "".join(_row_of_day(each, most) for each in found.days)
    older = ""
    if found.older_days:
        days = f"{whole(found.older_days)} {'day' if found.older_days == 1 else 'days'}"
        older = f'<p class="detail">and {days} before them</p>'
    return (
        '<div class="days" tabindex="0" role="group" aria-label="Archives by day"><table><thead>'
        '<tr><th scope="col">day</th><td>logs</td><td class="sizes">as JSON</td>'
        '<td class="sizes">stored</td><td class="room"></td><td>saved</td></tr></thead>'
        f"<tbody>{rows}</tbody></table>{older}</div>"
    )


def _row_of_day(day: ArchivedDay, most: int) -> str:
    name = f'<th scope="row">{safe(day.day)}</th>'
    pruned = f"{whole(day.pruned)} logs were pruned"
    if not day.logs:
        cells = '<td></td><td class="sizes"></td><td class="sizes"></td><td class="room"></td>'
        return f'<tr class="gone" title="{pruned}">{name}{cells}<td>pruned</td></tr>'
    raw, stored_size = human_size(day.raw_bytes), human_size(day.stored_bytes)
    title = f"{raw} of JSON in {stored_size}" + (f"; {pruned}" if day.pruned else "")
    bar = (
        f'<div class="pair"><i style="width:{100 * day.raw_bytes / most:.1f}%"></i>'
        f'<b style="width:{100 * day.stored_bytes / most:.1f}%"></b></div>'
    )
    return (
        f'<tr title="{title}">{name}<td>{whole(day.logs)}</td><td class="sizes">{raw}</td>'
        f'<td class="sizes">{stored_size}</td><td class="room">{bar}</td>'
        f"<td>{saved(day.raw_bytes, day.stored_bytes)}</td></tr>"
    )


def _archive_facts(found: ArchiveTotals) -> Iterable[str]:
    if found.logs:
        yield _fact("archived", f"{whole(found.logs)} logs")
    if found.bucket_bytes:
        yield _fact("only in object storage", human_size(found.bucket_bytes))
    if found.pruned:
        yield _fact("pruned", f"{whole(found.pruned)} logs")


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}</dd></div>"
