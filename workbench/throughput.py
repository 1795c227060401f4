"""The throughput report: how many logs came in each step of time, by type."""

from typing import Any, Final, Literal

import pandas as pd
from sqlalchemy import Integer, cast, func, literal

from server.errors import UsageError
from server.store.tables import logs
from server.units import parse_duration
from workbench.query import matching
from workbench.question import Question
from workbench.reading import View

Clock = Literal["received_at", "timestamp"]
# More would be a mistake in `every` rather than a report.
MAX_ROWS: Final = 2_000_000


def throughput(view: View, question: Question, every: str, clock: Clock) -> pd.DataFrame:
    """Count logs by step and type; a step without any has 0.

    Returns:
        Columns time (the step's begin, `datetime64[ms, UTC]`), type (`str`), logs (`int64`) and
        logs_per_second (`float64`), ordered by time and type.

    Raises:
        UsageError: `every` is no duration, or so short that the report would have no end.
    """
    step = _step(every)
    if clock not in ("received_at", "timestamp"):
        raise UsageError(f"clock={clock!r} is unknown; give 'received_at' or 'timestamp'")
    moment = logs.c[clock]
    # SQLite divides towards zero; before 1970 that would join two steps into one.
    rest = (moment % literal(step) + literal(step)) % literal(step)
    begin: Any = cast(moment - rest, Integer)
    counted = matching(view, question, begin.label("time"), logs.c.type, func.count())
    rows = view.rows(counted.group_by(begin, logs.c.type))
    times = [time for time, _, _ in rows]
    types = sorted({log_type for _, log_type, _ in rows})
    steps = (max(times) - min(times)) // step + 1 if rows else 0
    if steps * len(types) > MAX_ROWS:
        raise UsageError(
            f"every={every!r} gives {steps} steps for {len(types)} types; choose a longer step, "
            "or a shorter range with since and until"
        )
    counts = {(time, log_type): count for time, log_type, count in rows}
    grid = [(min(times) + number * step, each) for number in range(steps) for each in types]
    amounts = pd.Series([counts.get(place, 0) for place in grid], dtype="int64")
    return pd.DataFrame(
        {
            "time": pd.Series([time for time, _ in grid], dtype="datetime64[ms]").dt.tz_localize(
                "UTC"
            ),
            "type": pd.Series([each for _, each in grid], dtype="str"),
            "logs": amounts,
            "logs_per_second": (amounts / (step / 1000)).astype("float64"),
        }
    )


def _step(every: object) -> int:
    if not isinstance(every, str):
        raise UsageError(f"every={every!r} is no text; give a number and a unit, such as '5min'")
    try:
        step = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"every={error}") from error
    if step < 1:
        raise UsageError(f"every={every!r} is no step; the shortest is '1ms'")
    return step
