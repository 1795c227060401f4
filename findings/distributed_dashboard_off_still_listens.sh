#!/bin/sh
# Good guess: `LocalCluster(dashboard_address=None)` opens no HTTP port: its documentation says "Set to None to
#   disable the dashboard", and `worker_dashboard_address=None`, the default, "disables the dashboard" of workers.
# Versions: distributed 2026.8.0, dask 2026.8.0.
# Behaviour: the scheduler listens at port 8787 all the same, and each worker at a port of its own; where workers
#   are threads (`processes=False`) at every address of the machine. Only the page `/status` is gone: `/info/...`
#   tells whoever asks of workers, tasks and their source. A second cluster warns that port 8787 is taken.
# Way out: name an address of loopback instead: `scheduler_kwargs={"dashboard": False, "dashboard_address":
#   "127.0.0.1:0"}`, with `processes=True` and `host="127.0.0.1"`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0 distributed==2026.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from urllib.request import urlopen

from distributed import LocalCluster

with LocalCluster(
    n_workers=1, processes=False, dashboard_address=None, silence_logs=50
) as cluster:
    server = cluster.scheduler.http_server
    bound = sorted({each.getsockname()[0] for each in server._sockets.values()})
    page = f"http://127.0.0.1:{server.port}/info/main/workers.html"
    with urlopen(page, timeout=10) as answer:
        print(f"without a dashboard: {bound}, port {server.port}, {page}: {answer.status}")
        assert answer.status == 200
assert "0.0.0.0" in bound, "it listens less by now"
PYTHON
