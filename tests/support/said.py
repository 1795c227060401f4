"""What a command said: its exit code and the texts of its streams."""

import subprocess
from collections.abc import Callable

Run = subprocess.CompletedProcess[str]
Waterline = Callable[..., Run]


def said(done: Run) -> tuple[int, list[str], str]:
    """Return exit code, lines of standard output, and standard error."""
    return done.returncode, done.stdout.splitlines(), done.stderr
