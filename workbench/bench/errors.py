"""What stops a benchmark: a figure that could not be taken, and why."""

from waterline.errors import WaterlineError


class BenchmarkError(WaterlineError):
    """The server, or the machine, did not do what the figure needs."""
