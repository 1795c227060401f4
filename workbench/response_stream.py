"""A file that a thread writes and an HTTP response sends, a piece at a time."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import tornado.iostream

# Bytes that are handed to the loop at once. Of a whole file a slow reader takes some all the while,
# and yet not all of it within the time in which it has to take something.
_PIECE: Final = 2**18


class ResponseStream(io.RawIOBase):
    """A stream of a thread into a response; a slow reader holds the thread back.

    Args:
        pass_on: sends bytes, in the loop; it returns once the connection has room for more.
        loop: the loop.

    Attributes:
        has_begun: whether anything was passed on.
    """

    def __init__(self, pass_on: Callable[[bytes], Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._pass_on = pass_on
        self._loop = loop
        self._waiting = bytearray()
        self._sending: Future[None] | None = None
        self.has_begun = False

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401 - any buffer
        """Take bytes; as many as one piece are passed on at once."""
        with memoryview(piece) as content:
            for begin in range(0, len(content), _PIECE):
                self._waiting += content[begin : begin + _PIECE]
                if len(self._waiting) >= _PIECE:
                    self.send()
            return len(content)

    def flush(self) -> None:
        """Do nothing: Python flushes what is deleted, maybe in the thread of the loop."""

    def send(self) -> None:
        """Pass all on; the next piece is made while the connection takes this one.

        Raises:
            BrokenPipeError: the reader has gone, or takes nothing.
        """
        self.wait()
        self.has_begun = True
        data, self._waiting = bytes(self._waiting), bytearray()
        self._sending = asyncio.run_coroutine_threadsafe(self._pass_on(data), self._loop)

    def wait(self) -> None:
        """Wait until the connection has taken all that was passed on.

        Raises:
            BrokenPipeError: the reader has gone, or takes nothing.
        """
        if self._sending is None:
            return
        sending, self._sending = self._sending, None
        try:
            sending.result()
        except (tornado.iostream.StreamClosedError, TimeoutError) as error:
            raise BrokenPipeError from error
        finally:
            # What is raised holds all that the thread has in hand, such as a batch. It holds this
            # frame too, and were the future kept here, only the collector of cycles would end that.
            del sending
