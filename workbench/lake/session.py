"""Session of a lake: questions to the archives of all nodes, and to their servers."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
import pandas as pd
import pyarrow as pa

from waterline.archive.lake.view import LakeView, NodeView, view_lake
from waterline.archive.object_store.client import open_bucket
from waterline.clock import now_ms
from waterline.errors import IncompleteAnswer, UsageError, WaterlineError
from workbench.lake.logs import LakeLogs, Nodes
from workbench.lake.mirror import Mirror
from workbench.lake.node import Lacking, Node
from workbench.lake.question import NODE, LakeQuestion, lake_pin
from workbench.lake.servers import Addresses, Servers, Tokens
from workbench.lake.sql import select_logs
from workbench.patterns.difference import diff
from workbench.patterns.patterns import patterns
from workbench.query import answers
from workbench.query.asking import Answering
from workbench.query.execute import Answer
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import patiently
from workbench.query.question import Filters, Question, ask, texts_of
from workbench.reports import fields as fields_report
from workbench.reports import traffic
from workbench.reports.compression import batches
from workbench.reports.holdings import Holdings, holdings, together
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread

_Answer = TypeVar("_Answer")
_Given = ParamSpec("_Given")

# What is answered from the logs of all nodes.
_OF_LOGS: Final[frozenset[Callable[..., Any]]] = frozenset(
    {answers.count, diff, fields_report.fields, patterns}
)
_OF_LOGS_IF_EXACT: Final[frozenset[Callable[..., Any]]] = frozenset(
    {traffic.stored_latency, traffic.throughput}
)


class LakeSession(Answering):
    """A lake that is open for questions.

    Args:
        lake: its address, `s3://bucket/prefix`.
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        nodes: addresses of the nodes' servers, which are asked for what the lake does not have yet;
            None asks the lake alone.
        token: a token for the servers, or one each.
        certificate: a PEM file with the servers' certificates, or None.
        at: pin of the lake, or its text, of questions that have none.
        spread: runs what is taken from many batches; the session closes it.

    Raises:
        UsageError: an argument has no meaning, or credentials for object storage are missing.
    """

    is_of_nodes = True

    def __init__(
        self,
        lake: str,
        clock: Callable[[], int] = now_ms,
        *,
        nodes: Addresses | None = None,
        token: Tokens = None,
        certificate: str | os.PathLike[str] | None = None,
        at: Pin | str | None = None,
        spread: Spread = HERE,
    ) -> None:
        super().__init__(clock, None if at is None else lake_pin(to_pin(at)), None)
        self._spread = spread
        self._bucket = open_bucket(lake)
        self._servers = None if nodes is None else Servers(nodes, token, certificate, clock)
        self._view: LakeView | None = None
        self._mirrors: dict[str, Mirror] = {}
        self._lock = threading.Lock()
        self._logs = LakeLogs(self._look)

    @property
    def place(self) -> str:
        """Address of the lake."""
        return self._bucket.address

    @property
    def logs(self) -> LakeLogs:
        """Answers questions about the logs of all nodes."""
        return self._logs

    def question(
        self, filters: Filters, now: int | None = None, *, may_lack: bool = False
    ) -> Question:
        """Return the question that filters ask; its columns have the node's name.

        Args:
            filters: as the analyst gave them.
            now: milliseconds UTC, from which relative times count; None reads the clock.
            may_lack: not heeded: what is lacking is told by the answer.

        Raises:
            UsageError: a filter has no meaning.
        """
        del may_lack
        at = filters.get("at")
        pin = self.at if at is None else lake_pin(to_pin(at))
        moment = pin.taken_at if pin is not None else self.clock() if now is None else now
        rest: Filters = {**filters, "at": None, "node": None}
        columns = filters.get("columns")
        named = [*columns] if columns is not None and not isinstance(columns, str) else columns
        if isinstance(named, list) and named.count(NODE) == 1:
            others = [each for each in named if each != NODE]
            rest["columns"] = others or ["seq"]
            asked = ask(now=moment, **rest)
            chosen = (*(NODE if each == NODE else each for each in named),)
        else:
            asked = ask(now=moment, **rest)
            chosen = (NODE, *asked.columns) if columns is None else asked.columns
        known = {each.name: getattr(asked, each.name) for each in fields(Question)}
        nodes = texts_of(filters.get("node"), "node")
        for name in nodes or ():
            # Else the answer were without its logs, in silence.
            if pin is not None and lake_pin(pin).of(name) is None:
                raise UsageError(
                    f"the pin {pin} is of other nodes than {name!r}; take a new pin, or leave at= "
                    "out"
                )
        return LakeQuestion(**{**known, "columns": chosen, "pin": pin}, nodes=nodes)

    def answer(
        self,
        ask: Callable[Concatenate[Any, _Given], _Answer],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Answer:
        """Return what a function answers of all nodes.

        Args:
            ask: the function.
            given: its other arguments.
            named: those by name.

        Raises:
            UsageError: it is about one data folder.
        """
        asked: Callable[..., Any] = ask
        made: Any
        if asked in _OF_LOGS or (asked in _OF_LOGS_IF_EXACT and _is_exact(given)):
            made = asked(self, *given, **named)
        elif asked is answers.select_rows:
            made = self._selected(*given, **named)
        elif asked is holdings:
            made = together(self.place, self._held())
        elif asked is batches:
            made = self._of_lake(asked)
        elif asked is traffic.sources:
            made = self._of_servers(asked, *given)
        elif asked in _OF_LOGS_IF_EXACT:
            raise UsageError("measurements are of one node; give exact=True, or ask its server")
        else:
            raise UsageError(
                f"a lake has no {asked.__name__.replace('_', ' ')}, which is of one node; connect "
                "to its server for it"
            )
        return made  # type: ignore[no-any-return] # whatever the function returns

    def patiently(self, answer: Callable[[], _Answer]) -> _Answer:
        """Return what a function answers; an interrupt ends it at once."""
        return patiently(answer, lambda _: self._leave())

    def pin(self) -> Pin:
        """Return the pin of the session, or one of now."""
        if self.at is not None:
            return self.at
        return self.patiently(self.logs.moment).pin(self.clock())

    def explain_empty(self, question: Question, attributes: Sequence[str] = ()) -> None:
        """Warn of nothing: which filter leaves no log, a node's server tells."""

    def close(self) -> None:
        """Close the sessions of the servers; it may be called again."""
        self._mirrors.clear()
        if self._servers is not None:
            self._servers.close()
        self._spread.close()

    def _leave(self) -> None:
        if self._servers is not None:
            self._servers.abandon()
        for each in [*self._mirrors.values()]:
            each.session.database.leave()

    def _look(self, question: LakeQuestion) -> Nodes:
        with self._lock:
            self._view = view = view_lake(self._bucket, self._view, question.needs)
            faults = [fault for name, fault in view.faults.items() if question.asks(name)]
            views = [*view.nodes]
            for each in views:
                faults += each.faults if question.asks(each.record.node) else ()
            known = {*view.faults, *(each.record.node for each in views)}
            if self._servers is not None:
                known |= self._servers.names
                try:
                    hot, silent = self._servers.beyond(views, question)
                except WaterlineError as error:
                    faults.append(str(error))
                else:
                    faults += silent
                    views += [
                        NodeView(each, (), (), is_retired=False, manifests={}) for each in hot
                    ]
            if not views and not faults:
                raise UsageError(
                    f"{self.place} has no nodes yet; correct the address, or give nodes= with the "
                    "names of those that have not uploaded yet"
                )
            for name in question.nodes or ():
                if name not in known:
                    raise UsageError(
                        f"{self.place} has no node {name!r}; it has {', '.join(sorted(known))}"
                    )
            views.sort(key=lambda each: each.record.node)
            self._mirrors = {each.record.node: self._mirror(each) for each in views}
            asked = [each for name, each in self._mirrors.items() if question.asks(name)]
            return Nodes([Node(each, self._servers) for each in asked], faults)

    def _mirror(self, view: NodeView) -> Mirror:
        known = self._mirrors.get(view.record.node)
        is_same = known is not None and _content(known.view) == _content(view)
        return (
            known
            if known is not None and is_same
            else Mirror(self.place, view, self.clock, self._spread)
        )

    def _selected(self, *given: Any, **named: Any) -> Answer[pa.Table]:  # noqa: ANN401 - checked there
        return self.patiently(lambda: select_logs(self.logs, *given, **named))

    def _nodes(self) -> Sequence[Node]:
        """Return the nodes, with all that the lake has of them."""
        return self.patiently(lambda: self.logs.nodes(LakeQuestion()))

    def _held(self) -> list[Holdings]:
        """Return what each node holds, as its server tells or else the lake."""
        found = []
        for node in self._nodes():
            if node.has_server:
                found.append(_asked(node, holdings))
            else:
                held = holdings(node.mirror.session)
                size = sum(each.stored_bytes for each in node.mirror.view.kept)
                found.append(replace(held, size=size))
        return found

    def _of_lake(self, report: Callable[..., pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of a report on what the lake has, node by node."""
        nodes = self._nodes()
        return _joined({each.name: report(each.mirror.session) for each in nodes})

    def _of_servers(self, report: Callable[..., pd.DataFrame], *given: object) -> pd.DataFrame:
        """Return the rows of a report of the servers, node by node."""
        nodes = [each for each in self._nodes() if each.has_server]
        if not nodes:
            raise UsageError("this is told by the nodes' servers; connect with nodes=")
        return _joined({each.name: _asked(each, report, *given) for each in nodes})


def _asked(node: Node, report: Callable[..., _Answer], *given: object) -> _Answer:
    """Return what a node's server answers.

    Raises:
        IncompleteAnswer: it does not; the sentence says why.
    """
    try:
        return node.ask(lambda session: session.answer(report, *given))
    except Lacking as error:
        raise IncompleteAnswer(str(error)) from error


def _content(view: NodeView) -> tuple[object, ...]:
    """Return what answers depend on."""
    return msgspec.structs.replace(view.record, updated_at=0), view.batches


def _is_exact(given: Sequence[object]) -> bool:
    return any(isinstance(each, traffic.Basis) and each.exact for each in given)


def _joined(reports: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of reports, with the name of the node as the first column."""
    for name, report in reports.items():
        report.insert(0, NODE, pd.Series([name] * len(report), report.index, dtype="str"))
    return pd.concat([*reports.values()], ignore_index=True)
