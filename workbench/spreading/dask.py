"""Tasks on the workers of a Dask cluster. This is the only file that loads `distributed`."""

import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final, Generic
from urllib.parse import urlsplit

import dask.config
from dask.system import CPU_COUNT
from distributed import Client, Future, KilledWorker, LocalCluster

from waterline.errors import ClusterError, UsageError
from workbench.spreading.spread import Cancelled, Result, Results, Task

_LOOPBACK: Final = "127.0.0.1"
# Tasks that are begun for each thread of the workers, so that none waits for the next one.
_AHEAD: Final = 2
# Seconds between two looks at whether the cluster is still there.
_GLANCE: Final = 0.5
# Dask has workers give free memory back at once, by a variable that also keeps glibc from adjusting
# its thresholds, so that each array takes its memory anew. None leaves the variable out: an exact
# percentile takes a third less CPU.
_BEFORE_START: Final = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
_CLOSED: Final = ("closing", "closed")
# Packages that have to be the same on both sides, and how many numbers of their versions.
_SAME: Final = {"waterline": 9, "distributed": 9, "dask": 9, "python": 2, "pyarrow": 1, "pandas": 1}


def open_cluster(cluster: object) -> "DaskSpread":
    """Return what runs tasks on a cluster.

    Args:
        cluster: a `distributed.Client`, or `"local"` or a number of workers to start here.

    Raises:
        UsageError: it is none of these.
        ClusterError: the cluster cannot be used.
    """
    if isinstance(cluster, Client):
        if cluster.asynchronous:
            raise UsageError("cluster= takes a Client that waits; make it without asynchronous")
        spread = DaskSpread(cluster, None)
    elif cluster == "local":
        spread = _started(CPU_COUNT)
    elif isinstance(cluster, int) and not isinstance(cluster, bool) and cluster > 0:
        spread = _started(cluster)
    else:
        raise UsageError(
            f"cluster={cluster!r:.80} is no cluster; give a distributed.Client, 'local', or a "
            "number of workers to start here"
        )
    try:
        spread.check()
    except BaseException:
        spread.close()
        raise
    return spread


def _started(workers: int) -> "DaskSpread":
    """Return what runs tasks on workers that are started here.

    Raises:
        ClusterError: they do not start.
    """
    try:
        cluster = start_workers(workers)
    except (RuntimeError, OSError, TimeoutError) as error:
        raise ClusterError(
            f"the {workers} workers did not start: {error}; in a script, connect below "
            "`if __name__ == '__main__':`, as each worker loads the script too"
        ) from error
    # Results come from the workers themselves, not by way of the scheduler.
    return DaskSpread(Client(cluster, direct_to_workers=True), cluster)


