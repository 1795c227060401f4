"""The card of the server: what is wrong, what waits, who is quiet, and its last archive run."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

from waterline.units import human_size
from workbench.display import date_time, safe, span, whole
from workbench.snapshots.server_health import ServerHealth, Unknown
from workbench.snapshots.snapshot import SECOND, Snapshot

MOST_SENTENCES: Final = 20
"""Number of reasons, and of warnings, that are listed."""
MOST_QUIET: Final = 20
"""Number of quiet sources that are named."""


def server(snapshot: Snapshot) -> str:
    """Return the card of the server as HTML."""
    health = snapshot.health
    facts = "".join(f"<div><dt>{name}</dt><dd>{said}</dd></div>" for name, said in _facts(snapshot))
    return (
        f'<section class="server"><h2>Server <small>{_state(health)}</small></h2>'
        f"{_sentences(health)}<dl>{facts}</dl></section>"
    )


def _state(health: ServerHealth | Unknown) -> str:
    if isinstance(health, Unknown):
        return f'<span class="late">not known: {safe(health.why)}</span>'
    version = safe(health.versions.get("waterline", ""))
    state = '<b class="bad">degraded</b>' if health.reasons else '<b class="good">healthy</b>'
    return f"{state} · up for {_up(health.uptime)} · version {version}"


def _up(seconds: float) -> str:
    """Return a length of time that changes once a minute, as each change is sent."""
    return "less than a minute" if seconds < 60 else span(seconds // 60 * 60 * SECOND)


def _sentences(health: ServerHealth | Unknown) -> str:
    if isinstance(health, Unknown):
        return ""
    told = (("reasons", "bad", health.reasons), ("warnings", "late", health.warnings))
    return "".join(
        f'<ul class="{name}" aria-label="{name.capitalize()}">{_items(found, colour)}</ul>'
        for name, colour, found in told
        if found
    )


def _items(found: tuple[str, ...], colour: str) -> str:
    items = "".join(f'<li class="{colour}">{safe(each)}</li>' for each in found[:MOST_SENTENCES])
    more = len(found) - MOST_SENTENCES
    return f"{items}<li>and {whole(more)} more</li>" if more > 0 else items


def _facts(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    health = snapshot.health
    if isinstance(health, Unknown):
        yield "reasons, warnings, queue", _unknown("the server is not known")
    else:
        if not (health.reasons or health.warnings):
            yield "reasons and warnings", "none"
        waiting = human_size(health.queue_bytes) if health.queue_bytes else "empty"
        yield "queue of logs to commit", waiting
    sizes = snapshot.sizes
    if sizes is None:
        yield "disk", _unknown("the folder cannot be read")
    else:
        yield "disk", f"{human_size(sizes.free)} free, {human_size(sizes.folder)} taken"
    yield "last archive run", _last_run(health)
    yield "quiet sources", _quiet(snapshot)
    yield "refused in the last hour", _refused(snapshot)


def _last_run(health: ServerHealth | Unknown) -> str:
    if isinstance(health, Unknown):
        return _unknown("the server is not known")
    archive = health.archive
    run = archive.last_run
    running = "one is under way; before it, " if archive.running else ""
    if run is None:
        if not archive.scheduled:
            return "none: archive_after is never"
        return f"{running}none since the server started"
    when = f"{date_time(run.ended)} UTC"
    took = f"{run.seconds:.1f} s"
    if run.failure is not None:
        return (
            f'{running}<span class="bad">failed at {when} after {took}: {safe(run.failure)}</span>'
        )
    logs = f"{whole(run.logs)} {'log' if run.logs == 1 else 'logs'}"
    return f"{running}{when}: {logs} in {took}"


def _quiet(snapshot: Snapshot) -> str:
    if not snapshot.sources:
        return _unknown("no source was measured")
    quiet = [each for each in snapshot.sources if each.quiet]
    if not quiet:
        return f"none of {whole(len(snapshot.sources))}"
    links = ", ".join(
        f'<a href="?{safe(urlencode({"source": each.source}))}">{safe(each.source)}</a>'
        + ("" if each.silent_for is None else f" for {span(each.silent_for, 1)}")
        for each in quiet[:MOST_QUIET]
    )
    more = len(quiet) - MOST_QUIET
    return f'<span class="bad">{links}{f" and {whole(more)} more" if more > 0 else ""}</span>'


def _refused(snapshot: Snapshot) -> str:
    if snapshot.window.server_seen_at is None:
        return _unknown("metrics.db is missing or cannot be read")
    count = sum(each.count for each in snapshot.refused)
    return f'<span class="late">{whole(count)}, see below</span>' if count else "nothing"


def _unknown(why: str) -> str:
    return f"<small>not known: {why}</small>"
