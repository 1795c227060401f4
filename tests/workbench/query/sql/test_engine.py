"""SQLAlchemy's engine: tools that want one see the same relations, of one moment, to read."""

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.exc import NoSuchTableError

import workbench
from tests.support.archives import archive, elsewhere, prune
from tests.support.folders import NOON, fill
from waterline.encoding import PARQUET
from waterline.errors import PrunedLogs, UsageError

LOGS = [
    {"type": type_, "message": f"m{n}", "timestamp": NOON + n}
    for n, type_ in enumerate(["info", "error", "info", "error", "info"])
]


def test_pandas_reads_through_it(data: Path) -> None:
    fill(data, LOGS)
    archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        query = text(
            "SELECT type, count(*) AS n FROM logs WHERE seq > :after GROUP BY 1 ORDER BY 1"
        )
        counted = pd.read_sql(query, wb.engine, params={"after": 1})
        whole = pd.read_sql_table("logs", wb.engine)
        asked = wb.logs()
    assert counted.to_dict("list") == {"type": ["error", "info"], "n": [2, 2]}
    assert whole.sort_values("seq").to_dict("list") == asked.to_dict("list")


def test_statements_are_built_on_what_is_reflected(data: Path) -> None:
    fill(data, LOGS)
    archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        logs = Table("logs", MetaData(), autoload_with=wb.engine)
        newest = select(logs.c.seq).where(logs.c.type == "info").order_by(logs.c.seq.desc())
        with wb.engine.connect() as connection:
            assert connection.execute(newest.limit(2)).scalars().all() == [5, 3]
            assert connection.execute(newest).first() == (5,)
            assert connection.execute(newest).fetchmany(2) == [(5,), (3,)]
            assert connection.execute(newest.offset(1)).scalars().all() == [3, 1]
            assert connection.execute(select(func.max(logs.c.message))).scalar_one() == "m4"
            since = wb.logs()["timestamp"][3].to_pydatetime()
            late = select(logs.c.seq).where(logs.c.timestamp >= since).order_by(logs.c.seq)
            assert connection.execute(late).scalars().all() == [4, 5]


def test_engine_has_three_relations(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb:
        seen = inspect(wb.engine)
        assert seen.get_table_names() == ["archive_batches", "logs", "performance_metrics"]
        for name in seen.get_table_names():
            columns = [each["name"] for each in seen.get_columns(name)]
            assert columns == [*wb.sql(f"SELECT * FROM {name}").columns]
        with pytest.raises(NoSuchTableError):
            seen.get_columns("nothing")


def test_connection_is_of_one_moment(data: Path) -> None:
    fill(data, LOGS)
    count = text("SELECT count(*) FROM logs")
    with workbench.connect(data) as wb:
        with wb.engine.connect() as connection:
            assert connection.execute(count).scalar_one() == 5
            elsewhere(fill, data, LOGS)
            assert connection.execute(count).scalar_one() == 5
        with wb.engine.connect() as connection:
            assert connection.execute(count).scalar_one() == 10


def test_engine_only_reads(data: Path) -> None:
    fill(data, LOGS)
    with workbench.connect(data) as wb, wb.engine.connect() as connection:
        logs = Table("logs", MetaData(), autoload_with=wb.engine)
        with pytest.raises(UsageError, match=r"is no SELECT but INSERT"):
            connection.execute(insert(logs).values(seq=9, type="x"))
        connection.rollback()
        assert connection.execute(text("SELECT count(*) FROM logs")).scalar_one() == 5


def test_pruned_logs_are_told(data: Path) -> None:
    fill(data, LOGS)
    prune(data, archive(data, [(2, PARQUET)], clear=True))
    with (
        workbench.connect(data) as wb,
        wb.engine.connect() as connection,
        pytest.warns(PrunedLogs),
    ):
        assert connection.execute(text("SELECT count(*) FROM logs")).scalar_one() == 3
