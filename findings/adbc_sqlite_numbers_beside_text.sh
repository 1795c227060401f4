#!/bin/sh
# Good guess: a column of SQLite that holds numbers and one text comes back as text, each number as SQLite
#   itself writes it: `CAST(v AS TEXT)` of 9007199254740993 is '9007199254740993', of 0.1 + 0.2 it is
#   '0.30000000000000004' or at least '0.3'.
# Versions: adbc-driver-sqlite 1.13.0, pyarrow 26.0.1.
# Behaviour: with a REAL and a TEXT value among the first rows, every number is written with seven digits,
#   integers too: 9007199254740993 becomes "9.007199e+15". Without the text the same numbers are exact. The
#   same SQLite says the full number when it is asked to cast. So one odd row changes all others, and two ids
#   become one.
# Way out: cast in SQL, or give the column a type and select by typeof().
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check adbc-driver-sqlite==1.13.0 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import adbc_driver_sqlite.dbapi

cursor = adbc_driver_sqlite.dbapi.connect("file::memory:").cursor()
cursor.execute("CREATE TABLE t (v)")


def read(*values):
    cursor.execute("DELETE FROM t")
    for value in values:
        cursor.execute("INSERT INTO t VALUES (?)", [value])
    cursor.execute("SELECT v, CAST(v AS TEXT) AS said FROM t")
    table = cursor.fetch_arrow_table()
    for v, said in zip(*(table[name].to_pylist() for name in ("v", "said")), strict=True):
        print(f"  read {v!r:24} SQLite's own text {said!r}")
    return table["v"].to_pylist()


print("numbers alone:")
alone = read(1.5, 9007199254740992)
print("the same beside one text:")
beside = read(1.5, 9007199254740993, 123456.789012, "n/a")
assert alone == [1.5, 9007199254740992.0], alone
assert beside == ["1.500000e+00", "9.007199e+15", "1.234568e+05", "n/a"], beside
PYTHON
