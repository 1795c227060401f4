"""Scan of a lake: all logs that match a question, node by node, by seq."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import pyarrow as pa

from waterline.errors import ArchiveError, IncompleteAnswer
from workbench.lake.moment import LakeMoment
from workbench.lake.node import Lacking, Node
from workbench.lake.question import NODE, LakeQuestion
from workbench.query.piece import Piece, Take, TakeColumns
from workbench.query.progress import warn_of
from workbench.query.question import Question
from workbench.remote.rows import RemoteScan
from workbench.remote.session import RemoteSession

_Part = TypeVar("_Part")


class LakeScan:
    """All logs of a lake that match a question, each once, as of one pin.

    Args:
        nodes: the nodes.
        question: what is asked, with a pin; its order and limit are ignored.
        moment: the moment of the scan.
        again: returns a node of that name as it is now, as far as a question needs it, where a
            batch of it has gone meanwhile.

    Attributes:
        moment: as given.
        last_seq: number of seqs that were given on all nodes.
        lacks: sentence about pruned logs of the lake that may have matched, or None.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        question: LakeQuestion,
        moment: LakeMoment,
        again: Callable[[LakeQuestion, str], Node | None],
    ) -> None:
        self.moment = moment
        self.last_seq = moment.last_seq
        self._question = question
        self._again = again
        self._asked = [(node, node.asked(question)) for node in nodes]
        self._archived = {
            node.name: node.mirror.session.logs.scan(asked.archived)
            for node, asked in self._asked
            if asked.archived is not None
        }
        pruned = [each.lacks for each in self._archived.values() if each.lacks is not None]
        self.lacks = "; ".join(pruned) or None

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables of logs with the question's columns; a table may be empty.

        Raises:
            ArchiveError: a batch is missing or damaged.
            IncompleteAnswer: a node's server does not answer any more.
        """
        columns = tuple(name for name in self._question.columns if name != NODE)
        for name, table in self._parts(TakeColumns(columns or ("seq",))):
            yield with_node(table, name).select(self._question.columns)

    def parts(self, take: Take[_Part]) -> Iterator[_Part]:
        """Yield what a function takes from tables with the question's `kept` columns."""
        return (part for _, part in self._parts(take))

    def pieces(self, take: Take[_Part]) -> list[Piece[_Part]]:
        """Return what is to be taken from each batch of the lake.

        Args:
            take: takes something from tables with `node` and the question's `kept` columns.
        """
        pieces: list[Piece[_Part]] = []
        for node, asked in self._asked:
            if asked.archived is not None:
                logs = node.mirror.session.logs
                pieces += logs.pieces(asked.archived, TakeOfNode(take, node.name)).pieces
        return pieces

    def above(self) -> Iterator[pa.Table]:
        """Yield the logs that only servers have, with `node` and the question's `kept` columns.

        Raises:
            IncompleteAnswer: a node's server does not answer any more.
        """
        for node, asked in self._asked:
            if asked.above is not None:
                half = replace(asked.above, columns=asked.above.kept)
                for table in self._of_server(node, half, TakeColumns(half.columns)):
                    yield with_node(table, node.name)

    def _parts(self, take: Take[_Part]) -> Iterator[tuple[str, _Part]]:
        for node, asked in self._asked:
            if asked.archived is not None:
                for part in self._of_lake(node, asked.archived, take):
                    yield node.name, part
            if asked.above is not None:
                for part in self._of_server(node, asked.above, take):
                    yield node.name, part

    def _of_lake(self, node: Node, half: Question, take: Take[_Part]) -> Iterator[_Part]:
        scan = self._archived[node.name]
        while True:
            try:
                yield from scan.parts(take)
            except ArchiveError:
                # A job of the node may have moved or rewritten it.
                later = self._again(self._question, node.name)
                if later is None or later.mirror is node.mirror:
                    raise
                node = later
                rest = replace(half, first=max(half.first or 0, scan.after + 1))
                scan = node.mirror.session.logs.scan(rest)
            else:
                return

    @staticmethod
    def _of_server(node: Node, above: Question, take: Take[_Part]) -> Iterator[_Part]:
        try:
            scan = node.ask(partial(_scan, above))
            node.check(scan.moment)
        except Lacking as error:
            raise IncompleteAnswer(str(error)) from error
        warn_of(scan.lacks)
        return scan.parts(take)


@dataclass(frozen=True, slots=True)
class TakeOfNode(Generic[_Part]):
    """Takes something from logs of a node, beside its name."""

    take: Take[_Part]
    node: str

    def __call__(self, table: pa.Table) -> _Part:
        """Return what is taken."""
        return self.take(with_node(table, self.node))


def _scan(question: Question, session: RemoteSession) -> RemoteScan:
    return session.scan(question)


def with_node(table: pa.Table, name: str) -> pa.Table:
    """Return logs of a node with its name as the first column."""
    names = pa.chunked_array([pa.repeat(pa.scalar(name, pa.string()), table.num_rows)])
    return table.add_column(0, pa.field(NODE, pa.string()), names)
