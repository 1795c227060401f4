"""Listening sockets of the server, and a sentence where an address cannot be listened on."""

import socket

import tornado.netutil

from waterline.addresses import explained


def bind(host: str, port: int, setting: str) -> list[socket.socket]:
    """Return sockets that listen on an address.

    Args:
        host: an address of this machine, or its name.
        port: the port; 0 picks a free one.
        setting: the setting of the port, for the error.

    Raises:
        AddressError: the address cannot be listened on.
    """
    with explained(host, port, setting):
        return tornado.netutil.bind_sockets(port, host)


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port of sockets from `bind`."""
    return int(sockets[0].getsockname()[1])
