#!/bin/sh
# Good guess: a table with `gc.enabled = false` owns none of its data files, as Iceberg's Java libraries have it, so that
#   `purge_table` removes the metadata at most, or refuses; files of `add_files`, which others own, stay.
# Versions: pyiceberg 0.12.0 (pyarrow 26.0.1, SQLAlchemy 2.1.9).
# Behaviour: `purge_table` removes every data file, those of `add_files` too, without a word; the property is not read.
# Way out: `drop_table`, and remove the files below `metadata/` of the table's location oneself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyiceberg==0.12.0 pyarrow==26.0.1 sqlalchemy==2.1.9
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

folder = sys.argv[1]
catalog = SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}/w")
catalog.create_namespace("n")
schema = Schema(NestedField(1, "a", LongType(), required=False))


def is_there_after(name: str, remove: str) -> bool:
    """Return whether a file that a table was given is there once the table is not."""
    table = catalog.create_table(f"n.{name}", schema, properties={"gc.enabled": "false"})
    file = Path(folder, f"{name}.parquet")
    pq.write_table(pa.table({"a": [1]}), file)
    table.add_files([f"file://{file}"])
    getattr(catalog, remove)(f"n.{name}")
    return file.exists()


assert is_there_after("dropped", "drop_table")
stays = is_there_after("purged", "purge_table")
print("with gc.enabled=false, after purge_table the file is", "there" if stays else "gone")
assert not stays, "gc.enabled is heeded by now"
PYTHON
