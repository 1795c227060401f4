"""Values of rules that the measurements tell, without a look at the logs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self, cast

from server.alerts.tally import value_of
from waterline.alerts.rules import AlertRule
from waterline.metrics import registry as metrics
from waterline.metrics.history import read_kept
from waterline.metrics.recorder import OTHER
from waterline.metrics.rollup_store import read_sketch
from waterline.metrics.spans import cover
from waterline.metrics.summary import Summary
from waterline.query_text.parse import TextQuery, both, parse
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

_SERIES: Final = "SELECT id, label FROM series WHERE metric = ? AND dimension = ?"
_COUNT: Final = """
    SELECT coalesce(sum(count), 0) FROM {table}
    WHERE begin >= ? AND begin < ? AND series IN (SELECT value FROM json_each(?))
"""
_ROWS: Final = """
    SELECT count, sum, min, max, sketch FROM {table}
    WHERE begin >= ? AND begin < ? AND series IN (SELECT value FROM json_each(?))
"""
_Row = tuple[int, float, float | None, float | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Labels:
    """The logs of some types, or of some sources."""

    dimension: str
    wanted: tuple[str, ...] | None
    """None is all."""
    unwanted: tuple[str, ...]

    @classmethod
    def of(cls, query: TextQuery) -> Self | None:
        """Return the labels that a query is about; None if it is about more."""
        by_type = TextQuery(types=query.types, without_types=query.without_types)
        if query == by_type:
            return cls(metrics.TYPE, query.types, query.without_types)
        by_source = TextQuery(sources=query.sources, without_sources=query.without_sources)
        if query == by_source:
            return cls(metrics.SOURCE, query.sources, query.without_sources)
        return None

    def has(self, label: str) -> bool:
        """Return whether a label is one of them."""
        return label not in self.unwanted and (self.wanted is None or label in self.wanted)

    def narrowed(self, other: "Labels") -> "Labels | None":
        """Return the labels of both; None if they are of two dimensions."""
        mine = self
        if mine.dimension != other.dimension:
            if other == Labels(other.dimension, None, ()):
                return self
            if self != Labels(self.dimension, None, ()):
                return None
            mine = replace(self, dimension=other.dimension)
        return Labels(
            other.dimension,
            both(mine.wanted, other.wanted),
            (*mine.unwanted, *other.unwanted),
        )


@dataclass(frozen=True, slots=True)
class MeasuredRule:
    """A rule that the measurements tell."""

    rule: AlertRule
    metric: str
    met: Labels
    whole: Labels | None
    """Of a share: the logs that it is of."""


def measured_rule(rule: AlertRule, measured_attributes: Sequence[str]) -> MeasuredRule | None:
    """Return how the measurements tell a rule; None if they do not.

    Args:
        rule: the rule.
        measured_attributes: names of the attributes that are measured by type.
    """
    met, whole = Labels.of(parse(rule.query)), Labels.of(parse(rule.of))
    if rule.by is not None or met is None:
        return None
    if rule.kind == "percentile":
        known = rule.attribute in measured_attributes and met.dimension == metrics.TYPE
        return MeasuredRule(rule, rule.attribute, met, None) if known and rule.attribute else None
    if rule.kind != "share":
        return MeasuredRule(rule, metrics.LOGS_STORED, met, None)
    part = None if whole is None else met.narrowed(whole)
    if whole is None or part is None:
        return None
    return MeasuredRule(rule, metrics.LOGS_STORED, part, replace(whole, dimension=part.dimension))


class Measured:
    """Reader of metrics.db beside its writer.

    Args:
        path: metrics.db.

    Raises:
        DataFolderError: metrics.db cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def counted_through(self) -> int:
        """Return the highest seq that is measured.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        with sqlite_errors(self._path):
            found = self._connection.execute("SELECT counted_through FROM progress").get
        return cast("int", found)

    def tells(self, measured: MeasuredRule) -> bool:
        """Return whether the measurements distinguish what the rule is about.

        With too many types, some are one series together.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        every = Labels(measured.met.dimension, None, ())
        if measured.met == every and measured.whole in (None, every):
            return True
        with sqlite_errors(self._path):
            series = self._series(measured.metric, every.dimension)
        return OTHER not in series.values()

    def value(self, measured: MeasuredRule, end: int) -> float | None:
        """Return the value of a rule in its window up to a moment.

        Args:
            measured: the rule.
            end: milliseconds UTC, exclusive.

        Raises:
            DataFolderError: metrics.db cannot be read.
        """
        rule = measured.rule
        with sqlite_errors(self._path), one_moment(self._connection):
            if rule.q is not None:
                return self._summary(measured, end).quantile(rule.q / 100)
            met = self._count(measured, measured.met, end)
            whole = measured.whole
            of = None if whole is None else self._count(measured, whole, end)
        return value_of(rule, met, of)

    def _series(self, metric: str, dimension: str) -> dict[int, str]:
        rows = self._connection.execute(_SERIES, (metric, dimension)).fetchall()
        return dict(cast("list[tuple[int, str]]", rows))

    def _chosen(self, measured: MeasuredRule, labels: Labels) -> str:
        series = self._series(measured.metric, labels.dimension)
        return str([number for number, label in series.items() if labels.has(label)])

    def _count(self, measured: MeasuredRule, labels: Labels, end: int) -> int:
        chosen = self._chosen(measured, labels)
        return sum(
            cast(
                "int",
                self._connection.execute(
                    _COUNT.format(table=span.table), (span.begin, span.end, chosen)
                ).get,
            )
            for span in cover(end - measured.rule.over, end, read_kept(self._connection))
        )

    def _summary(self, measured: MeasuredRule, end: int) -> Summary:
        total, chosen = Summary(), self._chosen(measured, measured.met)
        for span in cover(end - measured.rule.over, end, read_kept(self._connection)):
            statement = _ROWS.format(table=span.table)
            for row in self._connection.execute(statement, (span.begin, span.end, chosen)):
                count, amount, least, most, data = cast("_Row", row)
                sketch = None if data is None else read_sketch(data)
                total.merge(Summary(count, amount, least, most, sketch))
        return total
