"""Framing of syslog over TCP (RFC 6587): messages out of a stream of bytes. No I/O."""

import re
from typing import Final, NamedTuple

# Bytes of a message, as many as a datagram may have; what is longer is cut. More would take a
# turn of the event loop too long to recognise.
MAX_MESSAGE: Final = 2**16

_MOST_DIGITS: Final = 9
# The count of octets before a message, which begins with its priority.
_COUNTED: Final = re.compile(rb"([1-9]\d{0,%d}) <" % (_MOST_DIGITS - 1))
# What may still become one.
_MAY_BE_COUNTED: Final = re.compile(rb"[1-9]\d{0,%d} ?\Z" % (_MOST_DIGITS - 1))
# RFC 6587, 3.4.2: nearly all end a message by LF, Python's SysLogHandler by NUL.
_END: Final = re.compile(rb"[\n\0]")
# Of a peer that ends them by NUL, messages have several lines; a priority begins one all the same.
_END_OF_LINES: Final = re.compile(rb"\0|\n(?=<\d{1,3}>)")
_LONGEST_PRIORITY: Final = len("\n<191>")
_PRIORITY: Final = b"<"
_BETWEEN: Final = re.compile(rb"[\r\n\0]*")


class Message(NamedTuple):
    """One message of syslog."""

    content: bytes
    is_cut: bool = False
    """Whether its end was dropped, or did not come."""


def bare(content: bytes) -> bytes:
    """Return a message without the ends of lines behind it."""
    return content.rstrip(b"\r\n\0")


class Framer:
    """Takes the messages out of what one peer sends.

    Each is framed by the count of its octets or by the end of its line, as it begins itself; of a
    peer that ends one by NUL a message may have several lines. Any bytes are messages of some
    kind, however they are cut; those held are never more than the longest message and one piece.

    Args:
        most: bytes of a message; what is longer is cut.
    """

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        self._most = most
        self._held = bytearray()
        # Octets of a counted message that have not come; None where a message ends with its line.
        self._missing: int | None = None
        # Bytes that are known to hold no end of a line.
        self._looked = 0
        # Whether the rest of a message is dropped.
        self._drops = False
        # Whether the last message ended by NUL, and whether all of this peer do, as one did before
        # the priority of another.
        self._after_nul = False
        self._ends_by_nul = False

    @property
    def held(self) -> int:
        """Bytes of the message that has not come to its end."""
        return len(self._held)

    def feed(self, piece: bytes) -> list[Message]:
        """Return the messages that end within a piece."""
        found: list[Message] = []
        self._held += piece
        at = 0
        while True:
            end = self._next(at, found)
            if end is None:
                break
            at = end
        del self._held[:at]
        return found

    def finish(self) -> list[Message]:
        """Return what came of the last message, once nothing more comes."""
        rest = b"" if self._drops else bare(bytes(self._held))
        is_cut = self._missing is not None or len(rest) > self._most
        self._held.clear()
        self._missing, self._looked, self._drops = None, 0, False
        return [Message(rest[: self._most], is_cut)] if rest else []

    def _next(self, at: int, found: list[Message]) -> int | None:
        """Take what comes next.

        Args:
            at: where it begins in the held bytes.
            found: messages; one may be added.

        Returns:
            Where it ends; None if its end has not come.
        """
        if self._missing is not None:
            return self._counted(at, self._missing, found)
        if not self._looked and not self._drops:
            between = _BETWEEN.match(self._held, at)
            if between and between.end() > at:
                self._after_nul = self._after_nul and b"\n" not in between[0]
                return between.end()
            if self._after_nul and at < len(self._held):
                self._after_nul = False
                self._ends_by_nul |= self._held.startswith(_PRIORITY, at)
            if counted := _COUNTED.match(self._held, at):
                self._missing = int(counted[1])
                return counted.end() - 1
            if _MAY_BE_COUNTED.match(self._held, at):
                return None
        return self._line(at, found)

    def _counted(self, at: int, missing: int, found: list[Message]) -> int | None:
        end = at + missing
        size = len(self._held)
        if self._drops:
            if end > size:
                self._missing = end - size
                return size if size > at else None
            self._missing, self._drops = None, False
            return end
        if end <= size and missing <= self._most:
            _add(found, bytes(self._held[at:end]), is_cut=False)
            self._missing = None
            return end
        if size - at < self._most:
            return None
        return self._cut(at, found)

    def _line(self, at: int, found: list[Message]) -> int | None:
        size = len(self._held)
        ends = _END_OF_LINES if self._ends_by_nul else _END
        # What may be the end if more comes.
        open_ = _LONGEST_PRIORITY if self._ends_by_nul else 0
        end = ends.search(self._held, at + self._looked)
        if self._drops:
            if end is None:
                return size - open_ if size - open_ > at else None
            self._drops = False
            return self._ended(end)
        if end is not None and end.start() - at <= self._most:
            self._looked = 0
            _add(found, bytes(self._held[at : end.start()]), is_cut=False)
            return self._ended(end)
        if size - at <= self._most + open_:
            self._looked = max(0, size - at - open_)
            return None
        self._looked = 0
        return self._cut(at, found)

    def _ended(self, end: re.Match[bytes]) -> int:
        """Note how a message of lines ends; return where."""
        self._after_nul = end[0] == b"\0"
        self._ends_by_nul = self._ends_by_nul and self._after_nul
        return end.end()

    def _cut(self, at: int, found: list[Message]) -> int:
        """Add the beginning of a message that is too long, and drop the rest of it."""
        end = at + self._most
        _add(found, bytes(self._held[at:end]), is_cut=True)
        if self._missing is not None:
            self._missing -= self._most
        self._drops = True
        return end


def _add(found: list[Message], content: bytes, *, is_cut: bool) -> None:
    if content := bare(content):
        found.append(Message(content, is_cut))