def start_workers(workers: int) -> LocalCluster:
    """Start workers here, each a process with one thread, which nobody else can reach.

    Args:
        workers: number of them.

    Returns:
        The cluster, which is to be closed.
    """
    with _own_environment(), dask.config.set(_BEFORE_START):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host=_LOOPBACK,
            # Without an address the scheduler would take port 8787, without a dashboard too.
            scheduler_kwargs={"dashboard": False, "dashboard_address": f"{_LOOPBACK}:0"},
            # What goes wrong is told by the answer.
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _own_environment() -> Iterator[None]:
    """Undo what becomes of the environment of this process within.

    Dask sets variables of its workers here, and leaves them: a child would have one thread.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def what_is_open(address: str) -> str | None:
    """Return a sentence if anybody who reaches a scheduler can have it run code; else None."""
    parts = urlsplit(address)
    if parts.scheme in ("tls", "inproc", "wss") or _is_loopback(parts.hostname):
        return None
    return (
        f"the scheduler at {address} runs what anybody sends who reaches it; have it listen at "
        "tls:// or at the loopback address alone"
    )


class DaskSpread:
    """Runs tasks on the workers of a cluster.

    Args:
        client: the way to the cluster.
        own: the cluster, if it is to end with this.
    """

    def __init__(self, client: Client, own: LocalCluster | None) -> None:
        self._client = client
        self._own = own
        scheduler = client.scheduler
        self._address = "an unknown address" if scheduler is None else str(scheduler.address)

    @property
    def unprotected(self) -> str | None:
        """A sentence if anybody who reaches the scheduler can have it run code; else None."""
        return what_is_open(self._address)

    def check(self) -> None:
        """Refuse a cluster that cannot be used.

        Raises:
            ClusterError: it cannot be reached, or has other versions than this process.
        """
        if self._client.status in _CLOSED:
            raise self._lost()
        try:
            told: Any = self._client.get_versions(packages=["waterline", "pyarrow"])
        except (OSError, TimeoutError, RuntimeError, CancelledError) as error:
            raise self._lost() from error
        here = told["client"]["packages"]
        others = {"the scheduler": told["scheduler"], **_workers(told["workers"])}
        for place, there in others.items():
            for package, numbers in _SAME.items():
                found = (there or {}).get("packages", {}).get(package)
                if _cut(found, numbers) != _cut(here[package], numbers):
                    raise ClusterError(
                        f"{place} has {package} {found or 'not at all'}, and this process has "
                        f"{here[package]}; install the same versions on both"
                    )

    def map(
        self, tasks: Iterable[Task[Result]], *, threads: int, is_probing: bool = False
    ) -> Results[Result]:
        """Run tasks; see `Spread.map`.

        Raises:
            ClusterError: the cluster cannot be reached.
        """
        del threads  # the workers have their own
        if self._client.status in _CLOSED or self._client.scheduler is None:
            raise self._lost()
        try:
            wide = max(1, sum(self._client.nthreads().values())) * _AHEAD
        except (OSError, TimeoutError, RuntimeError, CancelledError) as error:
            raise self._lost() from error
        return _Running(self._client, iter(tasks), wide, is_probing=is_probing, lost=self._lost)

    def close(self) -> None:
        """End the workers that were started for this; it may be called again."""
        if self._own is not None:
            self._client.close()
            self._own.close()

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the cluster at {self._address} was closed, or cannot be reached any more; connect "
            "again"
        )


class _Running(Generic[Result]):
    """Results of tasks that run on a cluster.

    Args:
        client: the way to the cluster.
        tasks: the tasks.
        wide: number of tasks that are begun and not taken.
        is_probing: whether few are begun first.
        lost: returns the error of a cluster that is not there any more.
    """

    def __init__(
        self,
        client: Client,
        tasks: Iterator[Task[Result]],
        wide: int,
        *,
        is_probing: bool,
        lost: Callable[[], ClusterError],
    ) -> None:
        self._client = client
        self._tasks = tasks
        self._wide = wide
        self._ahead = 1 if is_probing else wide
        self._lost = lost
        # A key that was cancelled stays so for whoever asks for it again meanwhile.
        self._asked = secrets.token_hex(8)
        self._begun: deque[tuple[Future[Result], Task[Result]]] = deque()
        self._is_cancelled = False

    def __iter__(self) -> "_Running[Result]":
        return self

    def __next__(self) -> Result:
        self._begin()
        if not self._begun:
            raise StopIteration
        future, task = self._begun[0]
        result = self._result(future, task)
        self._begun.popleft()
        self._ahead = min(self._wide, 2 * self._ahead)
        return result

    def cancel(self) -> None:
        """Have no more tasks begun, and `next` end soon; any thread may call it, at any time."""
        self._is_cancelled = True
        futures = [future for future, _ in [*self._begun]]
        # Whoever interrupts does not wait for the cluster.
        loop: Any = self._client.loop
        loop.add_callback(self._client.cancel, futures, asynchronous=True)

    def close(self) -> None:
        """Give up what has not been taken; it may be called again."""
        if self._begun and self._client.status == "running":
            self.cancel()
        self._begun.clear()

    def _begin(self) -> None:
        while len(self._begun) < self._ahead and not self._is_cancelled:
            task = next(self._tasks, None)
            if task is None:
                return
            key = f"waterline-{task.key()}-{self._asked}"
            try:
                future = self._client.submit(_called, task, key=key)
            except Exception as error:
                if self._client.status == "running":
                    raise
                raise self._lost() from error
            self._begun.append((future, task))

    def _result(self, future: "Future[Result]", task: Task[Result]) -> Result:
        while not self._is_cancelled:
            try:
                return future.result(timeout=_GLANCE)
            except TimeoutError:
                if self._client.status in _CLOSED:
                    raise self._lost() from None
            except CancelledError as error:
                if not self._is_cancelled:
                    raise self._lost() from error
            except KilledWorker as error:
                raise ClusterError(
                    f"{task.name()} has ended every worker that read it, mostly for want of "
                    "memory; give the workers more, or ask without a cluster"
                ) from error
        raise Cancelled


def _called(task: Task[Result]) -> Result:
    return task()


def _workers(told: Mapping[str, Any]) -> dict[str, Any]:
    return {f"the worker at {address}": each for address, each in told.items()}


def _cut(version: str | None, numbers: int) -> list[str]:
    return (version or "").split(".")[:numbers]


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
