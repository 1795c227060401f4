#!/bin/sh
# Good guess: `create_table(schema)` makes a table with the field ids that the schema names, so that `add_files` takes
#   files with these ids as they are, and each column reads what was written for it.
# Versions: pyiceberg 0.12.0 (pyarrow 26.0.1, SQLAlchemy 2.1.9).
# Behaviour: the ids are replaced by 1, 2, ... in the order of the columns, without a word. `add_files` finds nothing
#   wrong with files that have the ids of the schema. Where those are other numbers, every column reads as null; where
#   they are the same numbers in another order, each column has the values of another one.
# Way out: write the metadata with the ids oneself (`TableMetadataV2`, `ToOutputFile`) and `register_table` it; later
#   columns by `commit_table` with `AddSchemaUpdate`, as `update_schema` numbers anew, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyiceberg==0.12.0 pyarrow==26.0.1 sqlalchemy==2.1.9
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

folder = sys.argv[1]
catalog = SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}/w")
catalog.create_namespace("n")


def read_back(name: str, first: int, second: int) -> list[dict[str, str | None]]:
    """Return the only row of a table whose columns `a` and `b` have these ids in schema and file."""
    ids = {"a": first, "b": second}
    fields = [NestedField(number, name, StringType(), required=False) for name, number in ids.items()]
    table = catalog.create_table(f"n.{name}", Schema(*fields))
    print(name, "asked for", ids, "and got", {each.name: each.field_id for each in table.schema().fields})
    written = [
        pa.field(name, pa.string(), metadata={"PARQUET:field_id": str(number)}) for name, number in ids.items()
    ]
    file = f"{folder}/{name}.parquet"
    pq.write_table(pa.table([["of a"], ["of b"]], schema=pa.schema(written)), file)
    assert [int(each.metadata[b"PARQUET:field_id"]) for each in pq.read_schema(file)] == [first, second]
    table.add_files([f"file://{file}"])
    return table.scan().to_arrow().to_pylist()


assert read_back("plain", 1, 2) == [{"a": "of a", "b": "of b"}]
others, crossed = read_back("others", 11, 12), read_back("crossed", 2, 1)
print("other ids read as", others)
print("crossed ids read as", crossed)
assert others == [{"a": None, "b": None}], "other ids are kept, or refused, by now"
assert crossed == [{"a": "of b", "b": "of a"}], "crossed ids are kept, or refused, by now"
PYTHON
