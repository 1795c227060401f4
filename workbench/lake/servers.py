"""The servers of a lake's nodes, which are asked for what the lake does not have yet."""

from collections.abc import Callable, Mapping, Sequence, Set
from os import PathLike
from typing import Final, TypeAlias

from waterline.archive.lake.registry import NodeRecord
from waterline.archive.lake.view import NodeView
from waterline.errors import UsageError, WaterlineError
from workbench.lake.question import LakeQuestion
from workbench.remote.session import RemoteSession
from workbench.wire.calls import moment

Addresses: TypeAlias = Mapping[str, str] | Sequence[str]
"""Addresses of the nodes' servers: by name of the node, or in any order."""
Tokens: TypeAlias = Mapping[str, str] | str | None
"""A token for all nodes, or one each, by the node's name if the addresses are so, or by address.

None takes that of the variable.
"""

_NO_ADDRESSES: Final = (
    "nodes= takes addresses of servers that answer questions, such as "
    "https://logs.example.com:3003, in a list or by name of the node"
)
_SCHEMES: Final = ("http://", "https://")


class Servers:
    """Sessions of the nodes' servers, opened when they are first needed.

    Args:
        nodes: their addresses.
        tokens: tokens with the scope `read`.
        certificate: a PEM file with the certificates of the servers, or None.
        clock: returns milliseconds UTC.

    Raises:
        UsageError: an address is none, or is given twice.
    """

    def __init__(
        self,
        nodes: Addresses,
        tokens: Tokens,
        certificate: str | PathLike[str] | None,
        clock: Callable[[], int],
    ) -> None:
        if not isinstance(nodes, Mapping | Sequence):
            raise UsageError(_NO_ADDRESSES)
        if tokens is not None and not isinstance(tokens, str | Mapping):
            raise UsageError("token= takes a text, or texts by name of the node or by address")
        self._by_name = dict(nodes) if isinstance(nodes, Mapping) else {}
        self._addresses = [*(self._by_name.values() if isinstance(nodes, Mapping) else nodes)]
        for each in self._addresses:
            if not isinstance(each, str) or not each.startswith(_SCHEMES):
                raise UsageError(_NO_ADDRESSES)
        if len({*self._addresses}) < len(self._addresses):
            raise UsageError("nodes= has an address twice; give each once")
        self._tokens = tokens
        self._certificate = certificate
        self._clock = clock
        self._open: dict[str, RemoteSession] = {}

    def of(self, record: NodeRecord) -> RemoteSession:
        """Return the session of a node's server.

        Raises:
            WaterlineError: there is none, or it does not answer.
        """
        if self._by_name:
            if record.node not in self._by_name:
                raise UsageError("nodes= does not have its address")
            return self._session(self._by_name[record.node], record.node)
        found, silent = self._found()
        for session in found:
            if session.folder_id == record.folder_id:
                return session
        raise UsageError("; ".join(silent) or "none of nodes= is the address of its server")

    @property
    def names(self) -> Set[str]:
        """Names of the nodes, as far as they were given."""
        return self._by_name.keys()

    def beyond(
        self, views: Sequence[NodeView], question: LakeQuestion
    ) -> tuple[list[NodeRecord], list[str]]:
        """Return records of nodes that have not uploaded yet, of which the lake has nothing.

        Args:
            views: the nodes of the lake.
            question: nodes that it does not ask are left out.

        Returns:
            The records of those that answer, and a sentence for each address that may be of another
            one.

        Raises:
            UsageError: an address is not of a node of the lake, and has no name.
        """
        known = {each.record.node: each.record.folder_id for each in views}
        if self._by_name:
            return self._named_beyond(views, question)
        if question.nodes is not None:
            return [], []  # such a node has no name by which it could be asked
        found, silent = self._found()
        for session in found:
            if session.folder_id not in known.values():
                raise UsageError(
                    f"{session.place} is the server of no node of the lake yet; name it, as "
                    f'nodes={{"plant-a": "{session.place}", ...}}'
                )
        folders = {each.folder_id for each in found}
        wanted = [each for each in views if not each.is_retired]
        lacking = [each for each in wanted if each.record.folder_id not in folders]
        if len(silent) <= len(lacking):
            return [], []  # each of them may be of a node that is named as lacking anyway
        return [], [f"nodes= has an address of which the node is not known: {x}" for x in silent]

    def _named_beyond(
        self, views: Sequence[NodeView], question: LakeQuestion
    ) -> tuple[list[NodeRecord], list[str]]:
        known = {each.record.node for each in views}
        names = {each.record.folder_id: each.record.node for each in views if not each.is_retired}
        found, silent = [], []
        for name, address in self._by_name.items():
            if name in known or not question.asks(name):
                continue
            try:
                record = self._nothing_of(name, self._session(address, name))
                other = names.setdefault(record.folder_id, name)
                if other != name:  # else its logs came twice
                    silent.append(f"nodes= has the server of node {other} as that of {name} too")
                else:
                    found.append(record)
            except WaterlineError as error:
                silent.append(f"node {name} lacks its logs, of which the lake has none: {error}")
        return found, silent

    def abandon(self) -> None:
        """Break off all questions that are under way; any thread may call it."""
        for each in [*self._open.values()]:
            each.abandon()

    def close(self) -> None:
        """Close all sessions."""
        for each in self._open.values():
            each.close()

    def _found(self) -> tuple[list[RemoteSession], list[str]]:
        """Return sessions of the addresses that answer, and a sentence for each other one."""
        found, silent = [], []
        for address in self._addresses:
            try:
                found.append(self._session(address, None))
            except WaterlineError as error:
                silent.append(str(error))
        return found, silent

    @staticmethod
    def _nothing_of(name: str, session: RemoteSession) -> NodeRecord:
        found = session.answer(moment)
        return NodeRecord(
            node=name,
            folder_id=found.folder_id,
            incarnation=found.incarnation,
            prefix=f"node={name}",
            through=0,
            days={},
            updated_at=0,
        )

    def _session(self, address: str, node: str | None) -> RemoteSession:
        known = self._open.get(address)
        if known is not None:
            return known
        # Several threads may do so at a time: one that does not answer holds up no other.
        session = RemoteSession(
            address,
            self._clock,
            token=self._token(address, node),
            certificate=self._certificate,
            cache=False,
        )
        return self._open.setdefault(address, session)

    def _token(self, address: str, node: str | None) -> str | None:
        if not isinstance(self._tokens, Mapping):
            return self._tokens
        for name in (address, node):
            if name is not None and name in self._tokens:
                return self._tokens[name]
        raise UsageError(f"token= has none for {address}")
