"""One node of a lake: what the lake has of it, and what its server has above that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from waterline.archive.lake.registry import NodeRecord
from waterline.errors import UsageError, WaterlineError
from workbench.lake.mirror import Mirror
from workbench.lake.question import LakeQuestion, lake_pin
from workbench.lake.servers import Servers
from workbench.query.moment import Moment
from workbench.query.pin import Pin
from workbench.query.question import Question
from workbench.remote.session import RemoteSession
from workbench.wire.calls import moment

_Found = TypeVar("_Found")


class Lacking(Exception):
    """A node's server does not tell what the lake does not have yet; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a node, in two: together every log once."""

    archived: Question | None
    """About what the lake has; None if nothing of it is asked for."""
    above: Question | None
    """About logs above that; None if none of them is asked for."""


class Node:
    """One node of a lake, as of one view of it.

    Args:
        mirror: what the lake has of the node.
        servers: the servers of the nodes; None if none is to be asked.

    Attributes:
        name: name of the node.
        mirror: as given.
    """

    def __init__(self, mirror: Mirror, servers: Servers | None) -> None:
        self.mirror = mirror
        self.name: Final = mirror.view.record.node
        self._servers = None if mirror.view.is_retired else servers

    @property
    def record(self) -> NodeRecord:
        """What the node told of itself in the lake."""
        return self.mirror.view.record

    @property
    def has_server(self) -> bool:
        """Whether a server is asked for what the lake does not have yet."""
        return self._servers is not None

    def asked(self, question: LakeQuestion) -> Asked:
        """Return what a question asks of the node.

        Raises:
            UsageError: the pin is of another folder with that name.
        """
        plain, through = question.of(self.name), self.record.through
        above = None if self._servers is None else replace(plain, first=through + 1)
        if question.pin is None:
            return Asked(plain, above)
        pin = lake_pin(question.pin).of(self.name)
        if pin is None:
            return Asked(None, None)
        if not pin.is_of(self.record.folder_id):
            raise UsageError(
                f"the pin {question.pin} is of another data folder than node {self.name} has now; "
                "take a new pin"
            )
        if pin.seq <= through:
            return Asked(replace(plain, pin=pin), None)
        return Asked(plain, replace(plain, first=through + 1, pin=pin))

    def pin(self) -> Pin:
        """Return the pin of the node's last log, hot ones too if its server is asked.

        Raises:
            Lacking: the server does not answer, or has another past than the lake.
        """
        if self._servers is None:
            return self.mirror.session.pin()
        found = self.ask(lambda session: session.answer(moment))
        self.check(found)
        return found.pin(0)

    def check(self, found: Moment) -> None:
        """Check that a server has the past that the lake has.

        Raises:
            Lacking: it has another one.
        """
        record = self.record
        if found.folder_id != record.folder_id:
            raise Lacking(self._sentence("the server at its address has another data folder"))
        if found.incarnation != record.incarnation:
            raise Lacking(
                self._sentence("its logs.db was made anew since its last upload; let it upload")
            )

    def ask(self, question: Callable[[RemoteSession], _Found]) -> _Found:
        """Return what the node's server answers.

        Raises:
            Lacking: there is none, or it does not answer.
            UsageError: the question has no meaning.
        """
        if self._servers is None:
            raise Lacking(self._sentence("its server is not to be asked"))
        try:
            session = self._servers.of(self.record)
        except WaterlineError as error:
            raise Lacking(self._sentence(str(error))) from error
        try:
            return question(session)
        except UsageError:
            raise
        except WaterlineError as error:
            raise Lacking(self._sentence(str(error))) from error

    def _sentence(self, why: str) -> str:
        return f"node {self.name} lacks its logs above seq {self.record.through:,}: {why}"
