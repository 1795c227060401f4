"""Analysts, as a process of their own: each asks one question after the other over the network.

`python -m benchmarks.analyst URL NUMBER`, with WATERLINE_TOKEN; it prints a line once each of them
has had an answer, and ends when its standard input does. Then it prints how many answers there
were.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

import workbench
from benchmarks.answering import AnsweringServer
from tests.support.tls import LOOPBACK
from waterline.processes import child_command
from workbench.bench.errors import BenchmarkError
from workbench.workbench import Workbench

# They stand for other machines, and are to take little from this one.
_NICENESS: Final = 19
_QUESTIONS: Final[list[Callable[[Workbench], object]]] = [
    lambda wb: wb.logs(type="error", limit=200),
    lambda wb: wb.count(contains="shard 791"),
    lambda wb: wb.throughput("1m", by="source", exact=True, since="-1h"),
    lambda wb: wb.fields(sample=None),
    lambda wb: wb.logs(contains="timed out", limit=1_000),
    lambda wb: wb.sql("SELECT type, count(*) AS logs FROM logs GROUP BY type"),
]


@dataclass(slots=True)
class Analysts:
    """The process of the analysts."""

    process: subprocess.Popen[str]

    def end(self) -> int:
        """Let them end; return how many answers they had.

        Raises:
            BenchmarkError: a question failed.
        """
        output, _ = self.process.communicate()
        if self.process.returncode:
            raise BenchmarkError("a question failed, as told above")
        return int(output)


@contextmanager
def asking(server: AnsweringServer, number: int) -> Iterator[Analysts]:
    """Run so many analysts, who have begun."""
    with subprocess.Popen(
        [*child_command("benchmarks.analyst"), server.url, str(number)],
        env=os.environ | {"WATERLINE_TOKEN": server.token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise BenchmarkError("the first questions failed, as told above")
            yield Analysts(process)
        finally:
            process.kill()


def main(url: str, number: int) -> None:
    """Have so many analysts ask, until standard input ends."""
    os.nice(_NICENESS)
    until, begun = threading.Event(), threading.Barrier(number + 1)
    with ThreadPoolExecutor(number) as pool:
        asked = [pool.submit(_ask, url, place, begun, until) for place in range(number)]
        begun.wait()
        print("asking", flush=True)
        sys.stdin.read()
        until.set()
        print(sum(each.result() for each in asked))


def _ask(url: str, place: int, begun: threading.Barrier, until: threading.Event) -> int:
    """Ask until told to end; return the number of answers but for the first."""
    try:
        with workbench.connect(url, certificate=LOOPBACK, cache=False) as wb:
            for answers in count():
                _QUESTIONS[(place + answers) % len(_QUESTIONS)](wb)
                if not answers:
                    begun.wait()
                if until.is_set():
                    return answers
    except BaseException:
        begun.abort()
        raise
    raise AssertionError("counting has no end")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
