"""The report of patterns: what logs say, apart from their values, and what is new in it."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd
import pyarrow as pa

from waterline.archive.columns import MOMENT
from waterline.errors import UsageError
from workbench.frames import to_frame
from workbench.patterns.tally import COLUMNS, Count, Tally, Templates, texts_of
from workbench.query.asking import Answering
from workbench.query.execute import LogReader
from workbench.query.pin import Pin
from workbench.query.progress import warn_of
from workbench.query.question import Filters, Question, refuse
from workbench.query.scan import Scan
from workbench.query.times import TimeLike, to_milliseconds

Against = Literal["before"] | tuple[TimeLike, TimeLike] | None
_BARS: Final = " ▁▂▃▄▅▆▇█"
_BAR_COUNT: Final = 20


def patterns(session: Answering, against: Against, filters: Filters) -> pd.DataFrame:
    """Return the patterns of logs; see `Workbench.patterns`."""
    refuse(filters, "order", "limit", "columns")
    begun, now = time.perf_counter(), session.clock()
    question = session.question(filters, now)
    end = now if question.pin is None else question.pin.taken_at
    before = None if against is None else range_of(question, against, end)
    found = session.patiently(lambda: find_patterns(session.logs, question, before, now))
    frame = _frame(found.rows, with_change=before is not None)
    frame.attrs["pin"] = str(found.pin)
    frame.attrs["logs"] = found.logs
    if before is not None:
        frame.attrs["logs_before"] = found.logs_before
    for each in found.lacks:
        warn_of(each)
    if not found.logs:
        session.explain_empty(question)
    frame.attrs["seconds"] = time.perf_counter() - begun
    return frame


@dataclass(frozen=True, slots=True)
class FoundPatterns:
    """Patterns of logs, as of one moment."""

    rows: list[dict[str, object]]
    """A row a pattern, with the columns of the report, in its order."""
    logs: int
    logs_before: int
    """Number of logs of the range that they are compared with."""
    pin: Pin
    lacks: tuple[str, ...]
    """Sentences about pruned logs that may have matched."""


def found_patterns(
    session: Answering, question: Question, before: tuple[int, int] | None, now: int
) -> FoundPatterns:
    """Find the patterns of the logs of a session; see `find_patterns`."""
    return find_patterns(session.logs, question, before, now)


def find_patterns(
    logs: LogReader, question: Question, before: tuple[int, int] | None, now: int
) -> FoundPatterns:
    """Find the patterns of the logs that match a question.

    Args:
        logs: the logs.
        question: what is asked; its order, limit and columns are ignored.
        before: range to compare with, milliseconds UTC; None compares with nothing.
        now: milliseconds UTC.

    Raises:
        ArchiveError: a batch is missing or damaged.
    """
    question = replace(question, columns=COLUMNS, order="oldest", limit=None)
    scan = logs.scan(question)
    pin = question.pin or scan.moment.pin(now)
    templates, lacks = Templates(), [scan.lacks]
    tally, earlier = _counted(scan, templates), None
    if before is not None:
        since, until = before
        scan = logs.scan(replace(question, since=since, until=until, pin=pin))
        earlier = _counted(scan, templates)
        lacks.append(scan.lacks)
    return FoundPatterns(
        _rows(tally, earlier),
        tally.total,
        0 if earlier is None else earlier.total,
        pin,
        tuple(dict.fromkeys(each for each in lacks if each is not None)),
    )


def _counted(scan: Scan, templates: Templates) -> Tally:
    tally = Tally(templates)
    for texts in scan.parts(texts_of):
        tally.add(texts)
    return tally


def range_of(question: Question, against: object, now: int) -> tuple[int, int]:
    """Return the range to compare with, in milliseconds UTC.

    Args:
        question: what is asked.
        against: `"before"`, or two times, as an analyst gave it.
        now: milliseconds UTC, where a range without an end ends.

    Raises:
        UsageError: it has no meaning.
    """
    if against == "before":
        if question.since is None:
            raise UsageError(
                "against='before' is as long as the range of the question, which has no begin; "
                "give since=, or two times as against"
            )
        until = now if question.until is None else question.until
        return question.since - (until - question.since), question.since
    if not isinstance(against, tuple | list) or len(against) != 2:
        raise UsageError(f"against={against!r} is unknown; give 'before' or (since, until)")
    since, until = (to_milliseconds(each, "against", now) for each in against)
    if since > until:
        raise UsageError(f"against={against!r} ends before it begins; swap the times")
    return since, until


def _rows(tally: Tally, before: Tally | None) -> list[dict[str, object]]:
    total, counts = tally.total, tally.by_text()
    rows = [_row(text, each, total, tally.steps) for text, each in counts.items()]
    by = "logs"
    if before is not None:
        total_before, counts_before = before.total, before.by_text()
        by = "score" if total_before else "logs"
        for row, (text, each) in zip(rows, counts.items(), strict=True):
            known = counts_before.get(text)
            then = 0 if known is None else known.logs
            row |= {
                "before": then,
                "change": _change(each.logs, total, then, total_before),
                "score": score(each.logs, total, then, total_before),
                "is_new": not then,
            }
    # One that was never there may be the cause, even if it is there once.
    return sorted(
        rows,
        key=lambda row: (not row.get("is_new"), -float(str(row[by])), str(row["pattern"])),
    )


def _row(text: str, count: Count, total: int, steps: range) -> dict[str, object]:
    # Of types that are as frequent, whichever came first.
    type_, of_type = min(count.types.items(), key=lambda each: (-each[1], each[0]))
    return {
        "pattern": text,
        "logs": count.logs,
        "share": count.logs / total,
        "type": type_,
        "type_share": of_type / count.logs,
        "first_seen": count.first,
        "last_seen": count.last,
        "over_time": _sparkline(count.over_time, steps),
        "example_seq": count.example.seq,
        "example": count.example.message,
    }


def _change(count: int, total: int, before: int, total_before: int) -> float:
    """Return a share of now as a multiple of the same share of before."""
    return (count / total) / (before / total_before) if before else math.inf


def score(count: int, total: int, before: int, total_before: int) -> float:
    """Return how little a change looks like chance; negative for a share that shrank.

    It is the log-likelihood ratio of T. Dunning, "Accurate Methods for the Statistics of Surprise
    and Coincidence", Computational Linguistics 19 (1993).

    Args:
        count: number of logs that have what is compared.
        total: number of all logs.
        before: number of logs that had it.
        total_before: number of all logs then.
    """
    if not total_before:
        return 0.0
    common = (count + before) / (total + total_before)
    ratio = 2 * sum(
        _times_log(part, whole * expected)
        for part, whole, expected in (
            (count, total, common),
            (total - count, total, 1 - common),
            (before, total_before, common),
            (total_before - before, total_before, 1 - common),
        )
    )
    ratio = max(ratio, 0.0)
    return ratio if count * total_before >= before * total else -ratio


def _times_log(observed: int, expected: float) -> float:
    return observed * math.log(observed / expected) if observed else 0.0


def _sparkline(counts: Counter[int], steps: range) -> str:
    """Draw counts over all steps, as bars."""
    width = math.ceil(len(steps) / _BAR_COUNT)
    bars = [0] * math.ceil(len(steps) / width)
    for step, count in counts.items():
        bars[steps.index(step) // width] += count
    most = max(bars)
    return "".join(_BARS[math.ceil(8 * each / most)] for each in bars)


_SCHEMA: Final = (
    ("pattern", pa.string()),
    ("logs", pa.int64()),
    ("share", pa.float64()),
    ("type", pa.string()),
    ("type_share", pa.float64()),
    ("first_seen", MOMENT),
    ("last_seen", MOMENT),
    ("over_time", pa.string()),
    ("example_seq", pa.int64()),
    ("example", pa.string()),
)
_OF_CHANGE: Final = (
    ("before", pa.int64()),
    ("change", pa.float64()),
    ("score", pa.float64()),
    ("is_new", pa.bool_()),
)


def _frame(rows: Sequence[dict[str, object]], *, with_change: bool) -> pd.DataFrame:
    schema = pa.schema([*_SCHEMA, *(_OF_CHANGE if with_change else ())])
    return to_frame(pa.Table.from_pylist(list(rows), schema=schema))
