"""Ports of the processes of the workbench."""

import socket

import tornado.netutil

from waterline.addresses import explained


def bind(host: str, port: int, setting: str) -> list[socket.socket]:
    """Return sockets that listen on an address; port 0 picks a free one.

    Args:
        host: address of this machine, or its name.
        port: the port.
        setting: name of the port's setting, for the error.

    Raises:
        AddressError: the address cannot be listened on.
    """
    with explained(host, port, setting):
        return tornado.netutil.bind_sockets(port, host)


def choose_port(host: str, port: int, setting: str) -> int:
    """Return a port that another process can listen on: this one, or a free one for 0.

    Args:
        host: the address to listen on.
        port: the wanted port; 0 is any.
        setting: name of the setting of the port, for the error.

    Raises:
        AddressError: the address cannot be listened on.
    """
    sockets = bind(host, port, setting)
    chosen = int(sockets[0].getsockname()[1])
    for each in sockets:
        each.close()
    return chosen
