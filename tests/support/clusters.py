"""Dask clusters of two worker processes, and what their workers are given to do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from distributed import Client

from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from workbench.spreading.dask import start_workers


@contextmanager
def cluster(workers: int = 2, *, is_direct: bool = False) -> Iterator[Client]:
    """Run workers on the loopback address, and return the way to them.

    Args:
        workers: number of them.
        is_direct: whether results come from the workers themselves, as of those that a workbench
            starts, or by way of the scheduler.
    """
    with (
        start_workers(workers) as started,
        Client(started, set_as_default=False, direct_to_workers=is_direct) as client,
    ):
        yield client


def workers_of(client: Client) -> list[int]:
    """Return the process ids of the workers."""
    pids: dict[str, int] = client.run(os.getpid)
    return sorted(pids.values())


def tasks_of(client: Client) -> list[str]:
    """Return the keys that the scheduler knows."""
    keys: list[str] = client.run_on_scheduler(_keys)
    return keys


def _keys(dask_scheduler: object) -> list[str]:
    return [str(key) for key in dask_scheduler.tasks]  # type: ignore[attr-defined] # Dask's own


def end_worker(table: pa.Table) -> int:
    """End the process that takes from logs."""
    os.kill(os.getpid(), signal.SIGKILL)
    return int(table.num_rows)


@dataclass(frozen=True)
class EndOnce:
    """Ends the first process that takes from logs, which a file tells of, and counts them."""

    path: Path

    def __call__(self, table: pa.Table) -> int:
        """Return the number of logs."""
        try:
            self.path.touch(exist_ok=False)
        except FileExistsError:
            return int(table.num_rows)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("the process goes on")


@dataclass(frozen=True)
class Wait:
    """Counts logs once a file is there, and tells of itself by another file."""

    begun: Path
    until: Path

    def __call__(self, table: pa.Table) -> int:
        """Return the number of logs."""
        self.begun.touch()
        wait_until(self.until.exists, "nobody lets it go on", patience=PATIENCE)
        return int(table.num_rows)


@contextmanager
def scheduler_alone(
    folder: Path, *, hidden: Path | None = None, **environment: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Client]]:
    """Run a scheduler and a worker as processes of their own; return the first, and the way there.

    Args:
        folder: where they write.
        hidden: a folder in whose place the worker has an empty one.
        environment: variables of the worker.
    """
    told = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    loopback = ["--host", "127.0.0.1", "--scheduler-file", str(told)]
    scheduler = subprocess.Popen(
        [*dask, "scheduler", *loopback, "--port", "0", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    worker = [*dask, "worker", "--scheduler-file", str(told), "--host", "127.0.0.1"]
    worker += ["--no-dashboard", "--no-nanny", "--nthreads", "1", "--death-timeout", "60"]
    if hidden is not None:
        mounted = f'mount -t tmpfs none "{hidden}" && exec "$@"'
        worker = ["unshare", "-m", "sh", "-c", mounted, "sh", *worker]
    working = subprocess.Popen(
        worker, stderr=subprocess.DEVNULL, cwd=folder, env={**os.environ, **environment}
    )
    try:
        wait_until(told.exists, "the scheduler does not start")
        with Client(scheduler_file=str(told), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=PATIENCE)
            yield scheduler, client
    finally:
        for each in (working, scheduler):
            each.kill()
            each.wait(PATIENCE)


@dataclass(frozen=True)
class Echo:
    """Returns a number."""

    number: int

    def __call__(self) -> int:
        """Return it."""
        return self.number

    def name(self) -> str:
        """Return what it is."""
        return "a number"

    def key(self) -> str:
        """Return a digest of it."""
        return str(self.number)
