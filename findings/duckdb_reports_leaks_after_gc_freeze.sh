#!/bin/sh
# Good guess: `gc.freeze()` after the imports, as servers that fork do, changes nothing of what a program prints.
# Versions: duckdb 2.0.0, CPython 3.11 and later.
# Behaviour: with duckdb imported and nothing else done, the interpreter's exit prints about 50 lines on standard error
#   ("nanobind: leaked 27 instances!" and so on), as the frozen module is not collected. Without the freeze it
#   prints nothing.
# Way out: `gc.unfreeze()` before the end, or import duckdb after the freeze.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0
run() {
  "$folder/venv/bin/python" -c "$1" 2>"$folder/err"
  echo "$1 -> $(wc -l <"$folder/err" | tr -d ' ') lines: $(head -n 1 "$folder/err")"
}
run "import gc, duckdb"
[ ! -s "$folder/err" ]
run "import gc, duckdb; gc.freeze()"
grep -q "nanobind: leaked" "$folder/err"
run "import gc, duckdb; gc.freeze(); gc.unfreeze()"
[ ! -s "$folder/err" ]
run "import gc; gc.freeze(); import duckdb"
[ ! -s "$folder/err" ]
