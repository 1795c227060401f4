"""The card of a workbench in a notebook: what the folder holds, its last day, four lines to try."""

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from waterline.errors import UsageError
from workbench.display import date_time, safe, whole
from workbench.query.session import Session
from workbench.reports.coverage import to_step
from workbench.reports.exact_throughput import exact_throughput
from workbench.reports.figures.colours import KNOWN, OTHER, give_colours
from workbench.reports.holdings import Holdings, holdings
from workbench.reports.traffic import Basis, throughput

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_STEP: Final = "30min"
_STEP_MS: Final = _HOUR // 2
# More logs of a day are not counted for this; what the server has counted is shown instead.
_MOST_COUNTED: Final = 1_000_000
_WIDTH: Final = 12
_HEIGHT: Final = 56

_STYLE: Final = (Path(__file__).parent / "card.css").read_text(encoding="utf-8")


def card(session: Session) -> str:
    """Return the card of a folder as HTML.

    Raises:
        WaterlineError: the folder cannot be read.
    """
    held = holdings(session)
    lines = "".join(
        f'<tr><td align="left">{what}</td><td align="left">{safe(value)}</td></tr>'
        for what, value in held.lines()
        if what not in ("data folder", "lake", "logs")
    )
    tries = "\n".join(map(safe, _tries(held, session.clock())))
    return (
        f'<div class="wl-card"><style>{_STYLE}</style>'
        f"<p><b>Waterline workbench</b> <small>on {safe(held.path)}</small></p>"
        f"<p><b>{whole(held.logs)}</b> logs</p>"
        f'{_last_day(session, held)}<table class="wl-facts"><tbody>{lines}</tbody></table>'
        f"<small>Try</small><pre>{tries}</pre></div>"
    )


def _tries(held: Holdings, now: int) -> list[str]:
    """Return four lines of Python that have an answer in this folder."""
    last = held.last_timestamp
    is_live = last is not None and 0 <= now - last < _HOUR
    since = f"{date_time((last or now) - _HOUR)[:16].replace(' ', 'T')}"
    hour = '"-1h"' if is_live else f'"{since}"'
    log_type = "error" if "error" in held.types else next(iter(held.types), "error")
    fourth = (
        "wb.watch()  # logs as they come in"
        if is_live
        else 'wb.figure(wb.throughput("10min", exact=True, clock="timestamp"))'
    )
    return [
        f"wb.logs(type={json.dumps(log_type, ensure_ascii=False)}, limit=100)",
        f'wb.diff("before", {{"since": {hour}}})  # what is new in its last hour',
        "wb.fields()  # which attributes there are",
        fourth,
    ]


def _last_day(session: Session, held: Holdings) -> str:
    """Return the last day of logs as bars of half an hour by type; nothing without logs."""
    if held.last_timestamp is None:
        return ""
    end = _end_of_step(held.last_timestamp)
    steps, clock = _counts(session, end)
    if steps is None or not len(steps):
        return ""
    moments = (steps["time"].astype("int64") // 1_000).tolist()
    counts = Counter(
        dict(zip(zip(moments, steps["type"], strict=True), steps["logs"], strict=True))
    )
    if clock:
        end = _end_of_step(max(moments))
    begins = range(end - _DAY, end, _STEP_MS)
    bars = "".join(_bars(counts, begins))
    label = f"{whole(counts.total())} logs in the day up to {date_time(end)} UTC{clock}"
    return (
        f'<svg viewBox="0 0 {len(begins) * _WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}"><title>{label}</title>{bars}</svg>'
        f'<p class="wl-day"><small>{date_time(begins[0])[:16]}</small> '
        f"<small>{date_time(end)[:16]} UTC{clock}</small></p>"
    )


def _bars(counts: Counter[tuple[int, str]], begins: range) -> Iterator[str]:
    """Yield the bars of steps, one on the other by type, errors at the base.

    Args:
        counts: number of logs by begin of a step and type.
        begins: begins of the steps.
    """
    totals, sums = Counter[str](), Counter[int]()
    for (begin, name), count in counts.items():
        totals[name] += count
        sums[begin] += count
    colours = give_colours(KNOWN, totals)
    order = [*KNOWN, *(name for name, _ in totals.most_common() if name not in KNOWN)]
    most = max(sums.values())
    for place, begin in enumerate(begins):
        base = float(_HEIGHT)
        for name in order:
            height = _HEIGHT * counts[begin, name] / most
            if height:
                base -= height
                yield (
                    f'<rect x="{place * _WIDTH + 1}" y="{base:.1f}" width="{_WIDTH - 2}" '
                    f'height="{height:.1f}" fill="{colours.get(name, OTHER)}"/>'
                )


def _end_of_step(moment: int) -> int:
    return (moment // _STEP_MS + 1) * _STEP_MS


def _counts(session: Session, end: int) -> tuple[pd.DataFrame | None, str]:
    """Return logs by half an hour and type, and which time of theirs that is, if another."""
    question = session.question({"since": end - _DAY, "until": end})
    question = replace(question, clock="timestamp")
    if session.logs.most(question) <= _MOST_COUNTED:
        step = to_step(_STEP)
        answer = session.patiently(lambda: exact_throughput(session.logs, question, step, "type"))
        return answer.value, ""
    try:
        with warnings.catch_warnings():
            # What was not measured is no news on a card.
            warnings.simplefilter("ignore", UserWarning)
            measured = throughput(session, _STEP, "type", Basis(), {"since": "-1d"})
    except UsageError:
        return None, ""
    return measured, ", by receipt"
