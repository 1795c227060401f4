"""Listening sockets that this process was given: by systemd, or by the server before it."""

import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Final

from waterline.errors import UsageError

NAMES: Final = ("port", "monitoring_port", "syslog_tcp", "syslog_udp")
"""Names of sockets: those of the settings that they stand for."""
_FIRST: Final = 3
"""Number of the first socket from systemd: sd_listen_fds(3)."""

Sockets = Mapping[str, Sequence[socket.socket]]
"""Listening sockets by name."""
NO_SOCKETS: Final[Sockets] = MappingProxyType({})


def sockets_of_systemd(environment: MutableMapping[str, str] = os.environ) -> Sockets:
    """Return the sockets of systemd's socket units; the variables that tell of them are removed.

    See sd_listen_fds(3). `FileDescriptorName=` in a unit names the setting that its sockets are in
    place of.

    Args:
        environment: has LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, if there are any.

    Raises:
        UsageError: a socket has no such name.
    """
    given = {
        name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    }
    if given["LISTEN_PID"] != str(os.getpid()) or not given["LISTEN_FDS"].isdecimal():
        return {}
    numbers = range(_FIRST, _FIRST + int(given["LISTEN_FDS"]))
    names = given["LISTEN_FDNAMES"].split(":")
    if len(names) != len(numbers) or not {*names} <= {*NAMES}:
        raise UsageError(
            f"systemd passes {len(numbers)} sockets named {', '.join(names)}; give each socket "
            f"unit a FileDescriptorName: {', '.join(NAMES)}"
        )
    return _adopted(zip(names, numbers, strict=True))


def parse_sockets(text: str) -> Sockets:
    """Return the sockets that `format_sockets` of the server before this one named."""
    pairs = [each.partition(":") for each in text.split(",") if each]
    return _adopted((name, int(number)) for name, _, number in pairs)


def format_sockets(sockets: Sockets) -> str:
    """Return names and descriptors as text, such as `port:7,monitoring_port:8`."""
    return ",".join(
        f"{name}:{each.fileno()}" for name, several in sockets.items() for each in several
    )


def _adopted(pairs: Iterable[tuple[str, int]]) -> Sockets:
    found: dict[str, list[socket.socket]] = {}
    for name, number in pairs:
        each = socket.socket(fileno=number)
        each.set_inheritable(False)
        each.setblocking(False)
        found.setdefault(name, []).append(each)
    return found
