"""Certificates for tests: made once, valid until 2120, trusted by nobody but them."""

import subprocess
from pathlib import Path

from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE, ServerProcess, create_token
from waterline.addresses import parse_announcement

_FOLDER = Path(__file__).with_name("certificates")

LOOPBACK = _FOLDER / "loopback.pem"
"""Signed by itself, for localhost, 127.0.0.1 and ::1."""
LOOPBACK_KEY = _FOLDER / "loopback.key"
NAMED = _FOLDER / "named.pem"
"""Signed by itself, for logs.example.com."""
NAMED_KEY = _FOLDER / "named.key"
ENCRYPTED_KEY = _FOLDER / "encrypted.key"
"""The key of LOOPBACK behind a password."""

WITH_LOOPBACK = ("--tls-cert", str(LOOPBACK), "--tls-key", str(LOOPBACK_KEY))
WITH_NAMED = ("--tls-cert", str(NAMED), "--tls-key", str(NAMED_KEY))


def start_secure_server(data: Path, *options: str) -> ServerProcess:
    """Start a server with TLS on free ports of loopback and wait until it accepts."""
    process = Started(
        [WATERLINE, "serve", "--data", data, "--port", "0", "--monitoring-port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    addresses = parse_announcement(line, "127.0.0.1")
    if addresses is None:
        _, errors = process.communicate(timeout=PATIENCE)
        raise AssertionError(f"the server did not start: {line!r} {errors}")
    assert addresses.secure
    return ServerProcess(
        data,
        create_token(data),
        process,
        addresses.ingest,
        addresses.monitoring,
        syslog=addresses.syslog,
    )
