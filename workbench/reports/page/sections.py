"""Sections of the report on stored logs: holdings, compression, cache, gaps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from waterline.units import counted, human_size
from workbench.display import moment, saved, share, value, whole
from workbench.reports.archives import ArchivedDay
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.section import Column, Fact, Row, Section, Table
from workbench.reports.page.traffic import latency, not_stored, sources, throughput

# Rows of a long table; one more sums up the others.
_SHOWN: Final = 20
_DAYS: Final = 31


def sections(contents: ReportContents) -> Sequence[Section]:
    """Return the sections of the report, in their order."""
    return (
        _holdings(contents),
        throughput(contents),
        latency(contents),
        sources(contents),
        not_stored(contents),
        _compression(contents),
        _cache(contents),
        _lacks(contents),
    )


def _holdings(contents: ReportContents) -> Section:
    held = contents.holdings
    archived = f"{whole(held.archived)} archived" if held.archived else "none archived"
    return Section(
        key="holdings",
        title="Holdings",
        about="All that the folder holds now, whatever the range of the report.",
        facts=[
            Fact("logs", whole(held.logs), archived),
            Fact("on disk", human_size(held.size), counted(held.batches, "batch", "batches")),
            Fact("first timestamp", moment(held.first_timestamp)),
            Fact("last timestamp", moment(held.last_timestamp)),
        ],
        tables=[
            _counts(f"By {name}", name, counts, held.logs)
            for name, counts in (("type", held.types), ("source", held.sources))
            if counts
        ],
        nothing="" if held.logs else "There are no logs yet.",
    )


def _counts(caption: str, name: str, counts: Mapping[str, int], total: int) -> Table:
    rows = [Row((label, whole(count), share(count, total))) for label, count in counts.items()]
    if len(rows) > _SHOWN:
        rest = sum([*counts.values()][_SHOWN:])
        others = f"{len(rows) - _SHOWN:,} others"
        rows = [*rows[:_SHOWN], Row((others, whole(rest), share(rest, total)))]
    return Table(
        caption, (Column(name, is_text=True, is_free=True), Column("logs"), Column("share")), rows
    )


def _compression(contents: ReportContents) -> Section:
    kept = contents.compression[contents.compression["place"] != "pruned"]
    about = (
        "All archived batches that are kept, by the day on which their logs came in (UTC). What "
        "is saved is compared with the logs as compact JSON."
    )
    if not len(kept):
        nothing = "No logs are archived."
        return Section(key="compression", title="Compression", about=about, nothing=nothing)
    sums = kept[["rows", "raw_bytes", "stored_bytes"]].sum()
    facts = [
        Fact("saved", saved(sums["raw_bytes"], sums["stored_bytes"])),
        Fact("as JSON", human_size(sums["raw_bytes"])),
        Fact("stored", human_size(sums["stored_bytes"])),
        Fact("batches", whole(len(kept)), counted(int(sums["rows"]), "log")),
    ]
    return Section(
        key="compression",
        title="Compression",
        about=about,
        facts=facts,
        tables=[_days(contents.days)],
        figure="compression",
    )


def _days(days: Sequence[ArchivedDay]) -> Table:
    names = ("batches", "logs", "as JSON", "stored", "saved")
    caption = "By day" if len(days) <= _DAYS else f"The last {_DAYS} of {len(days):,} days"
    return Table(
        caption,
        (Column("day", is_text=True), *map(Column, names)),
        [
            Row((each.day, whole(each.batches), whole(each.logs), human_size(each.raw_bytes),
                 human_size(each.stored_bytes), saved(each.raw_bytes, each.stored_bytes)))
            for each in days[-_DAYS:]
        ],
    )  # fmt: skip


def _cache(contents: ReportContents) -> Section:
    use = contents.cache
    about = "The last 10,000 questions of notebooks and tools, by what the cache had of the answer."
    if use is None:
        return Section(
            key="cache", title="Cache", about=about, nothing="No question went through it yet."
        )
    names = ("questions", "share", "rows", "median ms", "max ms")
    return Section(
        key="cache",
        title="Cache",
        about=about,
        facts=[
            Fact("answers kept", whole(use.answers), counted(use.logs, "log")),
            Fact("they take", human_size(use.size)),
        ],
        tables=[
            Table(
                "By what it had",
                (Column("outcome", is_text=True), *map(Column, names)),
                [*_outcomes(use.statistics)],
            )
        ],
    )


_OUTCOMES: Final = {
    "hit": "hit: all of it",
    "merged": "merged: all but new logs",
    "miss": "miss: nothing",
}


def _outcomes(statistics: pd.DataFrame) -> Iterator[Row]:
    total = int(statistics["questions"].sum())
    columns = ("outcome", "questions", "rows", "median_ms", "max_ms")
    each: Iterable[tuple[str, int, int, float, float]]
    each = statistics[[*columns]].itertuples(index=False, name=None)
    for outcome, questions, rows, median, longest in each:
        times = (value(median), value(longest)) if questions else ("", "")
        name = _OUTCOMES.get(outcome, outcome)
        yield Row((name, whole(questions), share(questions, total), whole(rows), *times))


def _lacks(contents: ReportContents) -> Section:
    held, sentences = contents.holdings, list(contents.lacks)
    if held.pruned:
        was = "was" if held.pruned == 1 else "were"
        sentences.append(
            f"{counted(held.pruned, 'log')} {was} pruned: they count in what came in, and nowhere "
            "else"
        )
    return Section(
        key="lacks",
        title="What this report lacks",
        about="".join(f"{each[0].upper()}{each[1:]}. " for each in sentences).strip(),
        nothing="" if sentences else "Nothing: the whole range was measured, no log was pruned.",
    )
