"""Answers over a lake: each log of each node once, from the lake or from the node's server."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import schema_of
from waterline.errors import ArchiveError, UsageError
from workbench.lake.moment import LakeMoment
from workbench.lake.node import Lacking, Node
from workbench.lake.question import NO_LOGS, NODE, LakeQuestion, of_lake
from workbench.lake.scan import LakeScan, with_node
from workbench.query.answers import count_matching
from workbench.query.archived import incomplete
from workbench.query.arranged import first_place, taken
from workbench.query.execute import Answer, Apart, Found, Logs, Newest, OfHot, listed
from workbench.query.known import KnownAnswer
from workbench.query.moment import Moment
from workbench.query.piece import Take
from workbench.query.pin import Pin
from workbench.query.question import Question
from workbench.remote.session import RemoteSession

# Nodes that are asked at a time.
_AT_ONCE: Final = 8
# Looks at the lake; each further one only where it has changed and something was lacking.
_LOOKS: Final = 3

_Made = TypeVar("_Made")
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a lake as of one look at it."""

    nodes: Sequence[Node]
    """By name."""
    faults: Sequence[str]
    """A sentence for each part of the lake that cannot be known."""


@dataclass(frozen=True, slots=True)
class _Half(Generic[_Made]):
    """What one half of a node answers: the lake's, or the server's."""

    made: _Made
    pruned: str | None
    """Sentence about pruned logs that may have matched, or None."""
    missing: Sequence[str] = ()
    """A sentence for each batch that cannot be read."""


@dataclass(frozen=True, slots=True)
class _OfNode(Generic[_Made]):
    """What came of one node."""

    node: Node
    halves: Sequence[_Half[_Made]]
    faults: Sequence[str]
    """A sentence for each part that is lacking."""
    pin: Pin


@dataclass(frozen=True, slots=True)
class _Whole(Generic[_Made]):
    """What came of all nodes."""

    made: Sequence[tuple[str, _Made]]
    """With the name of the node."""
    pruned: str | None
    faults: tuple[str, ...]
    moment: LakeMoment


_OfLake = Callable[[Logs, Question], _Half[_Made]]
"""Answers what is asked of the lake's half."""
_OfServer = Callable[[RemoteSession, Question], tuple[_Half[_Made], Moment]]
"""Answers what is asked of the server's half, as of a moment."""


