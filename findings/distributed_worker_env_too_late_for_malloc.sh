#!/bin/sh
# Good guess: `LocalCluster(env={...})` sets variables of its workers, so glibc's MALLOC_* among them hold there.
# Versions: distributed 2026.8.0 with numpy 2.4.6, glibc.
# Behaviour: the variable is in the worker's os.environ, but only since after its process had begun, when glibc had
#   read it. What holds is Dask's own MALLOC_TRIM_THRESHOLD_=65536, which ends glibc's adjusting of its thresholds:
#   each array above 128 kB is mapped and unmapped anew, a page fault for each 4 kB that a task touches.
# Way out: dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}) before the first
#   cluster of the process starts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  dask==2026.8.0 distributed==2026.8.0 numpy==2.4.6
cd "$folder"
cat > faults.py <<'PYTHON'
import os
import resource
import sys

import dask
import numpy as np
from distributed import Client, LocalCluster

WANTED = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


def faults():
    for _ in range(5):
        np.ones(100_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(100_000)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return after - before, {name: os.environ.get(name) for name in WANTED}


def asked(**options):
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", **options
    ) as cluster, Client(cluster) as client:
        return client.submit(faults).result()


if __name__ == "__main__":
    how = sys.argv[1]
    if how == "here":
        found, seen = faults()
    elif how == "env=":
        found, seen = asked(env=WANTED)
    elif how == "default":
        found, seen = asked()
    else:
        dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None})
        found, seen = asked()
    print(f"{how:10} page faults of 50 arrays of 800 kB: {found:5}, variables: {seen}")
    assert (found > 5_000) == (how in ("env=", "default")), "this has changed"
    assert how != "env=" or seen == WANTED
PYTHON
for how in here default env= pre-spawn; do "$folder/venv/bin/python" faults.py $how; done
