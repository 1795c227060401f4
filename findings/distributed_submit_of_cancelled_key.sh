#!/bin/sh
# Good guess: after `client.cancel(future)`, `client.submit(f, key=...)` with the key of that task runs it: it is a
#   new call, and the scheduler has forgotten the key.
# Versions: distributed 2026.8.0, dask 2026.8.0.
# Behaviour: while anybody still holds the cancelled future, the new one is cancelled from the start, and nothing
#   runs; `result()` raises `FutureCancelledError` at once. With the keys that `submit` and `map` make by
#   themselves, of function and arguments, the same question asked again after an interrupt cannot be answered.
# Way out: give each question keys of its own; dropping the cancelled future helps only once the client has noticed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import time
from concurrent.futures import CancelledError

from distributed import Client, LocalCluster


def answer(seconds: float) -> str:
    time.sleep(seconds)
    return "answered"


def again() -> str:
    """Return what comes of the same call after a cancel."""
    try:
        return client.submit(answer, 0.5).result(timeout=30)
    except CancelledError as error:
        return f"{type(error).__name__}: nothing runs"


with (
    LocalCluster(
        n_workers=1, processes=False, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster,
    Client(cluster) as client,
):
    first = client.submit(answer, 0.5)
    client.cancel(first)
    held = again()
    print("while the cancelled future is held:", held)
    del first
    deadline = time.monotonic() + 30
    while client.futures and time.monotonic() < deadline:
        time.sleep(0.01)
    dropped = again()
    print("once it is dropped:", dropped)
assert dropped == "answered"
assert held != "answered", "it runs by now"
PYTHON
