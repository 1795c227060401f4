"""An analyst who interrupts a question once it has computed for a while."""

import sys
from pathlib import Path
from typing import Final

from tests.support.forking import run

# The clock of the process tells how long it has computed, whatever else the machine does.
_PROGRAM: Final = """
import os, signal, sys, threading, time, workbench

def interrupt(begun):
    while time.process_time() < begun + 0.5:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

with workbench.connect(sys.argv[1]) as wb:
    {before}
    threading.Thread(target=interrupt, args=[time.process_time()]).start()
    try:
        {question}
    except KeyboardInterrupt:
        print({afterwards})
"""


def interrupt(data: Path, question: str, *, before: str, afterwards: str) -> str:
    """Interrupt a question in a process of its own, and return what is answered afterwards.

    Args:
        data: the data folder.
        question: what takes minutes, in Python; `wb` is the workbench.
        before: what is asked before, so that all is loaded.
        afterwards: what is printed once the interrupt is heeded.
    """
    program = _PROGRAM.format(before=before, question=question, afterwards=afterwards)
    done = run([sys.executable, "-c", program, str(data)])
    assert done.returncode == 0, done.stderr
    return done.stdout
