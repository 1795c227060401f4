#!/bin/sh
# Good guess: `pq.write_table(table, path, store_schema=False)` leaves out what only Arrow reads, the serialised
#   schema under `ARROW:schema`, and keeps the key-value metadata of the table's schema, which is the way to
#   write one's own.
# Versions: pyarrow 26.0.1.
# Behaviour: all metadata of the schema is gone without a word; field ids in the metadata of fields stay. A file
#   that is written so and read back has the right rows and nothing that its program said about them.
# Way out: `ParquetWriter.add_key_value_metadata` before the writer is closed, which writes them in any case.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table({"a": [1]}).replace_schema_metadata({"mine": "kept?"})


def metadata(store_schema: bool, **added: str) -> dict[bytes, bytes]:
    """Return the metadata of a file, without what Arrow wrote for itself."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, store_schema=store_schema) as writer:
        writer.write_table(table)
        if added:
            writer.add_key_value_metadata(added)
    found = pq.read_metadata(io.BytesIO(sink.getvalue())).metadata or {}
    return {key: value for key, value in found.items() if key != b"ARROW:schema"}


assert metadata(True) == {b"mine": b"kept?"}
assert metadata(False, mine="kept") == {b"mine": b"kept"}
print("with store_schema=False:", metadata(False))
assert metadata(False) == {}, "it is kept by now"
PYTHON
