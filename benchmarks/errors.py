"""What stops a benchmark: a figure that could not be taken, and why."""


class BenchmarkError(Exception):
    """The server, or the machine, did not do what the figure needs."""
