"""A scraper, as a process of its own: asks for a page again and again; tells how long that took.

`python -m benchmarks.scraper URL`; it prints a line once it begins, and ends when its standard
input does. Then it prints the milliseconds of each scrape.
"""

import http.client
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from workbench.bench.errors import BenchmarkError

# Far more often than a Prometheus comes, which is once in some seconds.
_PAUSE_SECONDS: Final = 0.05
_SILENCE_SECONDS: Final = 30.0


@dataclass(slots=True)
class Scraper:
    """The process that scrapes."""

    process: subprocess.Popen[bytes]

    def end(self) -> list[float]:
        """Let it end; return how long its scrapes took, in milliseconds, in ascending order.

        Raises:
            BenchmarkError: a scrape failed.
        """
        output, _ = self.process.communicate()
        if self.process.returncode:
            raise BenchmarkError("a scrape failed, as told above")
        return sorted(msgspec.json.decode(output, type=list[float]))


@contextmanager
def scraping(url: str) -> Iterator[Scraper]:
    """Run a scraper that has begun."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scraper", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise BenchmarkError("the first scrape failed, as told above")
            yield Scraper(process)
        finally:
            process.kill()


def scrape(connection: http.client.HTTPConnection, target: str) -> float:
    """Ask once; return the milliseconds until the last byte was there.

    Raises:
        BenchmarkError: there was no page.
    """
    begun = time.perf_counter()
    connection.request("GET", target)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise BenchmarkError(f"the server answered {answer.status} to {target}")
    return 1000 * (time.perf_counter() - begun)


def main(url: str) -> None:
    """Scrape over one connection, as Prometheus does."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    connection = http.client.HTTPConnection(parts.netloc, timeout=_SILENCE_SECONDS)
    scrape(connection, target)  # the first of all is none of them: it imports, and connects
    print("scraping", flush=True)
    taken = [scrape(connection, target)]
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while not selector.select(_PAUSE_SECONDS):
            taken.append(scrape(connection, target))
    print(msgspec.json.encode(taken).decode())


if __name__ == "__main__":
    main(sys.argv[1])
