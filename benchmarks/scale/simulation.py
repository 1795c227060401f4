"""Simulation of nodes that take logs in, archive them and upload them to a lake.

Logs are a fluid that moves in steps: from producers, which keep what a node does not take, into
logs.db, into batches on the node's disk, and into the lake. The archive runs of each node are a
process of their own, as are the events that befall them.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Final

import simpy

from benchmarks.scale.assumptions import Assumptions, Event, Lost, Refusing, Slow, Stopped

_Process = Generator[simpy.Event, None, None]

# Steps of a simulation, so that a long one takes no longer than a short one.
_STEPS: Final = 20_000


@dataclass(slots=True)
class NodeResult:
    """What became of a node. Times are seconds since the begin, sizes bytes."""

    acked: float = 0.0
    lost: float = 0.0
    """Logs that were acked and are nowhere."""
    most_waiting: float = 0.0
    """Logs that its producers kept at most."""
    caught_up_at: float = 0.0
    """When its producers last had logs waiting, that is within a step; 0 if they never had."""
    most_disk: float = 0.0
    most_behind: float = 0.0
    """Logs that were only on its disk at most."""
    refused: float = 0.0
    """Seconds in which its disk was full."""
    uploaded: float = 0.0
    left: float = 0.0
    """Logs that are on its disk alone at the end."""
    requests: int = 0


@dataclass(slots=True)
class _Node:
    """One node, and what its producers keep for it."""

    result: NodeResult = field(default_factory=NodeResult)
    is_up: bool = True
    waiting: float = 0.0
    hot: deque[tuple[float, float]] = field(default_factory=deque)
    """Time and number of logs of each step that are not archived."""
    hot_logs: float = 0.0
    batches: deque[float] = field(default_factory=deque)
    """Logs of each batch that is not uploaded."""
    generation: int = 0
    """Raised when the disk is lost, so that a run under way has nothing left."""

    @property
    def only_here(self) -> float:
        return self.hot_logs + sum(self.batches)


class Simulation:
    """One course of events.

    Args:
        assumptions: of the nodes and the lake.
        events: what befalls them.
        seconds: how long it is looked at.
    """

    def __init__(self, assumptions: Assumptions, events: Sequence[Event], seconds: float) -> None:
        self._given = assumptions
        self._seconds = seconds
        self._step = seconds / _STEPS
        self._environment = simpy.Environment()
        self._nodes = [_Node() for _ in range(assumptions.nodes)]
        self._refusing = 0
        self._factor = 1.0
        for node in self._nodes:
            self._environment.process(self._take_in(node))
            self._environment.process(self._archive(node))
        for event in events:
            self._environment.process(self._befall(event))

    def run(self) -> list[NodeResult]:
        """Run to the end; return what became of each node."""
        self._environment.run(self._seconds)
        for each in self._nodes:
            each.result.left = each.only_here
        return [each.result for each in self._nodes]

    def _take_in(self, node: _Node) -> _Process:
        given, result = self._given, node.result
        while True:
            yield self._environment.timeout(self._step)
            node.waiting += given.rate * self._step
            taken = min(node.waiting, given.most_rate * self._step) if node.is_up else 0.0
            used = self._used(node)
            if taken and used + taken * given.hot_bytes > given.disk:
                taken = 0.0
                result.refused += self._step
            if taken:
                node.waiting -= taken
                node.hot.append((self._environment.now, taken))
                node.hot_logs += taken
                result.acked += taken
            # What comes and is taken within a step does not wait.
            if node.waiting > given.rate * self._step / 2:
                result.caught_up_at = self._environment.now
            result.most_waiting = max(result.most_waiting, node.waiting)
            result.most_disk = max(result.most_disk, self._used(node))
            result.most_behind = max(result.most_behind, node.only_here)

    def _used(self, node: _Node) -> float:
        given = self._given
        return node.hot_logs * given.hot_bytes + sum(node.batches) * given.stored_bytes

    def _archive(self, node: _Node) -> _Process:
        given = self._given
        while True:
            yield self._environment.timeout(given.archive_every)
            pause = given.retry_seconds
            while node.is_up:
                generation = node.generation
                yield from self._record(node, generation)
                if (yield from self._upload(node, generation)):
                    break
                yield self._environment.timeout(pause)
                pause = min(2 * pause, given.most_retry_seconds)

    def _record(self, node: _Node, generation: int) -> _Process:
        """Write what is due into batches."""
        given = self._given
        due_by = self._environment.now - given.archive_after
        due = 0.0
        for time, logs in node.hot:
            if time > due_by:
                break
            due += logs
        while due > 0 and node.is_up and node.generation == generation:
            batch = min(due, float(given.batch_rows))
            yield self._environment.timeout(batch / given.record_rate)
            if node.generation != generation:
                return
            self._remove(node, batch)
            node.batches.append(batch)
            due -= batch

    @staticmethod
    def _remove(node: _Node, logs: float) -> None:
        """Take the oldest logs out of logs.db."""
        node.hot_logs -= logs
        while logs > 0 and node.hot:
            time, first = node.hot.popleft()
            if first > logs:
                node.hot.appendleft((time, first - logs))
                return
            logs -= first

    def _upload(self, node: _Node, generation: int) -> Generator[simpy.Event, None, bool]:
        """Upload batches, the oldest first; return whether none was refused."""
        given, result = self._given, node.result
        while node.batches and node.is_up and node.generation == generation:
            if self._is_refused():
                return False
            batch = node.batches[0]
            seconds = batch * given.stored_bytes / given.bucket_rate
            seconds += given.requests * given.request_seconds
            yield self._environment.timeout(seconds * self._factor)
            if node.generation != generation:
                return True
            if self._is_refused():
                return False
            node.batches.popleft()
            result.uploaded += batch
            result.requests += given.requests
        return True

    def _is_refused(self) -> bool:
        """Return whether object storage refuses now."""
        return self._refusing > 0

    def _befall(self, event: Event) -> _Process:
        environment = self._environment
        yield environment.timeout(event.at)
        match event:
            case Stopped(node=number):
                self._nodes[number].is_up = False
            case Lost(node=number):
                self._lose(self._nodes[number])
            case Refusing():
                self._refusing += 1
            case Slow(factor=factor):
                self._factor *= factor
        yield environment.timeout(event.seconds)
        match event:
            case Stopped(node=number) | Lost(node=number):
                self._nodes[number].is_up = True
            case Refusing():
                self._refusing -= 1
            case Slow(factor=factor):
                self._factor /= factor

    @staticmethod
    def _lose(node: _Node) -> None:
        node.result.lost += node.only_here
        node.is_up = False
        node.generation += 1
        node.hot.clear()
        node.hot_logs = 0.0
        node.batches.clear()
