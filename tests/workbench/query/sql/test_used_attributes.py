"""Attributes that a SELECT extracts: fewer are read only where nothing else is asked for."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, fill
from waterline.encoding import PARQUET
from workbench.query.sql.used_attributes import used_attributes

ONE = "SELECT attributes->>'$.a' FROM logs"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (ONE, ("a",)),
        ("SELECT attributes->'a', count(*) FROM logs GROUP BY 1 ORDER BY count(*)", ("a",)),
        ("SELECT l.attributes::JSON->>'$.a.b[0]' FROM logs l", ("a",)),
        ("SELECT 1 FROM logs WHERE json_extract(attributes, '$.\"a.b\"') IS NULL", ("a.b",)),
        (
            "SELECT Attributes->>'$.b', json_extract_string(attributes, '$.a.*') FROM Logs",
            ("b", "a"),
        ),
        ("SELECT attributes->>'$.a' AS attributes FROM logs", ("a",)),
        ("SELECT count(*) FROM logs", None),
        ("SELECT attributes->>'$.a' AS attributes FROM logs ORDER BY attributes", None),
        ("SELECT *, attributes->>'$.a' FROM logs", None),
        ("SELECT attributes->>'$.a', #8 FROM logs", None),
        ("SELECT attributes->>'$.a', COLUMNS('attr.*') FROM logs", None),
        ("SELECT attributes->>'$.a', length(attributes) FROM logs", None),
        ("SELECT attributes->>'$.a', logs FROM logs", None),
        ("SELECT attributes->>'$.a', to_json(l) FROM logs l", None),
        ("SELECT attributes->>'$.a', attributes.b FROM logs", None),
        ("SELECT attributes->>'$.a' FROM logs AS l(s, i, t, m, r, o, e, attributes)", None),
        ("SELECT attributes->>'$.a' FROM logs JOIN logs AS m USING (attributes)", None),
        ("SELECT attributes->>'$.a' FROM (SELECT * FROM logs)", None),
        (f"{ONE} UNION ALL FROM logs SELECT attributes", None),
        ("WITH w AS (SELECT attributes FROM logs) SELECT attributes->>'$.a' FROM w", None),
        ("SELECT attributes->>'$.*' FROM logs", None),
        ("SELECT attributes->>'$' FROM logs", None),
        ("SELECT attributes->>'/a' FROM logs", None),
        ("SELECT attributes->0 FROM logs", None),
        ("SELECT attributes->>? FROM logs", None),
        ("SELECT json_extract(attributes, ['$.a']) FROM logs", None),
        ("SUMMARIZE logs", None),
        ("PIVOT logs ON type USING count(*)", None),
    ],
)
def test_names_are_told_only_where_no_other_attribute_can_be_read(
    query: str, names: tuple[str, ...] | None
) -> None:
    with duckdb.connect(":memory:") as connection:
        assert used_attributes(connection, query) == names


@pytest.mark.parametrize(
    "asked",
    [
        "attributes->>'$.a'",
        "attributes->'$.a'",
        "attributes->>'$.a.b'",
        "attributes->>'$.\"a.b\"'",
        "json_extract(attributes, '$.a.*')",
        "attributes->>'$.none'",
        "json_extract_string(attributes::JSON, 'n')",
    ],
)
def test_answer_over_batches_is_that_over_hot_logs(tmp_path: Path, asked: str) -> None:
    values: list[Any] = [{"b": 1}, {}, [1], None, "x", {"b": None, "c": 2.0}]
    logs: list[dict[str, Any]] = [
        {
            "id": str(each),
            "message": "m",
            "timestamp": NOON + each,
            "a": values[each % 6],
            "n": each / 2,
            "x": "y",
        }
        for each in range(40)
    ]
    logs[7]["a.b"] = 3
    fill(tmp_path / "hot", logs)
    fill(tmp_path / "archived", logs)
    archive(tmp_path / "archived", [(20, PARQUET), (15, PARQUET)])
    query = f"SELECT seq, {asked} AS found FROM logs ORDER BY seq"
    with (
        workbench.connect(tmp_path / "hot") as hot,
        workbench.connect(tmp_path / "archived") as archived,
    ):
        assert archived.sql(query).equals(hot.sql(query))
