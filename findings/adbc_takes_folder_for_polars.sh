#!/bin/sh
# Good guess: a program that imports adbc_driver_sqlite.dbapi does not care which folders lie beside it; where Polars is not
#   installed it is not used, and pyarrow does the work.
# Versions: adbc-driver-manager 1.13.0, adbc-driver-sqlite 1.13.0, pyarrow 26.0.1.
# Behaviour: a folder called `polars` in the current folder, such as one for what was exported to it, is imported as a
#   namespace package, and the import of the driver fails: that package has no DataFrame. No message names the folder.
# Way out: name the folder otherwise, or run Python with -P.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    adbc-driver-manager==1.13.0 adbc-driver-sqlite==1.13.0 pyarrow==26.0.1
cd "$folder"
echo 'import adbc_driver_sqlite.dbapi; print("imported")' > script.py
venv/bin/python script.py
mkdir polars
if venv/bin/python script.py 2> said; then
    echo "the folder does no harm any more"
    exit 1
fi
tail -n 1 said
grep -q "polars" said
