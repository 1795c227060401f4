"""A lake whose nodes get known logs, and its table as other programs read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import polars as pl
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.support.archive_runs import archive
from tests.support.folders import DAY, NOON, Batch, fill_batches
from tests.support.object_store import QUICK, ObjectStore
from tests.support.plainly import PlainLog, store_plainly
from waterline.archive.jobs.upload import Destination
from waterline.archive.object_store.client import Bucket, open_bucket
from workbench.iceberg.publish import Publication, publish

NAMES: Final = ("node", "seq", "id", "type", "timestamp", "received_at", "source", "message")
_JSON: Final = "tags"
"""An attribute that is a column of JSON texts."""

Row = tuple[Any, ...]


def batches_of(node: str, days: int = 3) -> list[Batch]:
    """Return logs whose attributes differ by node, by day and within a batch."""
    return [
        Batch([_log(node, day, number) for number in range(3)], f"pump-{node}", NOON + day * DAY)
        for day in range(days)
    ]


def _log(node: str, day: int, number: int) -> dict[str, object]:
    log: dict[str, object] = {
        "id": f"{node}-{day}-{number}",
        "type": ("error", "info", "水")[number],
        "message": f'm {number}\u0000"\\ 水',
        "timestamp": -5 if (day, number) == (0, 0) else NOON + day * DAY + number,
        # One node counts, the other one tells; on the third day the first one tells, too.
        "status": 200 + number if node == "a" and day < 2 else f"s{number}",
        "http": {"path": f"/{number}", "ms": number + 0.5},
        _JSON: [number, {"n": None}],
    }
    # What columns do not give back: another order than that of the log before.
    return dict(reversed(log.items())) if number == 1 and day == 0 else log


@dataclass
class Lake:
    """A lake, and where its nodes and the catalog lie."""

    store: ObjectStore
    address: str
    folder: Path
    sent: dict[str, list[Batch]] = field(default_factory=dict)

    @property
    def catalog(self) -> Path:
        """The file of the catalog."""
        return self.folder / "catalog.db"

    @property
    def bucket(self) -> Bucket:
        """The lake, past the proxy."""
        return open_bucket(self.address, self.store.direct, QUICK)

    @property
    def through_proxy(self) -> Bucket:
        """The lake as a publisher has it."""
        return open_bucket(self.address, self.store.environment, QUICK)

    def data(self, node: str) -> Path:
        """Return the data folder of a node."""
        return self.folder / node

    def destination(self, node: str) -> Destination:
        """Return where a node uploads to."""
        place = f"{self.address}/node={node}"
        return Destination(address=place, keep_local=True, lake=self.address, node=node)

    def upload(
        self,
        node: str,
        batches: Sequence[Batch] | None = None,
        **changes: Any,  # noqa: ANN401 - any option of a run
    ) -> None:
        """Store logs on a node, archive and upload them."""
        given = batches_of(node) if batches is None else batches
        self.sent.setdefault(node, []).extend(given)
        fill_batches(self.data(node), given)
        self.archive(node, **changes)

    def archive(self, node: str, **changes: Any) -> None:  # noqa: ANN401 - as above
        """Archive and upload the logs of a node that are due."""
        archive(self.data(node), destination=self.destination(node), **changes)

    def publish(self, **changes: Any) -> Publication:  # noqa: ANN401 - any option
        """Publish once."""
        return publish(self.through_proxy, self.catalog, **changes)

    def expected(self) -> list[Row]:
        """Return all logs of all nodes, as `rows` has them."""
        return [
            (node, *_columns(each), dict(each.attributes))
            for node, batches in sorted(self.sent.items())
            for each in store_plainly(batches)
        ]

    @contextmanager
    def table(self) -> Iterator[Table]:
        """Open the table as a program does that knows nothing of Waterline."""
        keys = {
            "s3.endpoint": self.store.endpoint,
            "s3.access-key-id": self.store.key_id,
            "s3.secret-access-key": self.store.secret,
            "s3.region": "us-east-1",
        }
        catalog = SqlCatalog("waterline", uri=f"sqlite:///{self.catalog}", **keys)
        with closing(catalog):
            yield catalog.load_table("lake.logs")

    def files(self) -> set[str]:
        """Return the files that the table names."""
        with self.table() as table:
            return {each.file.file_path for each in table.scan().plan_files()}

    def rows(self, engine: str = "pyiceberg") -> list[Row]:
        """Return what an engine reads of the table, by node and seq."""
        with self.table() as table:
            found = _READERS[engine](self.store, table)
        return sorted((_row(each) for each in found), key=lambda row: row[:2])

    def objects(self) -> dict[str, bytes]:
        """Return what the nodes have written, by key."""
        bucket = self.bucket
        return {each: bucket.get(each) for each in bucket.names() if "_iceberg" not in each}

    def own_objects(self) -> set[str]:
        """Return the keys of the table's own files."""
        return {*self.bucket.names("_iceberg")}


def _columns(log: PlainLog) -> Row:
    return (log.seq, log.id, log.type, log.timestamp, log.received_at, log.source, log.message)


def _by_pyiceberg(_: ObjectStore, table: Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.scan().to_arrow().to_pylist()
    return rows


def _by_polars(store: ObjectStore, table: Table) -> list[dict[str, Any]]:
    keys = {
        "aws_endpoint_url": store.endpoint,
        "aws_access_key_id": store.key_id,
        "aws_secret_access_key": store.secret,
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    frame = pl.scan_iceberg(table, reader_override="native", storage_options=keys)
    return frame.collect().to_dicts()


def _by_duckdb(store: ObjectStore, table: Table) -> list[dict[str, Any]]:
    """Read the files that the table names: DuckDB 2.0 has no extension for Iceberg yet."""
    found: list[dict[str, Any]] = []
    bucket = open_bucket(store.address, store.direct, QUICK)
    with duckdb.connect() as connection, TemporaryDirectory() as folder:
        for task in table.scan().plan_files():
            file = Path(folder, "batch.parquet")
            file.write_bytes(bucket.get(task.file.file_path.removeprefix(f"{store.address}/")))
            logs = connection.sql(f"SELECT * FROM '{file}'").to_arrow_table()
            found += [each | {"node": task.file.partition[0]} for each in logs.to_pylist()]
    return found


_READERS: Final = {"pyiceberg": _by_pyiceberg, "polars": _by_polars, "duckdb": _by_duckdb}


def _row(found: Mapping[str, Any]) -> Row:
    """Return a row as `expected` has it: times in milliseconds, attributes as they were sent."""
    moments = {name: round(found[name].timestamp() * 1000) for name in ("timestamp", "received_at")}
    return (*({**found, **moments}[name] for name in NAMES), _attributes(found))


def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Put the attributes of a log together, as docs/iceberg.md says."""
    if found.get("attributes_json") is not None:
        whole: dict[str, Any] = json.loads(found["attributes_json"])
        return whole
    given = {**(found.get("attributes_other") or {})}
    given |= _without_null(found.get("attributes") or {})
    given = _without_null(given)
    if "status_string" in given:
        given["status"] = given.pop("status_string")
    return given | {_JSON: json.loads(given[_JSON])}


def _without_null(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
