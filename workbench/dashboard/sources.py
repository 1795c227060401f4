"""The table of sources: who sends how much, who went quiet, and whose logs were refused."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

from waterline.units import human_size
from workbench.display import date_time, rate, safe, span, whole
from workbench.snapshots.snapshot import Snapshot, SourceState

MOST_SOURCES: Final = 200
"""Number of sources that are listed."""


def sources(snapshot: Snapshot) -> str:
    """Return the table of sources as HTML."""
    found = snapshot.sources
    if not found:
        return '<p class="empty">No source has sent anything yet</p>'
    quiet = sum(each.quiet for each in found)
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    rows = "".join(map(_row, _quiet_first(found)[:MOST_SOURCES]))
    more = len(found) - MOST_SOURCES
    said = [f"{whole(len(found))} {'source' if len(found) == 1 else 'sources'}"]
    if quiet:
        said.append(f"<b>{whole(quiet)} went quiet</b>")
    if more > 0:
        said.append(f"the {MOST_SOURCES} most busy are listed")
    return (
        f'<p class="detail">{"; ".join(said)}</p>'
        '<div class="sources" tabindex="0" role="group" aria-label="Sources">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


_COLUMNS: Final = (
    "source", "state", "logs / s now", "usually", "logs", "bytes", "rejected", "duplicates",
    "last seen",
)  # fmt: skip


def _quiet_first(found: Iterable[SourceState]) -> list[SourceState]:
    return sorted(found, key=lambda each: not each.quiet)


def _row(each: SourceState) -> str:
    link = safe(urlencode({"source": each.source}))
    silent = "" if each.silent_for is None else span(each.silent_for, 1)
    state = '<span class="good">sends</span>'
    if each.quiet:
        state = f'<span class="bad">quiet for {silent}</span>'
    elif each.silent_for is not None and not each.rate:
        state = f"silent for {silent}"
    rejected = f'<b class="bad">{whole(each.rejected)}</b>' if each.rejected else "0"
    cells = (
        state,
        rate(each.rate),
        rate(each.usual_rate),
        whole(each.logs),
        human_size(each.bytes),
        rejected,
        whole(each.duplicates),
        f"{date_time(each.last_seen)} UTC" if each.last_seen is not None else "",
    )
    name = f'<th scope="row"><a href="?{link}">{safe(each.source)}</a></th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
