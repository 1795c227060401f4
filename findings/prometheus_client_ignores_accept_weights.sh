#!/bin/sh
# Good guess: `choose_encoder` picks what the Accept header weighs highest (RFC 9110, 12.5.1): a client that
#   says `application/openmetrics-text;q=0.1, text/plain;q=0.9` gets text/plain, and one that refuses
#   OpenMetrics by q=0 never gets it.
# Versions: prometheus-client 0.26.0.
# Behaviour: weights are not looked at. Wherever OpenMetrics is named it is chosen, also with q=0, and among
#   two versions of one type the order in the header decides.
# Way out: weigh the header yourself and hand over one type.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
"$folder/venv/bin/python" - <<'PYTHON'
from prometheus_client.exposition import choose_encoder

cases = (
    "application/openmetrics-text;version=1.0.0;q=0.1, text/plain;version=0.0.4;q=0.9",
    "application/openmetrics-text;version=1.0.0;q=0, text/plain;version=0.0.4",
)
for accept in cases:
    _, chosen = choose_encoder(accept)
    print(accept, "->", chosen)
    assert chosen.startswith("application/openmetrics-text"), chosen
PYTHON
