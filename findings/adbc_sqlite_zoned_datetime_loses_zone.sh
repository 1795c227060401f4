#!/bin/sh
# Good guess: a datetime with a zone that is bound as a parameter, or a timestamp column with a zone that is
#   ingested from Arrow, is stored with its offset or with "Z" or "+00:00", as SQLite's date functions and
#   Python's own sqlite3 write it, so that it reads back as the same instant.
# Versions: adbc-driver-sqlite 1.13.0, pyarrow 26.0.1.
# Behaviour: it is turned into UTC and written without any zone. 12:00+05:30 becomes '…T06:30:00.000000', the
#   very text that a datetime without a zone at 06:30 becomes; 12:00 in no zone at all stays '…T12:00…'. What
#   was an instant and what was a wall clock can no longer be told apart, and nothing is said.
# Way out: bind integers, or isoformat() text.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check adbc-driver-sqlite==1.13.0 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import datetime, timedelta, timezone

import adbc_driver_sqlite.dbapi
import pyarrow as pa

cursor = adbc_driver_sqlite.dbapi.connect("file::memory:").cursor()
cursor.execute("CREATE TABLE t (v TEXT)")
zoned = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
naive = datetime(2026, 1, 1, 6, 30)
for value in (zoned, naive):
    cursor.execute("INSERT INTO t VALUES (?)", [value])
cursor.execute("SELECT v FROM t")
bound = cursor.fetch_arrow_table()["v"].to_pylist()
print("bound:   ", zoned.isoformat(), "->", bound[0], "|", naive.isoformat(), "->", bound[1])
column = pa.array([zoned], pa.timestamp("us", "Asia/Kolkata"))
cursor.adbc_ingest("u", pa.table({"v": column}), mode="create")
cursor.execute("SELECT v FROM u")
ingested = cursor.fetch_arrow_table()["v"].to_pylist()
print("ingested:", column.type, "->", ingested[0])
assert bound == ["2026-01-01T06:30:00.000000"] * 2, bound
assert ingested == ["2026-01-01T06:30:00.000000"], ingested
PYTHON
