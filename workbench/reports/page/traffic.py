"""Sections of the report on incoming logs: throughput, latency, sources, logs not stored."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from waterline.metrics.registry import BY_NAME
from waterline.units import human_size
from workbench.display import (
    NOTHING,
    rate,
    share,
    span,
    value,
    whole,
)
from workbench.frames import milliseconds_of
from workbench.reports.arguments import QUERY_DURATION
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.section import Column, Fact, Row, Section, Table

_MINUTE: Final = 60_000
# Rows of a long table: those with the most logs or values.
_SHOWN: Final = 20
_SOURCES: Final = 50
_PERCENTILES: Final = 40


def throughput(contents: ReportContents) -> Section:
    """Return the section on throughput."""
    total = contents.total
    about = "Logs that came in and were stored, as the server has counted them."
    if not len(total):
        return Section(
            key="throughput",
            title="Throughput",
            about=about,
            nothing="No log was counted in this range.",
        )
    logs, size = int(total["logs"].sum()), int(total["bytes"].sum())
    length = contents.made_at - max(contents.since, _first(total))
    peak = total.sort_values("logs", ascending=False, kind="stable").iloc[0]
    step = "minute" if contents.step == _MINUTE else "hour"
    return Section(
        key="throughput",
        title="Throughput",
        about=f"{about} Rates are from the {step} of the first log on.",
        facts=[
            Fact("logs", whole(logs), f"over {span(length)}"),
            Fact("received", human_size(size), f"{human_size(size / logs)} a log"),
            Fact("rate", f"{rate(1000 * logs / max(length, 1))} /s", "on average"),
            Fact(
                f"peak {step}",
                f"{rate(peak['logs_per_second'])} /s",
                f"{whole(peak['logs'])} logs at {peak['time']:%Y-%m-%d %H:%M}",
            ),
        ],
        tables=[
            _shares(contents.by_type, "type", length),
            _shares(contents.by_source, "source", length),
        ],
        figure="throughput",
    )


def _first(total: pd.DataFrame) -> int:
    return int(milliseconds_of(total["time"])[0])


def _shares(report: pd.DataFrame, by: str, length: int) -> Table:
    sums = report.groupby(by)[["logs", "bytes"]].sum()
    sums = sums.sort_values("logs", ascending=False, kind="stable")
    total = int(sums["logs"].sum())
    named = [(str(label), logs, size) for label, logs, size in sums.itertuples()]
    if len(named) > _SHOWN:
        rest = sums.iloc[_SHOWN:].sum()
        others = f"{len(named) - _SHOWN:,} others"
        named = [*named[:_SHOWN], (others, rest["logs"], rest["bytes"])]
    return Table(
        f"By {by}",
        (
            Column(by, is_text=True, is_free=True),
            *map(Column, ("logs", "share", "logs a second", "bytes")),
        ),
        [
            Row((label, whole(logs), share(logs, total), rate(1000 * logs / max(length, 1)),
                 human_size(size)))
            for label, logs, size in named
        ],
    )  # fmt: skip


def latency(contents: ReportContents) -> Section:
    """Return the section on latency and measured attributes."""
    report, shown = contents.latency, _most_values(contents.latency)
    about = (
        "Percentiles of what the server measures, of measured attributes by type, and of the "
        f"workbench's own questions ({QUERY_DURATION}). Each is within its error of the exact one."
    )
    if not len(report):
        nothing = "Nothing was measured in this range."
        return Section(key="latency", title="Latency", about=about, nothing=nothing)
    names = ("count", "p50", "p95", "p99", "max", "unit", "error")
    table = Table(
        _caption("Percentiles", len(shown), len(report), "with the most values"),
        (
            Column("metric", is_text=True, is_free=True),
            Column("type", is_text=True, is_free=True),
            *(Column(name, is_text=name == "unit") for name in names),
        ),
        [_percentiles(each) for _, each in shown.iterrows()],
    )
    return Section(key="latency", title="Latency", about=about, tables=[table], figure="latency")


def _caption(name: str, shown: int, known: int, which: str) -> str:
    return name if shown == known else f"{name}: of {known:,}, the {shown} {which}"


def _most_values(report: pd.DataFrame) -> pd.DataFrame:
    if len(report) <= _PERCENTILES:
        return report
    return report.loc[report["count"].nlargest(_PERCENTILES).index.sort_values()]


def _percentiles(row: "pd.Series[Any]") -> Row:
    error = f"±{100 * row['relative_error']:.1f}%" if row["relative_error"] else "exact"
    log_type = "" if pd.isna(row["type"]) else str(row["type"])
    numbers = (value(row[name]) for name in ("p50", "p95", "p99", "max"))
    metric = str(row["metric"])
    return Row((metric, log_type, whole(row["count"]), *numbers, _unit_of(metric), error))


def _unit_of(metric: str) -> str:
    """Return the unit of a metric; empty for an attribute."""
    if metric == QUERY_DURATION:
        return "ms"
    own = BY_NAME.get(metric)
    return "" if own is None else str(own.unit)


def sources(contents: ReportContents) -> Section:
    """Return the section on sources."""
    report = contents.sources
    about = (
        "All sources since measuring began, times in UTC. The rate of now is that of the last "
        "five minutes, the usual one that of the last seven days; both since the first log of the "
        "source where that is later."
    )
    if not len(report):
        nothing = "No source was heard of yet."
        return Section(key="sources", title="Sources", about=about, nothing=nothing)
    # Quiet sources come first.
    shown = report.sort_values(["quiet", "logs"], ascending=False, kind="stable").head(_SOURCES)
    names = ("logs", "now /s", "usual /s", "rejected", "duplicates")
    table = Table(
        _caption("By source", len(shown), len(report), "that are quiet or sent the most"),
        (
            Column("source", is_text=True, is_free=True),
            Column("state", is_text=True),
            Column("last seen", is_text=True),
            *map(Column, names),
        ),
        [_source(each) for _, each in shown.iterrows()],
    )
    facts = [
        Fact("sources", whole(len(report))),
        Fact("quiet", whole(int(report["quiet"].sum())), "silent for longer than ever"),
    ]
    return Section(key="sources", title="Sources", about=about, facts=facts, tables=[table])


def _source(row: "pd.Series[Any]") -> Row:
    return Row(
        (
            str(row["source"]),
            _state(row),
            _minute_of(row["last_seen"]),
            whole(row["logs"]),
            rate(row["rate"]),
            rate(row["usual_rate"]),
            whole(row["rejected"]),
            whole(row["duplicates"]),
        ),
        is_marked=bool(row["quiet"]),
    )


def _minute_of(stamp: Any) -> str:  # noqa: ANN401 - a timestamp of pandas, or NaT
    """Return a time to the minute, without its zone."""
    return NOTHING if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M}"


def _state(row: "pd.Series[Any]") -> str:
    if pd.isna(row["silent_for"]):
        return "never seen"
    silent = span(row["silent_for"] / pd.Timedelta(1, "ms"), units=1)
    if row["quiet"]:
        return f"quiet {silent}"
    return "sends" if row["rate"] else f"silent {silent}"


def not_stored(contents: ReportContents) -> Section:
    """Return the section on rejected logs and duplicates."""
    refused, known = contents.refusals.rejected, contents.refusals.duplicates
    about = "Logs of this range that the server refused, and those that it had stored before."
    if not refused and not known:
        nothing = "No log was rejected, and none came twice."
        return Section(key="refusals", title="Not stored", about=about, nothing=nothing)
    facts = [
        Fact("rejected", whole(sum(refused.values()))),
        Fact("duplicates", whole(sum(known.values()))),
    ]
    tables = [
        _tally(caption, name, counts)
        for caption, name, counts in (
            ("Rejected by reason", "reason", refused),
            ("Duplicates by source", "source", known),
        )
        if counts
    ]
    return Section(key="refusals", title="Not stored", about=about, facts=facts, tables=tables)


def _tally(caption: str, name: str, counts: Mapping[str, int]) -> Table:
    rows = [Row((label, whole(count))) for label, count in counts.items()]
    return Table(
        caption,
        (Column(name, is_text=True, is_free=True), Column("logs")),
        rows,
    )
