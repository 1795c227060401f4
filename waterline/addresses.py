"""Addresses of servers: announcement, its parser, and errors of binding."""

import contextlib
import errno
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waterline.errors import AddressError
from waterline.settings.model import option_name

_ANNOUNCEMENT: Final = re.compile(
    r"waterline serves ws(s?)://\S+:(\d+)/ingest and http\1://\S+:(\d+) from "
    r".*?(?:, and takes syslog at (\S+)(?: and (\S+))?)?$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a running server.

    `secure` is whether it uses TLS; `syslog` has the URLs at which it takes syslog, with `tcp` or
    `udp` as the scheme, or `tls` for TCP with TLS.
    """

    host: str
    port: int
    monitoring_port: int
    secure: bool = False
    syslog: tuple[str, ...] = ()

    @property
    def ingest(self) -> str:
        """URL for producers."""
        return f"ws{self._s}://{reachable(self.host)}:{self.port}/ingest"

    @property
    def monitoring(self) -> str:
        """URL of the monitoring pages."""
        return f"http{self._s}://{reachable(self.host)}:{self.monitoring_port}"

    def announcement(self, data: Path) -> str:
        """Return the line that a server prints once it accepts connections."""
        syslog = f", and takes syslog at {' and '.join(self.syslog)}" if self.syslog else ""
        return f"waterline serves {self.ingest} and {self.monitoring} from {data}{syslog}"

    @property
    def _s(self) -> str:
        """Suffix of a secure scheme."""
        return "s" if self.secure else ""


def parse_announcement(line: str, host: str) -> Addresses | None:
    """Parse an announcement of a server on a host; None for any other line."""
    found = _ANNOUNCEMENT.match(line)
    if found is None:
        return None
    syslog = tuple(filter(None, found.groups()[3:]))
    return Addresses(host, int(found[2]), int(found[3]), secure=bool(found[1]), syslog=syslog)


def is_loopback(host: str) -> bool:
    """Return whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def loopback_host(host: str) -> str:
    """Return an address for pages without a token: this one if it is loopback, else 127.0.0.1."""
    return host if is_loopback(host) else "127.0.0.1"


def bracketed(host: str) -> str:
    """Return a host as written in a URL."""
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def explained(host: str, port: int, setting: str, host_setting: str = "host") -> Iterator[None]:
    """Translate errors of binding a port into one sentence.

    Args:
        host: an address of this machine, or its name.
        port: the port.
        setting: the setting of the port.
        host_setting: the setting of the address.

    Raises:
        AddressError: the address cannot be listened on.
    """
    try:
        yield
    except OSError as error:
        options = option_name(setting), option_name(host_setting)
        raise AddressError(_sentence(error, host, port, *options)) from error


def reachable(host: str) -> str:
    """Return the host that clients connect to, as URLs have it; any address becomes loopback."""
    return bracketed({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host))


def _sentence(error: OSError, host: str, port: int, option: str, host_option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program; "
            f"stop it or choose another port with {option} (0 picks a free one)"
        )
    if error.errno == errno.EACCES:
        return (
            f"port {port} on {host} may not be used by this user; "
            f"choose one above 1023 with {option}"
        )
    return (
        f"{host} is no address of this machine ({error.strerror}); "
        f"choose another with {host_option}"
    )
