"""A live reader, as a process of its own: follows /live and tells how many logs came.

`python -m benchmarks.follower URL COUNT`, the token in WATERLINE_TOKEN; it prints a line once it is
connected, and at the end how many logs came and how many it was told to have missed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import websocket

from server.websocket.frames import FrameParser, Messages
from workbench.bench.errors import BenchmarkError

_RECEIVED: Final = 1 << 20
_SILENCE_SECONDS: Final = 30.0
_LOGS: Final = b'{"type":"logs"'
_SKIPPED: Final = b'{"type":"skipped"'
# Each log as it is stored has it once; inside of texts its quotes would be escaped.
_MARK: Final = b'"received_at":'


class Told(msgspec.Struct, frozen=True):
    """How many logs came, and how many were told to be skipped."""

    logs: int
    skipped: int


@dataclass(slots=True)
class Follower:
    """The process that follows."""

    process: subprocess.Popen[bytes]

    def end(self) -> Told:
        """Wait until it has been told of all logs; return what it was told.

        Raises:
            BenchmarkError: it ended early.
        """
        output, _ = self.process.communicate()
        if self.process.returncode:
            raise BenchmarkError("the live reader failed")
        return msgspec.json.decode(output, type=Told)


@contextmanager
def following(url: str, token: str, count: int) -> Iterator[Follower]:
    """Run a reader that takes all that is published, up to so many logs."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.follower", url, str(count)],
        stdout=subprocess.PIPE,
        env=os.environ | {"WATERLINE_TOKEN": token},
    ) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise BenchmarkError("the live reader could not connect")
            yield Follower(process)
        finally:
            process.kill()


def follow(url: str, token: str, count: int) -> Told:
    """Read until so many logs have come or were skipped, or nothing comes any more."""
    connection = websocket.create_connection(
        url, header={"Authorization": f"Bearer {token}"}, timeout=_SILENCE_SECONDS
    )
    connection.recv()  # the greeting
    connection.recv()  # the position: from here on nothing is missed
    assert connection.sock is not None
    print("following", flush=True)
    parser = FrameParser(masked=False)
    logs = skipped = 0
    try:
        while logs + skipped < count and (data := connection.sock.recv(_RECEIVED)):
            for event in parser.feed(data):
                for payload in event.payloads if isinstance(event, Messages) else ():
                    if payload.startswith(_LOGS):
                        logs += payload.count(_MARK)
                    elif payload.startswith(_SKIPPED):
                        gap = msgspec.json.decode(payload)
                        skipped += gap["to"] - gap["from"] + 1
    except TimeoutError:
        pass  # what is missing then shows in the count
    return Told(logs, skipped)


if __name__ == "__main__":
    told = follow(sys.argv[1], os.environ["WATERLINE_TOKEN"], int(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(told))
