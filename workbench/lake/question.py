"""A question to a lake, and what it asks of each node."""

from dataclasses import dataclass, fields, replace
from typing import Final

from waterline.archive.lake.registry import NodeDay, NodeRecord
from waterline.errors import UsageError
from workbench.query.pin import LakePin
from workbench.query.question import Question
from workbench.query.times import to_milliseconds

NODE: Final = "node"
"""Column of the node's name, beside those of logs."""

_LAST_SEQ: Final = 2**63 - 1
_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeQuestion(Question):
    """A question to all nodes; `columns` may have `node`, and `pin` is one of the lake.

    Places are of a node: of one time, logs are in the order of the nodes' names.
    """

    behind_node: str | None = None
    """Node of the place `behind`."""
    nodes: tuple[str, ...] | None = None
    """Names of the nodes that are asked; None is all."""

    def asks(self, node: str) -> bool:
        """Return whether a node is asked."""
        return self.nodes is None or node in self.nodes

    def needs(self, record: NodeRecord) -> frozenset[str]:
        """Return the days of a node whose logs may match, or prove a pin.

        Args:
            record: what the node told of itself in the lake.
        """
        if not self.asks(record.node):
            return frozenset()
        selection = self.of(record.node).selection
        pin = None if self.pin is None else lake_pin(self.pin).of(record.node)
        # The last log of a pin is looked at, and the last one of all is in every pin of now.
        proven = record.through if pin is None else pin.seq

        def is_needed(day: str, told: NodeDay) -> bool:
            if told.first_seq <= proven <= told.last_seq or told.last_seq == record.through:
                return True
            if selection.clock == "timestamp":
                first, last = told.first_timestamp, told.last_timestamp
            else:
                first = to_milliseconds(day, "day", 0)
                last = first + _DAY - 1
            begins = selection.since is None or selection.since <= last
            return begins and (selection.until is None or first < selection.until)

        return frozenset(day for day, told in record.days.items() if is_needed(day, told))

    def of(self, node: str) -> Question:
        """Return what is asked of a node, whatever the pin is.

        Args:
            node: its name.
        """
        known = {each.name: getattr(self, each.name) for each in fields(Question)}
        question = Question(**known)
        columns = tuple(name for name in self.columns if name != NODE)
        question = replace(question, columns=columns or ("seq",), pin=None)
        if self.behind is None or self.behind_node is None or self.behind_node == node:
            return question
        # Of the same time, the logs of a later node lie behind, those of an earlier one before.
        seq = 0 if node > self.behind_node else _LAST_SEQ
        return replace(question, behind=(self.behind[0], seq))


def lake_pin(pin: object) -> LakePin:
    """Return a pin that is one of a lake.

    Raises:
        UsageError: it is one of a data folder.
    """
    if not isinstance(pin, LakePin):
        raise UsageError(
            f"the pin {pin} is of one data folder; a lake has pins of its own, from wb.pin()"
        )
    return pin


def of_lake(question: Question) -> LakeQuestion:
    """Return a question as what it is: one to a lake."""
    assert isinstance(question, LakeQuestion)
    return question


NO_LOGS: Final = LakeQuestion(since=0, until=0)
"""A question that no log matches, for what a lake tells beside its logs."""
