#!/bin/sh
# Good guess: variables that Dask sets for its workers (OMP_NUM_THREADS=1 and others) are set in the workers alone, and
#   dask.config's `nanny.pre-spawn-environ` decides about those of each cluster that is started.
# Versions: distributed 2026.8.0.
# Behaviour: they are put into os.environ of the program that starts the cluster, and stay after it is closed. Any later
#   child process of that program inherits them, such as a numeric library with one thread; and as what is in the
#   environment wins over the configuration, what the first cluster had holds for all later ones.
# Way out: save os.environ before a LocalCluster is started, and put it back afterwards.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cd "$folder"
cat > environment.py <<'PYTHON'
import os
import subprocess
import sys

import dask
from distributed import Client, LocalCluster


def threads():
    with LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            return client.submit(os.getenv, "OMP_NUM_THREADS").result()


def of_child():
    code = "import os; print(os.environ.get('OMP_NUM_THREADS'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    os.environ.pop("OMP_NUM_THREADS", None)
    print("a child before:                      ", before := of_child())
    print("a worker of the first cluster:       ", threads())
    print("a child once it was closed:          ", after := of_child())
    with dask.config.set({"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": 2}):
        print("a worker that is configured for 2:   ", second := threads())
        del os.environ["OMP_NUM_THREADS"]
        print("the same, the variable taken away:   ", third := threads())
    assert (before, after, second, third) == ("None", "1", "1", "2"), "this has changed"
PYTHON
"$folder/venv/bin/python" environment.py
