"""Ctrl-C is heeded once the driver of SQLite is loaded, and with it what it loads."""

import signal
import subprocess
import sys

from tests.support.processes import PATIENCE

_READS = """
import os
import workbench.query.driver
print("reading", flush=True)
os.read(0, 1)
"""


def test_interrupt_ends_a_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _READS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == -signal.SIGINT
        assert process.stderr.read().endswith("KeyboardInterrupt\n")
