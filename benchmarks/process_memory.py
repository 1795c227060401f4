"""Memory of a process, as Linux tells it."""

from pathlib import Path

from workbench.bench.errors import BenchmarkError


def memory_of(process: int, kind: str) -> int:
    """Return how many bytes of memory a process holds.

    Args:
        process: its id.
        kind: `VmRSS` for now, `VmHWM` for the most so far.

    Raises:
        BenchmarkError: this system does not tell; Linux does.
    """
    status = Path(f"/proc/{process}/status")
    if not status.is_file():
        raise BenchmarkError("memory can be measured on Linux only: /proc is missing")
    (line,) = [each for each in status.read_text().splitlines() if each.startswith(f"{kind}:")]
    return int(line.split()[1]) * 1024
