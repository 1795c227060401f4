"""Listener of syslog over UDP: a datagram is a message (RFC 5426)."""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

from server.ingest.syslog.framing import Message, bare
from server.ingest.syslog.intake import SyslogIntake
from server.ingest.syslog.senders import Senders
from waterline.metrics.refusals import Drop

# Bytes that the kernel may hold for us, if it allows so many.
_KERNEL_BUFFER: Final = 4 * 2**20
# Bytes of a datagram at most.
_LONGEST: Final = 2**16
# Datagrams that are read in one turn of the event loop.
_A_TURN: Final = 250
# Linux counts what it drops for lack of room, and tells it with the next datagram (socket(7)).
_SO_RXQ_OVFL: Final = 40
_COUNTER: Final = struct.Struct("=I")


class UdpListener:
    """Reads datagrams while there is room, and drops and counts them otherwise.

    Args:
        intake: takes the messages.
        senders: who may send.
    """

    def __init__(self, intake: SyslogIntake, senders: Senders) -> None:
        self._intake = intake
        self._senders = senders
        # Datagrams that the kernel said it dropped, by socket.
        self._sockets: dict[socket.socket, int] = {}
        self.ignored = 0
        """Number of datagrams of others than may send."""

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Read datagrams.

        Args:
            sockets: bound sockets.
        """
        loop = asyncio.get_running_loop()
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
            if sys.platform == "linux":
                with contextlib.suppress(OSError):  # kernels of other makers may lack it
                    each.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            self._sockets[each] = 0
            loop.add_reader(each, self._read, each)

    def end(self) -> None:
        """Read no more."""
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        self._sockets.clear()

    def _read(self, of: socket.socket) -> None:
        dropped = 0
        for _ in range(_A_TURN):
            try:
                content, told, _, address = of.recvmsg(_LONGEST, socket.CMSG_SPACE(_COUNTER.size))
            except BlockingIOError:
                break
            self._count_kernel(of, told)
            host = str(address[0])
            if not self._senders.allow(host):
                self.ignored += 1
            elif self._intake.is_full:
                dropped += 1
            elif content := bare(content):
                self._intake.take([Message(content)], host)
        self._intake.drop(dropped, Drop.QUEUE_FULL)

    def _count_kernel(self, of: socket.socket, told: Sequence[tuple[int, int, bytes]]) -> None:
        """Count what the kernel has dropped since the last datagram."""
        for level, kind, value in told:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                (total,) = _COUNTER.unpack(value[: _COUNTER.size])
                self._intake.drop((total - self._sockets[of]) % 2**32, Drop.KERNEL_FULL)
                self._sockets[of] = total
