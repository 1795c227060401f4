"""The small relations: `archive_batches` of the catalog, `performance_metrics` of metrics.db."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Integer

from waterline.archive.columns import MOMENT
from waterline.records import MAX_TIMESTAMP
from waterline.storage.catalog import COLUMNS
from waterline.storage.folder import DataFolder
from waterline.storage.schema import METRICS
from waterline.storage.tables import archive_batches
from workbench.query.archived import read_batches
from workbench.query.database import Database
from workbench.query.sql.bounds import bounds
from workbench.query.sql.relation import Relation

BATCH_COLUMNS: Final = pa.schema(
    [
        pa.field(
            name,
            MOMENT
            if name.endswith(("_timestamp", "_at"))
            else pa.int64()
            if isinstance(archive_batches.c[name].type, Integer)
            else pa.string(),
        )
        for name in COLUMNS
    ]
)
METRIC_COLUMNS: Final = pa.schema(
    [
        ("id", pa.int64()),
        ("metric_name", pa.string()),
        ("value", pa.float64()),
        ("timestamp", MOMENT),
        ("metadata", pa.string()),
    ]
)
_TIMES: Final = range(MAX_TIMESTAMP + 1)


def batches_relation(database: Database) -> Relation:
    """Return the archived batches, pruned ones too; `types` and `sources` are JSON objects."""

    def read(columns: tuple[str, ...], _: pc.Expression | None) -> Iterator[pa.Table]:
        with database.view() as view:
            batches = read_batches(view)
        rows = [{name: _plain(getattr(each, name)) for name in columns} for each in batches]
        yield pa.Table.from_pylist(rows, pa.schema([BATCH_COLUMNS.field(name) for name in columns]))

    return Relation(BATCH_COLUMNS, read)


def metrics_relation(folder: DataFolder) -> Relation:
    """Return what the server measured, a row a step, metric and label; see `wb.latency`.

    Steps are seconds, before those minutes and hours, as they are kept; nothing is told twice.
    """

    def read(
        columns: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    ) -> Iterator[pa.Table]:
        schema = pa.schema([METRIC_COLUMNS.field(name) for name in columns])
        times = _TIMES if filter is None else bounds(filter, "timestamp", METRIC_COLUMNS, _TIMES)
        if not times or not folder.metrics.exists():
            yield schema.empty_table()
            return
        chosen = ", ".join(columns)
        with Database(folder.metrics, METRICS) as metrics, metrics.view() as view:
            table = view.fetch(
                f"SELECT {chosen} FROM performance_metrics WHERE timestamp BETWEEN ? AND ?",
                (times[0], times[-1]),
            )
        yield table.cast(schema)

    return Relation(METRIC_COLUMNS, read)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