class LakeLogs:
    """The logs of all nodes of a lake, each once.

    Args:
        look: looks at the lake, as far as a question needs it, and returns its nodes as they are
            now.
    """

    def __init__(self, look: Callable[[LakeQuestion], Nodes]) -> None:
        self._look = look

    def rows(
        self, question: Question, known: KnownAnswer | None = None, *, may_lack: bool = False
    ) -> Found:
        """Return the logs that match a question; see `Logs.rows`.

        Args:
            question: what is asked.
            known: not used, as answers of a lake are not kept.
            may_lack: whether to leave out what is lacking.

        Raises:
            IncompleteAnswer: a node, a batch or a manifest is lacking; the sentence names it.
        """
        del known
        asked = of_lake(question)
        whole = self._whole(asked, _rows_of_lake, _rows_of_server)
        if whole.faults and not may_lack:
            raise incomplete(whole.faults)
        tables = [with_node(found.table, name) for name, found in whole.made]
        if not tables:
            tables = [with_node(schema_of(asked.kept).empty_table(), "")]
        return Found(
            _arranged(pa.concat_tables(tables), asked),
            whole.pruned,
            whole.moment,
            sum(found.archived for _, found in whole.made),
            whole.faults,
        )

    def newest(self, question: Question, most: int | None) -> Newest:
        """Return a question about the newest logs that match another; see `Logs.newest`."""
        asked = of_lake(question)
        limit = 1 if most is None else most + 1
        found = self.rows(replace(asked, columns=(NODE,), limit=limit))
        is_part = most is not None and found.table.num_rows > most
        if is_part:
            place, node = first_place(found.table), found.table[NODE][0].as_py()
            asked = replace(asked, behind=place, behind_node=node)
        return Newest(replace(asked, pin=found.moment.pin(0)), found.moment, is_part)

    def parts(self, question: Question, take: Take[_Part]) -> Answer[list[_Part]]:
        """Return what a function takes from each part of the logs; see `Logs.parts`."""
        return listed(self, question, take)

    def sum(
        self,
        question: Question,
        take: Take[_Part],
        add: Callable[[_Part, _Part], _Part],
        *,
        packed: bool = False,
        of_hot: OfHot[_Part] | None = None,
    ) -> Answer[_Part]:
        """Return what a function takes from the parts of the logs, summed up; see `Logs.sum`.

        Args:
            question: what is asked.
            take: called with tables that have the question's `kept` columns.
            add: returns the sum of one result and another; it may change the first.
            packed: whether all attributes may be packed.
            of_hot: not used: no hot logs lie here.

        Raises:
            IncompleteAnswer: a node, a batch or a manifest is lacking; the sentence names it.
        """
        del of_hot
        if question.limit is not None:
            rows = self.rows(replace(question, members=None))
            return Answer(take(rows.table.select(question.kept)), rows.lacks)
        asked = replace(of_lake(question), order=None)

        def of_none() -> _Part:
            return take(schema_of(asked.kept).empty_table())

        def archived(logs: Logs, half: Question) -> _Half[_Part]:
            answer = logs.sum(half, take, add, packed=packed)
            return _Half(answer.value, answer.lacks)

        def above(session: RemoteSession, half: Question) -> tuple[_Half[_Part], Moment]:
            scan = session.scan(replace(half, columns=half.kept))
            return _Half(reduce(add, scan.parts(take), of_none()), scan.lacks), scan.moment

        whole = self._sound(asked, archived, above)
        return Answer(reduce(add, (part for _, part in whole.made), of_none()), whole.pruned)

    def count(self, question: Question) -> Answer[int]:
        """Count the logs that match a question, up to its limit; see `Logs.count`.

        Raises:
            IncompleteAnswer: a node, a batch or a manifest is lacking; the sentence names it.
        """
        whole = self._sound(of_lake(question), _count_of_lake, _count_of_server)
        count = sum(number for _, number in whole.made)
        if question.limit is not None and count >= question.limit:
            return Answer(question.limit, None)
        return Answer(count, whole.pruned)

    def scan(self, question: Question, seqs: range | None = None) -> LakeScan:
        """Return a scan of the logs that match a question, by node and seq.

        Args:
            question: what is asked; its order and limit are ignored.
            seqs: has no meaning in a lake.

        Raises:
            UsageError: seqs are given.
            IncompleteAnswer: a node or a manifest is lacking; the sentence names it.
        """
        if seqs is not None:
            raise UsageError("seqs are of one node each; connect to a node's server for this")
        asked = of_lake(question)
        nodes = self.nodes(asked)
        if asked.pin is not None:
            return LakeScan(nodes, asked, LakeMoment({}, asked.pin), self._again)
        moment = LakeMoment(_pins(nodes))
        return LakeScan(nodes, replace(asked, pin=moment.pin(0)), moment, self._again)

    def pieces(self, question: Question, take: Take[_Part]) -> Apart[_Part]:
        """Return what is to be taken of batches, and what servers have; see `Logs.pieces`.

        Args:
            question: what is asked; its order and limit are ignored.
            take: takes something from tables with `node` and the question's `kept` columns.

        Raises:
            IncompleteAnswer: a node or a manifest is lacking; the sentence names it.
        """
        scan = self.scan(replace(question, limit=None))
        tables = [with_node(schema_of(question.kept).empty_table(), ""), *scan.above()]
        return Apart(scan.pieces(take), pa.concat_tables(tables), scan.lacks)

    def moment(self) -> LakeMoment:
        """Return the moment of now.

        Raises:
            IncompleteAnswer: a node or a manifest is lacking; the sentence names it.
        """
        return LakeMoment(_pins(self.nodes(NO_LOGS)))

    def nodes(self, question: LakeQuestion) -> Sequence[Node]:
        """Return the nodes as they are now.

        Args:
            question: of the lake, what may match it is read.

        Raises:
            IncompleteAnswer: a manifest or a node's record is lacking; the sentence names it.
        """
        found = self._look(question)
        if found.faults:
            raise incomplete(found.faults)
        return found.nodes

    def _again(self, question: LakeQuestion, name: str) -> Node | None:
        return next((each for each in self.nodes(question) if each.name == name), None)

    def _sound(
        self, question: LakeQuestion, archived: _OfLake[_Made], above: _OfServer[_Made]
    ) -> _Whole[_Made]:
        whole = self._whole(question, archived, above)
        if whole.faults:
            raise incomplete(whole.faults)
        return whole

    def _whole(
        self, question: LakeQuestion, archived: _OfLake[_Made], above: _OfServer[_Made]
    ) -> _Whole[_Made]:
        """Return what comes of all nodes; faults are looked for once more if the lake changed."""
        found = self._look(question)
        for look in range(1, _LOOKS + 1):
            of_nodes = _of_each(
                found.nodes, lambda node: _answered(node, question, archived, above)
            )
            faults = [*found.faults, *(fault for each in of_nodes for fault in each.faults)]
            if not faults or look == _LOOKS:
                break
            before, found = found, self._look(question)
            if [each.mirror for each in found.nodes] == [each.mirror for each in before.nodes]:
                break
        halves = [(each.node.name, half) for each in of_nodes for half in each.halves]
        pruned = [half.pruned for _, half in halves if half.pruned is not None]
        return _Whole(
            [(name, half.made) for name, half in halves],
            "; ".join(dict.fromkeys(pruned)) or None,
            tuple(dict.fromkeys(faults)),
            LakeMoment({each.node.name: each.pin for each in of_nodes}, question.pin),
        )


