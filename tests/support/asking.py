"""An analyst who asks for all logs again and again, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

import workbench
from tests.support.forking import Started
from tests.support.looking import Look, Row, judge
from tests.support.processes import PATIENCE

_ROOT: Final = Path(__file__).parents[2]
_decode: Final = msgspec.json.Decoder(list[Row]).decode


class Analyst:
    """Asks for all logs when told to."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def look(self) -> Look:
        """Ask for all logs, by `workbench.connect(...).logs()`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the analyst ended, as told above"
        return judge(sorted(_decode(answer)))


@contextmanager
def analyst(data: Path) -> Iterator[Analyst]:
    """Run an analyst of a folder that has a logs.db; what it raises goes to standard error."""
    process = Started(
        [sys.executable, "-m", "tests.support.asking", str(data)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Analyst(process)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answer_each_line(data: str) -> None:
    """Write all logs, as seq, id and message, for each line that is read."""
    with workbench.connect(data) as wb:
        for _ in sys.stdin.buffer:
            found = wb.logs()
            columns = [found[name].tolist() for name in ("seq", "id", "message")]
            rows = list(zip(*columns, strict=True))
            sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer_each_line(sys.argv[1])
