#!/bin/sh
# Good guess: whole numbers stay whole when a query is written as Parquet: sum() over a BIGINT column becomes
#   INT64, or DECIMAL where that is too narrow, both of which Parquet has.
# Versions: duckdb 2.0.1, pyarrow 26.0.1.
# Behaviour: sum(BIGINT) is a HUGEINT, and COPY writes every HUGEINT as DOUBLE, without a word. From 2^53 on
#   the sum in the file is another number than the one that the same query shows: 9007199254740993 becomes
#   9007199254740992. An Arrow table of the query has it exactly.
# Way out: cast to BIGINT or DECIMAL(38, 0) before COPY.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1
"$folder/venv/bin/python" - "$folder/sum.parquet" <<'PYTHON'
import sys

import duckdb
import pyarrow.parquet as pq

query = "SELECT sum(v) AS total FROM (VALUES (9007199254740992::BIGINT), (1)) AS t(v)"
connection = duckdb.connect()
((shown,),) = connection.sql(query).fetchall()
(arrow,) = connection.sql(query).to_arrow_table()["total"].to_pylist()
connection.sql(f"COPY ({query}) TO '{sys.argv[1]}'")
(written,) = pq.read_table(sys.argv[1])["total"].to_pylist()
print("shown:  ", shown)
print("Arrow:  ", arrow)
print("Parquet:", pq.read_schema(sys.argv[1]).field("total").type, int(written))
assert shown == int(arrow) == 9007199254740993, (shown, arrow)
assert (type(written), int(written)) == (float, 9007199254740992), written
PYTHON