def _answered(
    node: Node, question: LakeQuestion, archived: _OfLake[_Made], above: _OfServer[_Made]
) -> _OfNode[_Made]:
    """Return what a node answers, and what is lacking of it."""
    asked = node.asked(question)
    halves: list[_Half[_Made]] = []
    faults: list[str] = []
    pin = node.mirror.session.pin()
    if asked.archived is not None:
        try:
            halves.append(archived(node.mirror.session.logs, asked.archived))
        except ArchiveError as error:
            faults.append(str(error))
    if asked.above is not None:
        half = asked.above
        try:
            found, moment = node.ask(lambda session: above(session, half))
            node.check(moment)
        except Lacking as error:
            faults.append(str(error))
        else:
            halves.append(found)
            pin = moment.pin(0)
    faults += [each for half in halves for each in half.missing]
    return _OfNode(node, halves, faults, pin)


def _rows_of_lake(logs: Logs, half: Question) -> _Half[Found]:
    found = logs.rows(half, may_lack=True)
    return _Half(found, found.lacks, found.missing)


def _rows_of_server(session: RemoteSession, half: Question) -> tuple[_Half[Found], Moment]:
    found = session.reads.rows(half, may_lack=True)
    return _Half(found, found.lacks, found.missing), found.moment


def _count_of_lake(logs: Logs, half: Question) -> _Half[int]:
    answer = logs.count(half)
    return _Half(answer.value, answer.lacks)


def _count_of_server(session: RemoteSession, half: Question) -> tuple[_Half[int], Moment]:
    count, lacks, moment = session.answer(count_matching, half)
    return _Half(count, lacks), moment


def _pins(nodes: Sequence[Node]) -> dict[str, Pin]:
    """Return the pin of each node.

    Raises:
        IncompleteAnswer: a node's server does not answer; the sentence names it.
    """

    def pin(node: Node) -> Pin | str:
        try:
            return node.pin()
        except Lacking as error:
            return str(error)

    found = dict(zip((each.name for each in nodes), _of_each(nodes, pin), strict=True))
    faults = [each for each in found.values() if isinstance(each, str)]
    if faults:
        raise incomplete(faults)
    return {name: each for name, each in found.items() if isinstance(each, Pin)}


def _of_each(nodes: Sequence[Node], make: Callable[[Node], _Made]) -> list[_Made]:
    """Return what a function makes of each node, several of them at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # The context carries progress and warnings to the waiting thread.
        made = [pool.submit(copy_context().run, make, node) for node in nodes]
        return [each.result() for each in made]


def _arranged(table: pa.Table, question: LakeQuestion) -> pa.Table:
    """Return the newest logs up to the limit, in the question's order."""
    keys = table.select(["timestamp", NODE, "seq"])
    newest_first = pc.sort_indices(
        keys, sort_keys=[(name, "descending") for name in keys.column_names]
    )
    chosen = newest_first if question.limit is None else newest_first[: question.limit]
    return taken(table, chosen if question.order == "newest" else chosen[::-1])
