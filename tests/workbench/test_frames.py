"""Frames: dtypes that the schema says, no number changed, one unit of time."""

import io
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, Batch, fill
from tests.support.measured import fill_measured
from waterline.encoding import PARQUET
from waterline.errors import ManyAttributes
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.exports.export import export_logs
from workbench.exports.formats import ExportFormat
from workbench.query.database import Database
from workbench.query.question import ask

BIG = 2**53 + 1
LOG = {"type": "info", "message": "m", "timestamp": NOON, "duration_ms": 1.5}


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        ("BIGINT", BIG, "Int64"),
        ("BIGINT", 2**63 - 1, "Int64"),
        ("INTEGER", 1, "Int32"),
        ("UTINYINT", 255, "UInt8"),
        ("UBIGINT", 2**64 - 1, "UInt64"),
        ("HUGEINT", BIG, "Int64"),
        ("BOOLEAN", True, "boolean"),
        ("DOUBLE", 0.5, "float64"),
        ("VARCHAR", "a", "str"),
        ("TIMESTAMPTZ", pd.Timestamp("2026-03-17", tz="UTC"), "datetime64[us, UTC]"),
        ("TIMESTAMP_S", pd.Timestamp("2026-03-17"), "datetime64[us]"),
        ("INTERVAL", pd.Timedelta(days=-1, microseconds=1), "timedelta64[us]"),
    ],
)
def test_null_and_emptiness_change_neither_dtype_nor_value(
    data: Path, kind: str, value: object, dtype: str
) -> None:
    fill(data, [LOG])
    text = "-1 day 00:00:00.000001" if kind == "INTERVAL" else str(value)
    with workbench.connect(data) as wb:
        for values, where in (["NULL"], "TRUE"), ([f"'{text}'"], "TRUE"), ([], "FALSE"):
            rows = " UNION ALL ".join(
                f"SELECT {each}::{kind} AS v WHERE {where}"
                for each in [*values, "NULL" if where == "TRUE" else f"'{text}'"]
            )
            found = wb.sql(rows)["v"]
            assert str(found.dtype) == dtype
            if values == [f"'{text}'"]:
                assert value in found.tolist()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("340282366920938463463374607431768211455::UHUGEINT", 2**128 - 1),
        ("[9007199254740993, NULL]", [BIG, None]),
        ("{'a': 9007199254740993, 'b': NULL::BIGINT}", {"a": BIG, "b": None}),
        ("[9007199254740993::HUGEINT]", [BIG]),
        ("9007199254740993.25::DECIMAL(38, 2)", Decimal("9007199254740993.25")),
        ("12.34::DECIMAL(4, 2)", 12.34),
    ],
)
def test_wide_and_nested_numbers_are_exact(data: Path, expression: str, value: object) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        (found,) = wb.sql(f"SELECT {expression} AS v")["v"].tolist()
        with wb.engine.connect() as connection:
            ((told,),) = connection.exec_driver_sql(f"SELECT {expression} AS v")
    assert found == value
    assert told == (Decimal("12.34") if value == 12.34 else value)


def test_all_frames_of_logs_have_the_same_unit_of_time(data: Path, tmp_path: Path) -> None:
    fill_measured(data, [Batch([LOG, LOG])])
    file = tmp_path / "logs.parquet"
    export_logs(DataFolder(data), ask(now=NOON), ExportFormat.PARQUET, file)
    with workbench.connect(data) as wb:
        frames = [
            wb.logs(),
            wb.logs(columns=["timestamp"], type="none", at=wb.pin()),
            *wb.iter_logs(),
            wb.arrow().to_pandas(),
            wb.sql("SELECT * FROM logs"),
            wb.throughput(exact=True),
            wb.latency("duration_ms", exact=True, every="1s"),
            wb.throughput(),
            wb.sources(),
            wb.compression(),
            wb.cache.entries() if wb.cache else pd.DataFrame(),
            pd.read_parquet(file),
            pd.read_parquet(io.BytesIO(file.read_bytes())),
        ]
        joined = wb.logs().merge(wb.sql("SELECT seq, timestamp FROM logs"), on=["seq", "timestamp"])
    units = {str(each) for frame in frames for each in frame.dtypes if each.kind in "mM"}
    assert "datetime64[us, UTC]" in units
    assert units <= {"datetime64[us, UTC]", "timedelta64[us]"}
    assert len(joined) == 2
    assert joined["timestamp"].max() == pd.Timestamp(NOON, unit="ms", tz="UTC")


def test_engine_gives_whole_numbers_beside_null_as_they_are(data: Path) -> None:
    fill(data, [LOG])
    query = "SELECT 9007199254740993 AS v UNION ALL SELECT NULL ORDER BY v"
    with workbench.connect(data) as wb:
        found = pd.read_sql(query, wb.engine, dtype_backend="numpy_nullable")["v"]
    assert np.sort(found.dropna().to_numpy()).tolist() == [BIG]


def test_number_attributes_beyond_2_to_53_beside_floats_stay_whole(data: Path) -> None:
    fill(data, [{**LOG, "n": BIG, "k": BIG}, {**LOG, "n": 0.5}, LOG])
    with workbench.connect(data) as wb:
        found = wb.logs(attributes=["n", "k"])
    assert found["n"].tolist()[:2] == [BIG, 0.5]
    assert found["k"][0] == BIG
    assert str(found["k"].dtype) == "Int64"


def test_many_different_attributes_stay_whole_and_are_told_of(data: Path) -> None:
    fill(data, [{**LOG, f"a{place}": BIG + place, "attributes": "x"} for place in range(1_200)])
    with (
        workbench.connect(data) as wb,
        pytest.warns(ManyAttributes, match="1,202 different attributes"),
    ):
        found = wb.logs(attributes="all")
    assert len(found.columns) == 7 + 1_000 + 1
    for place, row in enumerate(found.to_dict("records")):
        rest = json.loads(row["attributes"])
        assert row["attributes.attributes"] == "x"
        assert rest.get(f"a{place}", row.get(f"a{place}")) == BIG + place


@pytest.mark.parametrize(
    ("early", "late"), [("NULL", "'x'"), ("NULL", "0.1234567891234"), ("1", "0.5")]
)
def test_value_behind_many_of_another_kind_is_read(data: Path, early: str, late: str) -> None:
    fill(data, [LOG])
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        f"SELECT CASE WHEN i < 3000 THEN {early} ELSE {late} END FROM n"
    )
    with Database(DataFolder(data).logs, LOGS) as database, database.view() as view:
        rows = view.rows(query)
    assert repr(rows[-1][0]) == late


def test_duckdb_itself_reads_times_of_archives(data: Path) -> None:
    fill(data, [LOG])
    (batch,) = archive(data, [(1, PARQUET)])
    file = DataFolder(data).archives / batch.file
    ((moment,),) = duckdb.execute(f"SELECT timestamp FROM '{file}'").fetchall()
    assert moment == pd.Timestamp(NOON, unit="ms", tz="UTC")
