"""Listening sockets of the server, and a sentence where an address cannot be listened on."""

import errno
import socket
from contextlib import ExitStack
from typing import Final

import tornado.netutil

from server.inherited import NO_SOCKETS, Sockets
from waterline.addresses import explained

_WITHOUT_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind(
    host: str,
    port: int,
    setting: str,
    host_setting: str = "host",
    *,
    inherited: Sockets = NO_SOCKETS,
) -> list[socket.socket]:
    """Return sockets that listen on an address, or those that this process was given for it.

    Args:
        host: an address of this machine, or its name.
        port: the port; 0 picks a free one.
        setting: the setting of the port, also for the error.
        host_setting: the setting of the address, for the error.
        inherited: sockets that this process was given.

    Raises:
        AddressError: the address cannot be listened on.
    """
    if given := inherited.get(setting):
        return [*given]
    with explained(host, port, setting, host_setting):
        return tornado.netutil.bind_sockets(port, host)


def bind_datagrams(
    host: str, port: int, setting: str, *, inherited: Sockets = NO_SOCKETS
) -> list[socket.socket]:
    """Return sockets that datagrams come in at, on an address, or those that were given for it.

    Args:
        host: an address of this machine, or its name.
        port: the port; 0 picks a free one.
        setting: the setting of the address, also for the error.
        inherited: sockets that this process was given.

    Raises:
        AddressError: the address cannot be used.
    """
    if given := inherited.get(setting):
        return [*given]
    bound: list[socket.socket] = []
    with explained(host, port, setting, setting), ExitStack() as opened:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        for number, (family, _, _, _, address) in enumerate(dict.fromkeys(found), 1):
            # A name may have several addresses, and the first picks a free port for all.
            chosen = (address[0], port_of(bound) if bound else port, *address[2:])
            try:
                each = opened.enter_context(_datagrams(family, chosen))
            except OSError as error:
                # A machine may lack IPv6, though its names have an address of it.
                if error.errno not in _WITHOUT_IPV6 or (number == len(found) and not bound):
                    raise
            else:
                bound.append(each)
        opened.pop_all()
    return bound


def _datagrams(family: int, address: tuple[str | int, ...]) -> socket.socket:
    """Return a socket that datagrams come in at."""
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port of sockets from `bind`."""
    return int(sockets[0].getsockname()[1])
