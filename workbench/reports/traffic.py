"""Throughput, latency and sources of a session, from measurements or exactly from logs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from waterline.clock import now_ms
from waterline.errors import UnmeasuredLogs, UsageError
from waterline.storage.catalog import Clock
from waterline.units import parse_duration
from workbench.query.asking import Answering, Asking
from workbench.query.moment import read_moment
from workbench.query.progress import warn_of
from workbench.query.question import Filters, Question, refuse
from workbench.query.session import Session
from workbench.query.times import parsed
from workbench.reports.arguments import (
    QUERY_DURATION,
    READS_THE_LOGS,
    check_clock,
    check_grouping,
    is_attribute,
    refuse_unmeasured,
    shape_of,
)
from workbench.reports.coverage import Step, to_step
from workbench.reports.exact_latency import exact_latency, recorded_latency
from workbench.reports.exact_throughput import exact_throughput
from workbench.reports.latency import Shape, joined
from workbench.reports.measurements import Measurements, uncounted_since
from workbench.reports.sources import QUIET_AFTER
from workbench.reports.sources import sources as read_sources
from workbench.reports.throughput import By, check_by


@dataclass(frozen=True, slots=True)
class Basis:
    """Basis of a report: the server's measurements, or with `exact` the logs."""

    exact: bool = False
    clock: Clock = "received_at"
    """Column that `since`, `until` and steps are about."""


def throughput(
    session: Session, every: str, by: By | None, basis: Basis, filters: Filters
) -> pd.DataFrame:
    """Return logs per step; see `Workbench.throughput`."""
    refuse(filters, "order", "limit", "columns")
    check_by(by)
    step = to_step(every)
    if basis.exact:
        question = _exact_question(session, basis, filters)
        answer = session.patiently(lambda: exact_throughput(session.logs, question, step, by))
        warn_of(answer.lacks)
        if not len(answer.value):
            session.explain_empty(question)
        return answer.value
    _refuse_unmeasured(session, filters, basis.clock, READS_THE_LOGS)
    question = session.question(filters)
    answer = session.patiently(lambda: _measurements(session).throughput(question, step, by))
    warn_of(answer.lacks, UnmeasuredLogs)
    if not len(answer.value) and answer.lacks is None:
        session.explain_empty(question)
    return answer.value


def latency(
    session: Asking,
    metric: str | None,
    by: str | None,
    every: str | None,
    percentiles: Sequence[float],
    basis: Basis,
    filters: Filters,
) -> pd.DataFrame:
    """Return percentiles; see `Workbench.latency`."""
    if basis.exact or metric not in (None, QUERY_DURATION):
        return session.answer(stored_latency, metric, by, every, percentiles, basis, filters)
    step, shape = _shaped(metric, by, every, percentiles, filters)
    # How long questions took is known where they were asked.
    _refuse_unmeasured(session, filters, basis.clock, "leave it out")
    question = session.question(filters)
    check_grouping(question, metric, by)
    frames = []
    if metric is None:
        frames.append(
            session.answer(stored_latency, metric, by, every, percentiles, basis, filters)
        )
    frames.append(_query_durations(session, metric, question, shape, step))
    report = joined(frames, shape)
    report.attrs = frames[0].attrs
    return report


def stored_latency(
    session: Session,
    metric: str | None,
    by: str | None,
    every: str | None,
    percentiles: Sequence[float],
    basis: Basis,
    filters: Filters,
) -> pd.DataFrame:
    """Return percentiles of what the folder has; see `Workbench.latency`."""
    step, shape = _shaped(metric, by, every, percentiles, filters)
    if basis.exact:
        question = _exact_question(session, basis, filters)
        return _exact_latency(session, question, metric, by, shape, step)
    remedy = READS_THE_LOGS if is_attribute(metric) else "leave it out"
    _refuse_unmeasured(session, filters, basis.clock, remedy)
    question = session.question(filters)
    check_grouping(question, metric, by)
    answer = session.patiently(
        lambda: _measurements(session).latency(question, metric, shape, step)
    )
    warn_of(answer.lacks, UnmeasuredLogs)
    return answer.value


def _shaped(
    metric: str | None,
    by: str | None,
    every: str | None,
    percentiles: Sequence[float],
    filters: Filters,
) -> tuple[Step | None, Shape]:
    """Return the step and the columns of a report on latency."""
    refuse(filters, "columns")
    step = None if every is None else to_step(every)
    return step, shape_of(metric, by, percentiles, has_time=step is not None)


def sources(session: Session, quiet_after: str) -> pd.DataFrame:
    """Return sources; see `Workbench.sources`."""
    silence = parsed(parse_duration, "quiet_after", quiet_after, QUIET_AFTER)
    session.refuse_pin("connect without one")
    session.refuse_earlier()
    return session.patiently(lambda: read_sources(session.folder.metrics, now_ms(), silence))


def _exact_question(session: Answering, basis: Basis, filters: Filters) -> Question:
    return replace(session.question(filters), clock=check_clock(basis.clock))


def _exact_latency(
    session: Answering,
    question: Question,
    metric: str | None,
    by: str | None,
    shape: Shape,
    step: Step | None,
) -> pd.DataFrame:
    if metric is None:
        raise UsageError("exact=True needs an attribute; name one, such as 'duration_ms'")
    answer = session.patiently(
        lambda: exact_latency(session.logs, question, metric, by, shape, step)
    )
    warn_of(answer.lacks)
    if not len(answer.value) and is_attribute(metric):
        session.explain_empty(question, [metric])
    if not len(answer.value) and not is_attribute(metric):
        raise UsageError(
            f"none of these logs has a number as {metric!r}, and the measurements of that name "
            "are not in logs; leave exact=True out"
        )
    return answer.value


def _query_durations(
    session: Asking, metric: str | None, question: Question, shape: Shape, step: Step | None
) -> pd.DataFrame:
    if session.cache is None:
        if metric is not None:
            raise UsageError(
                f"{metric} is measured in the cache, and this workbench was opened without one"
            )
        return joined([], shape)
    return recorded_latency(QUERY_DURATION, session.cache.durations(), question, shape, step)


def _refuse_unmeasured(session: Asking, filters: Filters, clock: Clock, remedy: str) -> None:
    refuse_unmeasured(filters, check_clock(clock), remedy)
    session.refuse_pin(remedy if remedy == READS_THE_LOGS else "connect without one")


def _measurements(session: Session) -> Measurements:
    def has_logs() -> bool:
        with session.database.view() as view:
            return read_moment(view).last_seq > 0

    return Measurements(
        session.folder.metrics,
        has_logs,
        lambda counted: uncounted_since(session.database, counted, session.clock()),
    )
