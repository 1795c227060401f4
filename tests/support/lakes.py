"""A lake of three nodes: their folders, the processes that answer for them, and what they hold."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.archive_runs import archive
from tests.support.archives import ELSEWHERE
from tests.support.folders import DAY, NOON, Batch, fill_batches
from tests.support.plainly import PlainLog, store_plainly
from tests.support.questions import Questions, answering
from waterline.archive.jobs.rewrite import RewriteJob
from waterline.archive.jobs.upload import Destination
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.selection import Selection
from waterline.encoding import JSON_GZ
from waterline.storage.folder import DataFolder

AGE: Final = 30 * DAY
"""Age at which logs are archived and uploaded."""


@dataclass
class LakeNode:
    """A node: its folder, and the process that answers questions about it."""

    name: str
    data: Path
    process: Questions
    batches: list[Batch]

    @property
    def logs(self) -> list[PlainLog]:
        """All logs that it was given."""
        return store_plainly(self.batches)


@dataclass
class Lake:
    """A lake whose nodes answer."""

    bucket: Bucket
    nodes: dict[str, LakeNode]

    @property
    def address(self) -> str:
        """Address of the lake."""
        return self.bucket.address

    @property
    def servers(self) -> Mapping[str, str]:
        """Addresses of the processes that answer, by node."""
        return {name: each.process.url for name, each in self.nodes.items()}

    @property
    def tokens(self) -> Mapping[str, str]:
        """Their tokens, by node."""
        return {name: each.process.token for name, each in self.nodes.items()}

    def connected(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - any of a workbench
        """Return what a workbench on the whole lake is opened with."""
        return {
            "lake": self.address,
            "nodes": self.servers,
            "token": self.tokens,
            "clock": lambda: NOON,
            **options,
        }


def upload(data: Path, lake: str, node: str, through: int, rows: int = 20) -> None:
    """Archive and upload what came in up to a moment, in a process of its own.

    Args:
        data: the folder of a node.
        lake: address of the lake.
        node: name of the node.
        through: milliseconds UTC.
        rows: logs a batch.
    """
    destination = Destination(address=f"{lake}/node={node}", keep_local=True, lake=lake, node=node)
    _elsewhere(data, through + AGE + 1, destination, rows)


def archive_here(data: Path, through: int, rows: int = 20) -> None:
    """Archive what came in up to a moment, and upload nothing."""
    _elsewhere(data, through + AGE + 1, None, rows)


def rewrite(data: Path) -> None:
    """Rewrite all batches, uploaded ones too, so that they lie in other files."""
    _run(_rewrite, data)


def _rewrite(data: Path) -> None:
    RewriteJob(DataFolder(data), JSON_GZ.encoding(None), Selection()).run()


def _elsewhere(data: Path, now: int, destination: Destination | None, rows: int) -> None:
    _run(_archive, data, now, destination, rows)


def _run(job: Callable[..., None], *given: object) -> None:
    # This process may read the folder with another SQLite library. What forks has the environment
    # of the first test that let it fork.
    process = ELSEWHERE.Process(target=_with, args=(dict(os.environ), job, *given))
    process.start()
    process.join()
    assert process.exitcode == 0


def _with(environment: Mapping[str, str], job: Callable[..., None], *given: object) -> None:
    os.environ.clear()
    os.environ.update(environment)
    job(*given)


def _archive(data: Path, now: int, destination: Destination | None, rows: int) -> None:
    archive(data, now=now, destination=destination, batch_rows=rows)


@contextmanager
def lake_of(address: str, folders: Path, batches: Mapping[str, list[Batch]]) -> Iterator[Lake]:
    """Fill a folder for each node, and let a process answer for it; nothing is uploaded yet.

    Args:
        address: address of the lake.
        folders: where the nodes' folders are made.
        batches: what each node is given.
    """
    with ExitStack() as opened:
        nodes = {}
        for name, given in batches.items():
            fill_batches(folders / name, given)
            process = opened.enter_context(answering(folders / name))
            nodes[name] = LakeNode(name, folders / name, process, [*given])
        yield Lake(open_bucket(address), nodes)
