"""Notices to a service manager such as systemd: ready, alive, another process. See sd_notify(3)."""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"


def notify(*lines: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager; without one, or where it does not listen, do nothing.

    Args:
        lines: assignments, such as READY.
        environment: has NOTIFY_SOCKET, if a service manager wants notices.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract one, of Linux
        address = "\0" + address[1:]
    # What cannot be told must not stop what works.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(lines).encode(), address)


def is_watched(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the service manager wants to hear regularly that this process is alive."""
    return "WATCHDOG_USEC" in environment


def main_process() -> str:
    """Return the line that makes this process the one that the manager watches."""
    return f"MAINPID={os.getpid()}"
