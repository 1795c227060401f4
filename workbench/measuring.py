"""Measuring: what the server has measured, as frames, and the same computed from the logs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import pandas as pd

from waterline.clock import now_ms
from waterline.errors import UnmeasuredLogs, UsageError
from waterline.storage.catalog import Clock
from waterline.units import parse_duration
from workbench.query.cache.limits import parsed
from workbench.query.question import Filters, Question, refuse, shows_filters
from workbench.query.snapshot import read_moment
from workbench.query.warning import warn_of
from workbench.questions import Questions
from workbench.reports.exact_latency import exact_latency, recorded_latency
from workbench.reports.exact_throughput import exact_throughput
from workbench.reports.from_measurements import Measurements
from workbench.reports.latency import PERCENTILES, Shape, joined
from workbench.reports.sources import QUIET_AFTER, sources
from workbench.reports.steps import Step, to_step
from workbench.reports.throughput import By, check_by
from workbench.reports.uncounted import uncounted_since
from workbench.reports.wanted import (
    QUERY_DURATION,
    READS_THE_LOGS,
    check_clock,
    check_grouping,
    is_attribute,
    refuse_unmeasured,
    shape_of,
)


class Measuring(Questions):
    """Answers questions about logs, and reports on what was measured.

    The arguments and errors are those of `Questions`.
    """

    @shows_filters
    def throughput(
        self,
        every: str = "1s",
        *,
        by: By | None = "type",
        exact: bool = False,
        clock: Clock = "received_at",
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Count logs by step of time, and by type or source; `figure` draws it.

        The server counts logs as they come in, and the report comes from its counts, in
        milliseconds whatever the number of logs. They are kept by the second for a day, by the
        minute for 31 days and by the hour for five years, unless its settings say otherwise.

        Args:
            every: the step, such as `1s`, `5min` or `1h`; steps begin at its multiples in UTC. Of
                the server's counts it is a multiple of a second, and one that is kept.
            by: `type`, `source`, or None for all logs together. Beyond a hundred types or sources
                the server counts further ones as `other`.
            exact: count the logs themselves, hot and archived.
            clock: `received_at` for when logs came in; with `exact` also `timestamp` for when they
                happened. It is what `since` and `until` are about.
            **filters: `since`, `until`, and `type` or `source`; with `exact` all those of `logs`
                but `order`, `limit` and `columns`.

        Returns:
            Columns time (the step's begin, `datetime64[us, UTC]`), `by` where given (`str`), logs
            (`int64`), logs_per_second (`float64`) and, without `exact`, bytes (`int64`, as they
            were received), by time and `by`, from the first step with a log to the last; 0 where a
            step has none. Without `exact`, `attrs` has `since` and `until`, which say what it tells
            of (whole seconds), and `counted_through`: logs of higher seqs are not counted yet, as
            those of the last second.

        Raises:
            UsageError: an argument makes no sense; or the server has not counted so, or keeps no
                such steps of the range any more; the sentence says what would do.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: some came in before the server counted, or the counts are gone.
            PrunedLogs: with `exact`, some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "order", "limit", "columns")
        check_by(by)
        step = to_step(every)
        if exact:
            question = replace(self._ask(filters), clock=check_clock(clock))
            answer = self._patiently(lambda: exact_throughput(self._logs, question, step, by))
            warn_of(answer.lacks)
            if not len(answer.value):
                self._tell_why_none(question)
            return answer.value
        self._refuse_unmeasured(filters, clock, READS_THE_LOGS)
        question = self._ask(filters)
        answer = self._patiently(lambda: self._measurements().throughput(question, step, by))
        warn_of(answer.lacks, UnmeasuredLogs)
        if not len(answer.value) and answer.lacks is None:
            self._tell_why_none(question)
        return answer.value

    @shows_filters
    def latency(
        self,
        metric: str | None = None,
        *,
        by: str | None = None,
        every: str | None = None,
        exact: bool = False,
        clock: Clock = "received_at",
        percentiles: Sequence[float] = PERCENTILES,
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Report percentiles: of ack latency, of attributes such as `duration_ms`; `figure` draws.

        The server measures how long acks and commits take, and the attributes that its setting
        `measured_attributes` names. The report comes from these measurements, in milliseconds
        whatever the number of logs; each percentile is within relative_error of the exact one.

        Args:
            metric: `ack_latency` (from a log's arrival to its durable commit), `commit_duration`,
                another metric of the server's, a measured attribute, or `query_duration`, how long
                this folder's last 10,000 questions through the cache took. Times are in
                milliseconds, attributes in their own unit. Without one there are rows for all that
                take time and for all measured attributes.
            by: a measured attribute by `type`, `query_duration` by `outcome`; with `exact` by any
                column or attribute.
            every: a step such as `1min`, for percentiles over time; see `throughput`.
            exact: compute it from the numbers in the logs themselves, hot and archived; `metric` is
                then any attribute.
            clock: `received_at` for when logs came in; with `exact` also `timestamp` for when they
                happened. It is what steps, `since` and `until` are about.
            percentiles: which, from 0 to 100.
            **filters: `since`, `until`, and of a measured attribute `type`; with `exact` all those
                of `logs` but `columns`.

        Returns:
            A row a metric, step and value of `by` that has numbers, with the columns metric, time
            (the step's begin, `datetime64[us, UTC]`) with `every`, `by` where given (`str`;
            `attributes.NAME` where another column has its name), count (`int64`), mean, min, p50,
            p95, p99, max and relative_error (`float64`). A percentile is a value with so many
            percent of the values at or below it: `numpy.quantile` with the method `inverted_cdf`,
            which it equals with `exact`. Without `exact`, `attrs` has `since` and `until`, which
            say what it tells of: whole seconds, and whole minutes or hours where seconds are gone.

        Raises:
            UsageError: an argument makes no sense; or the server has not measured so, or keeps no
                such steps of the range any more; the sentence says what would do.
            DataFolderError: metrics.db cannot be read, or is damaged.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: some came in before the server measured, or the measurements are gone.
            PrunedLogs: with `exact`, some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "columns")
        step = None if every is None else to_step(every)
        shape = shape_of(metric, by, percentiles, has_time=step is not None)
        if exact:
            return self._exact_latency(filters, clock, metric, by, shape, step)
        remedy = READS_THE_LOGS if is_attribute(metric) else "leave it out"
        self._refuse_unmeasured(filters, clock, remedy)
        question = self._ask(filters)
        check_grouping(question, metric, by)
        frames = []
        if metric != QUERY_DURATION:
            answer = self._patiently(
                lambda: self._measurements().latency(question, metric, shape, step)
            )
            warn_of(answer.lacks, UnmeasuredLogs)
            frames.append(answer.value)
        if metric is None or metric == QUERY_DURATION:
            frames.append(self._query_durations(metric, question, shape, step))
        report = joined(frames, shape)
        report.attrs = frames[0].attrs
        return report

    def sources(self, quiet_after: str = QUIET_AFTER) -> pd.DataFrame:
        """Report who sends logs: how much, now and usually, and who went quiet.

        The report comes from what the server has counted, over all the time that is kept. Beyond a
        hundred sources it counts further ones together as `other`: of their own they have only
        first_seen, last_seen and silent_for.

        Args:
            quiet_after: after what silence a source may be quiet, such as `1h`. The server's
                setting of this name, by which it warns in `/health`, is 10 minutes unless changed.

        Returns:
            A row a source, by name, with the columns source (`str`), first_seen, last_seen (when
            logs of it were first and last received; `datetime64[us, UTC]`), logs, bytes (as they
            were received; `int64`), rate (logs a second over the last five minutes), usual_rate
            (over the last seven days; both since first_seen where that is later; `float64`),
            rejected, duplicates (logs; `int64`), silent_for (since last_seen; `timedelta64[us]`)
            and quiet (`bool`). A source is quiet that sent in at least ten different minutes of
            the last seven days, and is silent for longer than quiet_after and than twice the
            longest gap between two of these minutes. One whose logs were all refused was never
            seen: it has no times, and is not quiet.

        Raises:
            UsageError: `quiet_after` has no meaning; or this workbench has a pin.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: logs.db is of an earlier time than its archives.
        """
        silence = parsed(parse_duration, "quiet_after", quiet_after, QUIET_AFTER)
        self._refuse_pin("connect without one")
        self._refuse_earlier()
        return self._patiently(lambda: sources(self._folder.metrics, now_ms(), silence))

    def _exact_latency(
        self,
        filters: Filters,
        clock: Clock,
        metric: str | None,
        by: str | None,
        shape: Shape,
        step: Step | None,
    ) -> pd.DataFrame:
        if metric is None:
            raise UsageError("exact=True wants an attribute; name one, such as 'duration_ms'")
        question = replace(self._ask(filters), clock=check_clock(clock))
        answer = self._patiently(
            lambda: exact_latency(self._logs, question, metric, by, shape, step)
        )
        warn_of(answer.lacks)
        if not len(answer.value) and is_attribute(metric):
            self._tell_why_none(question, [metric])
        if not len(answer.value) and not is_attribute(metric):
            raise UsageError(
                f"none of these logs has a number as {metric!r}, and what is measured by that name "
                "is not in them; leave exact=True out"
            )
        return answer.value

    def _query_durations(
        self, metric: str | None, question: Question, shape: Shape, step: Step | None
    ) -> pd.DataFrame:
        if self.cache is None:
            if metric is not None:
                raise UsageError(
                    f"{metric} is measured in the cache, and this workbench was opened without one"
                )
            return joined([], shape)
        return recorded_latency(QUERY_DURATION, self.cache.durations(), question, shape, step)

    def _refuse_unmeasured(self, filters: Filters, clock: Clock, remedy: str) -> None:
        refuse_unmeasured(filters, check_clock(clock), remedy)
        self._refuse_pin(remedy if remedy == READS_THE_LOGS else "connect without one")

    def _refuse_pin(self, remedy: str) -> None:
        if self._pin is not None:
            raise UsageError(
                f"the measurements are of now, and this workbench is of the pin {self._pin}; "
                f"{remedy}"
            )

    def _measurements(self) -> Measurements:
        return Measurements(
            self._folder.metrics,
            self._has_logs,
            lambda counted: uncounted_since(self._database, counted, self._clock()),
        )

    def _has_logs(self) -> bool:
        with self._database.view() as view:
            return read_moment(view).last_seq > 0
