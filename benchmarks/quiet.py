"""Quiet connections, in a process of their own: producers and readers that only answer pings.

`python -m benchmarks.quiet COUNT URL...`, the token in WATERLINE_TOKEN; the URLs are taken in turn.
It prints a line once all are connected, and holds them until it is ended.
"""

import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import websocket

from benchmarks.errors import BenchmarkError
from benchmarks.memory import open_files

_FILES_BESIDES: Final = 200
_PATIENCE_SECONDS: Final = 30.0


@contextmanager
def quiet(urls: Sequence[str], token: str, count: int) -> Iterator[None]:
    """Hold so many connections, all of them open before it is entered.

    Raises:
        BenchmarkError: one of them could not be opened.
    """
    with (
        open_files(count + _FILES_BESIDES),
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.quiet", str(count), *urls],
            stdout=subprocess.PIPE,
            env=os.environ | {"WATERLINE_TOKEN": token},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise BenchmarkError("the quiet connections could not be opened")
            yield
        finally:
            process.kill()


def hold(urls: Sequence[str], token: str, count: int) -> None:
    """Open connections, say so, and answer their pings until one of them ends."""
    header = {"Authorization": f"Bearer {token}"}
    with selectors.DefaultSelector() as selector:
        for number in range(count):
            connection = websocket.create_connection(
                urls[number % len(urls)], header=header, timeout=_PATIENCE_SECONDS
            )
            assert connection.sock is not None
            selector.register(connection.sock, selectors.EVENT_READ, connection)
        print("connected", flush=True)
        while True:
            for key, _ in selector.select():
                key.data.recv_data_frame(control_frame=True)  # it answers a ping by itself


if __name__ == "__main__":
    hold(sys.argv[2:], os.environ["WATERLINE_TOKEN"], int(sys.argv[1]))
