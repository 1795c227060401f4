#!/bin/sh
# Good guess: an unsigned 128-bit integer of DuckDB that Arrow's decimal128(38, 0) cannot hold is refused on
#   its way into an Arrow table, as a value that is too large is everywhere else in both, or becomes text.
# Versions: duckdb 2.0.1, pyarrow 26.0.1.
# Behaviour: its sixteen bytes are taken for signed ones, without a word: the largest UHUGEINT is -1, and
#   2^127 is -2^127. fetchall() has the right numbers; df() refuses the type. So a hash or a UUID as a number
#   is right in one way of asking and another number in the next.
# Way out: cast to VARCHAR before Arrow, or SET arrow_lossless_conversion = true.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

query = "SELECT (2::UHUGEINT ** 0)::UHUGEINT AS one, {}::UHUGEINT AS half, {}::UHUGEINT AS most"
query = query.format(2**127, 2**128 - 1)
connection = duckdb.connect()
(rows,) = connection.sql(query).fetchall()
table = connection.sql(query).to_arrow_table()
(arrow,) = table.to_pylist()
for name, exact in zip(("one", "half", "most"), rows, strict=True):
    print(f"{name}: fetchall() {exact}, Arrow {table.schema.field(name).type} {arrow[name]}")
assert rows == (1, 2**127, 2**128 - 1), rows
assert [int(each) for each in arrow.values()] == [1, -(2**127), -1], arrow
PYTHON
