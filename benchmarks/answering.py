"""The process that answers questions over the network, on a folder of ours."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.process_memory import memory_of
from tests.support.tls import LOOPBACK, LOOPBACK_KEY
from waterline.clock import now_ms
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.bench.errors import BenchmarkError

_END_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class AnsweringServer:
    """A process that answers questions."""

    url: str
    token: str
    process: int

    def peak_bytes(self) -> int:
        """Return the most memory that it has held so far.

        Raises:
            BenchmarkError: this system does not tell; Linux does.
        """
        return memory_of(self.process, "VmHWM")


@contextmanager
def answering(folder: Path) -> Iterator[AnsweringServer]:
    """Answer questions about a folder, over TLS on a free port of loopback."""
    settings = Settings(
        data=folder, host="127.0.0.1", query_port=0, tls_cert=LOOPBACK, tls_key=LOOPBACK_KEY
    )
    token = TokenFile(DataFolder(folder).tokens).renew("analyst", [Scope.READ], now_ms())
    process = subprocess.Popen(
        child_command("workbench.serving"),
        env=os.environ | environment_of(settings),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        urls = [each for each in process.stdout.readline().split() if "://" in each]
        if not urls:
            raise BenchmarkError("the process of questions did not start")
        yield AnsweringServer(urls[0], token, process.pid)
    finally:
        process.terminate()
        # It reads on until the end, and closes the stream.
        process.communicate(timeout=_END_SECONDS)
