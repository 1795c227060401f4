"""Listeners of syslog: what the settings ask for, from their sockets to their end."""

import asyncio
import logging
import socket
import ssl
import time
from typing import Final

from server.accepting import Accepting
from server.bind import bind, bind_datagrams, port_of
from server.connections import Connections
from server.ingest.syslog.intake import SyslogIntake
from server.ingest.syslog.senders import Senders
from server.ingest.syslog.tcp import TOO_MANY, TcpListener
from server.ingest.syslog.udp import UdpListener
from server.inherited import Sockets
from waterline.addresses import bracketed, is_loopback
from waterline.errors import AddressError
from waterline.recognition.syslog_messages import SyslogMessages
from waterline.settings.model import Settings, option_name
from waterline.settings.parse import SocketAddress, zone_of

logger = logging.getLogger(__name__)

# Seconds in which what the kernel holds is still read, as the server stops; a sender may not end.
_LAST_SECONDS: Final = 1.5
# Looks without a message in between, after which there is no more, and seconds between them.
_QUIET_LOOKS: Final = 4
_LOOK_SECONDS: Final = 0.005


class SyslogListeners:
    """Listeners over TCP and UDP; either may be off, as both are by default.

    Args:
        settings: the settings.
        connections: the shared state.
    """

    def __init__(self, settings: Settings, connections: Connections) -> None:
        self._settings = settings
        self._tcp: TcpListener | None = None
        self._udp: UdpListener | None = None
        self._intakes: dict[str, SyslogIntake] = {}
        self._tcp_sockets: list[socket.socket] = []
        self._udp_sockets: list[socket.socket] = []
        read = SyslogMessages(zone_of(settings.syslog_timezone))
        senders = Senders(settings.syslog_from)
        if settings.syslog_tcp is not None:
            source = settings.syslog_tcp_source
            intake = self._intakes["tcp"] = SyslogIntake(connections, source, read)
            seconds = settings.idle_timeout / 1000
            self._tcp = TcpListener(connections, source, intake, senders, seconds)
        if settings.syslog_udp is not None:
            intake = SyslogIntake(connections, settings.syslog_udp_source, read)
            self._intakes["udp"] = intake
            self._udp = UdpListener(intake, senders)

    @property
    def sockets(self) -> Sockets:
        """The bound sockets by setting."""
        return {"syslog_tcp": self._tcp_sockets, "syslog_udp": self._udp_sockets}

    def bind(self, inherited: Sockets, *, secure: bool) -> tuple[str, ...]:
        """Bind the sockets and return their URLs.

        Args:
            inherited: sockets that this process was given.
            secure: whether TCP is with TLS.

        Raises:
            AddressError: an address cannot be listened on, or it is reached from beyond this
                machine and nobody is named who may send.
        """
        tcp, udp = self._settings.syslog_tcp, self._settings.syslog_udp
        addresses = []
        if tcp is not None:
            self._check_exposure(tcp, "syslog_tcp", secure=secure)
            self._tcp_sockets = bind(*tcp, "syslog_tcp", "syslog_tcp", inherited=inherited)
            scheme = "tls" if secure else "tcp"
            addresses.append(f"{scheme}://{bracketed(tcp.host)}:{port_of(self._tcp_sockets)}")
        if udp is not None:
            self._check_exposure(udp, "syslog_udp", secure=False)
            self._udp_sockets = bind_datagrams(*udp, "syslog_udp", inherited=inherited)
            addresses.append(f"udp://{bracketed(udp.host)}:{port_of(self._udp_sockets)}")
        return tuple(addresses)

    def start(self, accepting: Accepting, tls: ssl.SSLContext | None) -> None:
        """Take messages at the bound sockets.

        Args:
            accepting: state of acceptance.
            tls: a TLS context for TCP alone; None for plain TCP.
        """
        if tls is not None:
            # A sender reads nothing. If it closes while tickets of TLS 1.3 are unread, its kernel
            # resets the connection, and what was on its way is lost.
            tls.num_tickets = 0
        if self._tcp is not None:
            self._tcp.start(self._tcp_sockets, accepting, tls)
        if self._udp is not None:
            self._udp.start(self._udp_sockets)

    async def drain(self) -> None:
        """Read what has arrived, hand all of it to the writer, and close; safe without `start`."""
        if self._tcp is not None:
            self._tcp.stop()
        quiet = 0
        end = time.monotonic() + _LAST_SECONDS
        while quiet < _QUIET_LOOKS and time.monotonic() < end:
            taken = self._taken()
            await asyncio.sleep(_LOOK_SECONDS)
            is_full = any(each.is_full for each in self._intakes.values())
            quiet = 0 if is_full or self._taken() > taken else quiet + 1
        if self._udp is not None:
            self._udp.end()
        if self._tcp is not None:
            self._tcp.end()
        for intake in self._intakes.values():
            intake.flush()

    def close(self) -> None:
        """Tell what was lost, after the writer has stopped, and close the sockets."""
        lost = sum(intake.give_up() for intake in self._intakes.values())
        if lost:
            logger.error("%s messages of syslog could not be stored and are lost", f"{lost:,}")
        for each in (*self._tcp_sockets, *self._udp_sockets):
            each.close()

    def health(self) -> dict[str, dict[str, object]]:
        """Return the state of each listener for /health."""
        state: dict[str, dict[str, object]] = {
            name: {"waiting_bytes": intake.waiting, "dropped": intake.dropped()}
            for name, intake in self._intakes.items()
        }
        if self._tcp is not None:
            state["tcp"] |= {
                "connections": len(self._tcp.open),
                "turned_away": self._tcp.turned_away(),
            }
        if self._udp is not None:
            state["udp"]["ignored"] = self._udp.ignored
        return state

    def warnings(self) -> list[str]:
        """Return a warning if connections were closed; drops are told by `Refusals`."""
        if self._tcp is None or not self._tcp.turned_away().get(TOO_MANY):
            return []
        return ["connections of syslog were closed, as token_connections allows no more at once"]

    def _taken(self) -> int:
        return sum(intake.taken for intake in self._intakes.values())

    def _check_exposure(self, address: SocketAddress, setting: str, *, secure: bool) -> None:
        """Require a word on who may send if others than this machine can reach an address.

        Args:
            address: the address.
            setting: its setting.
            secure: whether what comes is encrypted.

        Raises:
            AddressError: nobody is named.
        """
        if is_loopback(address.host):
            return
        if not self._settings.syslog_from:
            raise AddressError(
                f"{address.host} is reached from beyond this machine, and syslog has no tokens; "
                f"say who may send with {option_name('syslog_from')}, such as 10.0.0.0/8, or "
                f"listen on 127.0.0.1 with {option_name(setting)}"
            )
        if not secure:
            logger.warning(
                "syslog travels to %s in the clear, and whoever can send from an address of "
                "syslog_from is believed",
                address.host,
            )
