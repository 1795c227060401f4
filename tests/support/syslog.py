"""Syslog over real sockets: where a server takes it, and what it stored."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import apsw
import msgspec

from tests.support.processes import PATIENCE, ServerProcess

LISTENING: Final = ("--syslog-tcp", "127.0.0.1:0", "--syslog-udp", "127.0.0.1:0")


def address_of(server: ServerProcess, scheme: str) -> tuple[str, int]:
    """Return where a server takes syslog over `tcp`, `tls` or `udp`."""
    (url,) = (each for each in map(urlsplit, server.syslog) if each.scheme == scheme)
    assert url.hostname
    assert url.port
    return url.hostname, url.port


def over_tcp(server: ServerProcess) -> socket.socket:
    """Connect to the listener for TCP."""
    return socket.create_connection(address_of(server, "tcp"), timeout=PATIENCE)


def over_udp(server: ServerProcess) -> socket.socket:
    """Return a socket whose datagrams go to the listener for UDP."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(address_of(server, "udp"))
    return sender


def counted(message: bytes) -> bytes:
    """Return a message framed by the count of its octets."""
    return b"%d %b" % (len(message), message)


def stored(data: Path, source: str | None = None) -> list[dict[str, Any]]:
    """Return the stored logs in their order: type, message, attributes and times."""
    statement = (
        "SELECT type, message, attributes, timestamp, received_at FROM logs "
        "WHERE source = coalesce(?, source) ORDER BY seq"
    )
    path = str(data / "logs.db")
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return [
            {
                "type": type_,
                "message": message,
                "attributes": msgspec.json.decode(str(attributes)),
                "timestamp": timestamp,
                "received_at": received_at,
            }
            for type_, message, attributes, timestamp, received_at in connection.execute(
                statement, (source,)
            )
        ]
