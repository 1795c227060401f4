"""Listening sockets of the server, and a sentence where an address cannot be listened on."""

import socket
from contextlib import ExitStack

import tornado.netutil

from waterline.addresses import explained


def bind(host: str, port: int, setting: str, host_setting: str = "host") -> list[socket.socket]:
    """Return sockets that listen on an address.

    Args:
        host: an address of this machine, or its name.
        port: the port; 0 picks a free one.
        setting: the setting of the port, for the error.
        host_setting: the setting of the address, for the error.

    Raises:
        AddressError: the address cannot be listened on.
    """
    with explained(host, port, setting, host_setting):
        return tornado.netutil.bind_sockets(port, host)


def bind_datagrams(host: str, port: int, setting: str) -> list[socket.socket]:
    """Return sockets that datagrams come in at, on an address.

    Args:
        host: an address of this machine, or its name.
        port: the port; 0 picks a free one.
        setting: the setting of the address, for the error.

    Raises:
        AddressError: the address cannot be used.
    """
    bound: list[socket.socket] = []
    with explained(host, port, setting, setting), ExitStack() as opened:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            each = opened.enter_context(socket.socket(family, kind, protocol))
            each.setblocking(False)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # A name may have several addresses, and the first picks a free port for all.
            each.bind((address[0], port_of(bound) if bound else port, *address[2:]))
            bound.append(each)
        opened.pop_all()
    return bound


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port of sockets from `bind`."""
    return int(sockets[0].getsockname()[1])
