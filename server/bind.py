"""Sockets that the server listens on."""

import socket

import tornado.netutil

from waterline.addresses import explained


def bind(host: str, port: int, setting: str) -> list[socket.socket]:
    """Return sockets that listen on an address; port 0 picks a free one.

    Args:
        host: an address of this machine, or a name of one.
        port: the port.
        setting: the setting that the port came from, for the error.

    Raises:
        AddressError: it cannot be listened on.
    """
    with explained(host, port, setting):
        return tornado.netutil.bind_sockets(port, host)


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port that sockets from `bind` listen on."""
    return int(sockets[0].getsockname()[1])
