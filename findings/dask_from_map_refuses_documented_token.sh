#!/bin/sh
# Good guess: `dask.dataframe.from_map(f, parts, token=...)` names the partitions by the token, as its documentation
#   says: "String to use as the token in the output collection-key names".
# Versions: dask 2026.8.0 with pandas 3.1.1.
# Behaviour: NotImplementedError, "dask_expr does not support a token argument". Without one, keys come from the
#   arguments: of paths that is the path, so that a file that was changed at its path has the key of the former one.
# Way out: wrap each part in a class with `__dask_tokenize__` that returns a digest of the content.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  "dask[dataframe]==2026.8.0" pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from pathlib import Path

import dask.dataframe as dd
import pandas as pd


def read(path: str) -> pd.DataFrame:
    return pd.DataFrame({"text": [Path(path).read_text()]})


meta = pd.DataFrame({"text": pd.Series(dtype="str")})
assert "token" in dd.from_map.__doc__
try:
    dd.from_map(read, ["a.txt"], meta=meta, token="a digest")
except NotImplementedError as error:
    said = str(error)
else:
    said = ""
print("with token=:", said)
names = []
for text in ("old", "new"):
    Path("a.txt").write_text(text)
    names.append(dd.from_map(read, ["a.txt"], meta=meta)._name)
print("same name for another content:", names[0] == names[1])
assert said, "token= is taken by now"
PYTHON
