"""A producer that posts: a log a request, at a steady rate, over one connection."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Final
from urllib.parse import urlsplit

from benchmarks.servers import MeasuredServer
from workbench.bench.errors import BenchmarkError

Sending = Callable[[], list[float]]
_STALL_SECONDS: Final = 60.0


@contextmanager
def posting(server: MeasuredServer, logs: Sequence[bytes], rate: float) -> Iterator[Sending]:
    """Connect; what is yielded posts the logs at a rate, and returns the seconds of each ack.

    They count from when a log was due.
    """
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=_STALL_SECONDS)) as peer:
        peer.connect()
        yield lambda: [
            acked - due
            for due, acked in _post_steadily(peer, server.token, logs, time.perf_counter(), rate)
        ]


def _post_steadily(
    peer: HTTPConnection, token: str, logs: Sequence[bytes], begun: float, rate: float
) -> Iterator[tuple[float, float]]:
    """Post logs; yield when each was due, and when its ack came.

    Raises:
        BenchmarkError: the server refused one.
    """
    for number, each in enumerate(logs):
        due = begun + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        peer.request("POST", "/ingest", each, {"Authorization": f"Bearer {token}"})
        answer = peer.getresponse()
        said = answer.read()
        if answer.status != HTTPStatus.OK:
            raise BenchmarkError(f"the server answered {answer.status}: {said[:300]!r}")
        yield due, time.perf_counter()
