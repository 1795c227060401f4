"""Whatever becomes of three nodes and their lake, answers are those of plain lists of acked logs.

`--history-steps 5000 --history-seed 7` makes the history long, or the same once more, and with
`--history-workers 2` a Dask cluster answers now and then. `--log-cli-level INFO` tells each step.
"""

import json
import logging
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client

from tests.support.archive_runs import watermark_of
from tests.support.clusters import cluster
from tests.support.histories import SOURCES, TYPES, History, HistoryNode, Taken
from tests.support.object_store import ObjectStore
from tests.support.plainly import PlainLog, answer_plainly
from tests.support.processes import stalled
from tests.workbench.query.test_execute import assert_equal, milliseconds
from waterline.archive.lake.view import view_lake
from waterline.clock import now_ms
from waterline.errors import (
    ArchiveError,
    IncompleteAnswer,
    MissingLogs,
    ServerUnreachable,
    UsageError,
)
from workbench.query.question import ask
from workbench.workbench import Workbench

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::waterline.errors.PrunedLogs"),
    pytest.mark.filterwarnings("ignore::waterline.errors.NothingFound"),
]

logger = logging.getLogger(__name__)

Place = tuple[str, PlainLog]
"""A log and its node."""
Nodes = Sequence[tuple[str, Sequence[PlainLog]]]
"""Nodes by name, and the logs that are asked for."""
Filters = dict[str, Any]
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
HOUR = 3_600_000


@dataclass(frozen=True)
class Lacking:
    """What the lake's connection lacks of nodes: above which seq, by name."""

    above: dict[str, int]


class Checked:
    """A history whose answers are checked after each step.

    Args:
        history: the history.
        opened: closes what is opened.
        client: a Dask cluster that answers now and then, if any.
    """

    def __init__(self, history: History, opened: ExitStack, client: Client | None) -> None:
        self.history = history
        self.chance = history.chance
        self.answers: Counter[str] = Counter()
        self.pins: list[Taken] = []
        self.remote = {
            node.name: opened.enter_context(Workbench(node.url, token=node.token))
            for node in history.nodes.values()
        }
        self.lake = opened.enter_context(self.connected())
        self.spread = None
        if client is not None:
            self.spread = opened.enter_context(self.connected(cluster=client))

    def connected(self, **options: Any) -> Workbench:  # noqa: ANN401 - any of a workbench
        nodes = self.history.nodes.values()
        return Workbench(
            lake=self.history.bucket.address,
            nodes={each.name: each.url for each in nodes},
            token={each.name: each.token for each in nodes},
            **options,
        )

    # Questions

    def filters(self) -> Filters:
        """Return one or two filters, mostly such that some log meets them."""
        chance = self.chance
        moment = self.history.begun - chance.randrange(40) * HOUR * 3
        given: dict[str, Callable[[], Any]] = {
            "type": lambda: chance.choice([*TYPES, list(TYPES[:2])]),
            "source": lambda: chance.choice(SOURCES),
            "since": lambda: moment,
            "until": lambda: moment + chance.randrange(30) * HOUR,
            "contains": lambda: f"user {chance.randrange(9)}",
            "where": lambda: {"status": (">=", chance.choice([404, 500]))},
            "query": lambda: chance.choice(
                ["status:500 -type:error", "duration_ms>200 type:info", "order:* source:web-1"]
            ),
        }
        chosen = chance.sample([*given], chance.choice([0, 1, 1, 2]))
        return {name: given[name]() for name in chosen}

    @staticmethod
    def expected(nodes: Nodes, filters: Filters) -> list[Place]:
        """Return the logs that meet filters, in the order of a lake, up to their limit."""
        limit, order = filters.get("limit"), filters.get("order")
        question = ask(now=now_ms(), **{**filters, "limit": None, "order": None})
        found = sorted(
            ((name, log) for name, logs in nodes for log in answer_plainly(logs, question)),
            key=lambda each: (each[1].timestamp, each[0], each[1].seq),
        )
        found = found if limit is None else found[max(0, len(found) - limit) :]
        return found if order != "newest" else found[::-1]

    def bounded(self, filters: Filters) -> Filters:
        return {
            **filters,
            "limit": self.chance.choice([None, 1, 5, 50]),
            "order": self.chance.choice([None, "oldest", "newest"]),
        }

    # Checks

    def check(self) -> None:
        """Compare answers of every connection with the plain lists."""
        node = self.history.any_node()
        with Workbench(node.data, cache=self.chance.random() < 0.5) as here:
            self.compare(here, [(node.name, node.kept)], is_lake=False)
        self.check_remote(self.history.any_node())
        self.check_lake()
        if self.spread is not None and self.chance.random() < 0.3:
            self.check_lake(self.spread)
        if self.pins:
            self.ask_again(self.chance.choice(self.pins))

    def check_remote(self, node: HistoryNode) -> None:
        wb = self.remote[node.name]
        if node.process is not None:
            self.compare(wb, [(node.name, node.kept)], is_lake=False)
            return
        with pytest.raises(ServerUnreachable, match="cannot be reached"):
            wb.count()
        self.answers["remote down"] += 1

    def lacking(self) -> Lacking:
        """Return what the servers do not tell now."""
        above = {}
        for node in self.history.nodes.values():
            record = self.history.record(node)
            through = 0 if record is None else record.through
            incarnation = watermark_of(node.data).incarnation
            is_anew = record is not None and record.incarnation != incarnation
            if node.process is None or is_anew:
                above[node.name] = through
        return Lacking(above)

    def check_lake(self, wb: Workbench | None = None) -> None:
        wb = wb or self.lake
        lacking = self.lacking()
        if not lacking.above:
            nodes = [(node.name, node.kept) for node in self.history.nodes.values()]
            self.compare(wb, nodes, is_lake=True)
            return
        questions: dict[str, Callable[[], Any]] = {
            "logs": lambda: wb.logs(**self.bounded(self.filters())),
            "count": lambda: wb.count(**self.filters()),
            "iter_logs": lambda: [*wb.iter_logs(**self.filters())],
            "latency": lambda: wb.latency("duration_ms", exact=True),
            "throughput": lambda: wb.throughput("1h", exact=True),
            "fields": wb.fields,
            "patterns": wb.patterns,
            "sql": lambda: wb.sql("SELECT count(*) FROM logs"),
            "pin": wb.pin,
        }
        name = self.chance.choice([*questions])
        with pytest.raises(IncompleteAnswer) as raised:
            questions[name]()
        assert any(f"node {each} " in str(raised.value) for each in lacking.above) or any(
            self.history.nodes[each].url in str(raised.value) for each in lacking.above
        ), raised.value
        self.answers[f"lacking {name}"] += 1
        self.check_rest(wb, lacking)

    def check_rest(self, wb: Workbench, lacking: Lacking) -> None:
        """See that what is there comes, and what is lacking is named, where that is asked for."""
        nodes = [
            (
                node.name,
                [
                    each
                    for each in node.acked
                    if each.seq <= lacking.above.get(node.name, node.last_seq)
                ],
            )
            for node in self.history.nodes.values()
        ]
        filters = self.bounded(self.filters())
        with pytest.warns(MissingLogs):
            frame = wb.logs(incomplete="warn", **filters)
        assert_places(frame, self.expected(nodes, filters))
        named = " ".join(frame.attrs["missing"])
        for name in lacking.above:
            assert f"node {name} " in named or self.history.nodes[name].url in named, named
        self.answers["rest"] += 1

    def compare(
        self,
        wb: Workbench,
        nodes: Nodes,
        *,
        is_lake: bool,
        at: object = None,
    ) -> None:
        """Compare two answers, of kinds by chance, with the plain lists."""
        pinned = {} if at is None else {"at": at}
        kinds: dict[str, Callable[..., None]] = {
            "logs": self.compare_logs,
            "count": self.compare_count,
            "iter_logs": self.compare_pieces,
            "latency": self.compare_latency,
            "throughput": self.compare_throughput,
            "fields": self.compare_fields,
            "patterns": self.compare_patterns,
            "sql": self.compare_sql,
        }
        for name in ("logs", self.chance.choice([*kinds])):
            kinds[name](wb, nodes, is_lake=is_lake, pinned=pinned)
            self.answers[f"{'lake' if is_lake else 'node'} {name}"] += 1

    def compare_logs(self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters) -> None:
        filters = self.bounded(self.filters())
        frame, expected = wb.logs(**filters, **pinned), self.expected(nodes, filters)
        if is_lake:
            assert_places(frame, expected)
        else:
            assert_equal(frame, [log for _, log in expected])

    def compare_count(self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters) -> None:
        del is_lake
        filters = self.filters()
        if self.chance.random() < 0.3:
            filters["limit"] = 20
        assert wb.count(**filters, **pinned) == len(self.expected(nodes, filters))

    def compare_pieces(
        self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters
    ) -> None:
        filters = self.filters()
        pieces = [*wb.iter_logs(**filters, **pinned)]
        expected = sorted(
            ((name, log) for name, log in self.expected(nodes, filters)),
            key=lambda each: (each[0], each[1].seq),
        )
        names = [name for each in pieces for name in each["node"]] if is_lake else None
        seqs = [seq for each in pieces for seq in each["seq"]]
        assert seqs == [log.seq for _, log in expected]
        assert names is None or names == [name for name, _ in expected]

    def compare_latency(
        self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters
    ) -> None:
        del is_lake
        filters = self.filters()
        frame = wb.latency(
            "duration_ms", by="type", exact=True, clock="timestamp", **filters, **pinned
        )
        values: dict[str, list[float]] = {}
        for _, log in self.expected(nodes, filters):
            values.setdefault(log.type, []).append(float(str(log.attributes["duration_ms"])))
        assert dict(zip(frame["type"], frame["count"], strict=True)) == {
            name: len(each) for name, each in values.items()
        }
        for row in frame.to_dict("records"):
            numbers = values[row["type"]]
            for name, part in QUANTILES.items():
                assert row[name] == np.quantile(numbers, part, method="inverted_cdf"), row
            assert (row["min"], row["max"]) == (min(numbers), max(numbers))

    def compare_throughput(
        self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters
    ) -> None:
        del is_lake
        filters = self.filters()
        frame = wb.throughput("3h", by="source", exact=True, clock="timestamp", **filters, **pinned)
        found = {
            (milliseconds(row["time"]), row["source"]): row["logs"]
            for row in frame.to_dict("records")
            if row["logs"]
        }
        assert found == Counter(
            (log.timestamp // (3 * HOUR) * 3 * HOUR, log.source)
            for _, log in self.expected(nodes, filters)
        )

    def compare_fields(
        self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters
    ) -> None:
        del is_lake
        filters = self.filters()
        frame = wb.fields(sample=None, **filters, **pinned)
        found = dict(zip(frame["field"], frame["logs"], strict=True))
        expected = self.expected(nodes, filters)
        counted = Counter(name for _, log in expected for name in log.attributes)
        for name in ("status", "duration_ms", "order"):
            assert found.get(name, 0) == counted[name], (name, found)

    def compare_patterns(
        self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters
    ) -> None:
        del is_lake
        filters = self.filters()
        frame = wb.patterns(**filters, **pinned)
        assert frame["logs"].sum() == len(self.expected(nodes, filters))

    def compare_sql(self, wb: Workbench, nodes: Nodes, *, is_lake: bool, pinned: Filters) -> None:
        keys = "node, type" if is_lake else "'', type"
        frame = wb.sql(
            f"SELECT {keys}, count(*), sum(seq)::BIGINT FROM logs GROUP BY ALL", **pinned
        )
        counts: dict[tuple[str, str], list[int]] = {}
        for name, logs in nodes:
            for log in logs:
                counts.setdefault((name if is_lake else "", log.type), []).append(log.seq)
        assert {(*row[:2],): (row[2], row[3]) for row in frame.itertuples(index=False)} == {
            key: (len(seqs), sum(seqs)) for key, seqs in counts.items()
        }

    # Pins

    def pin(self) -> None:
        """Take a pin of one node, here or over the network, or of the lake."""
        nodes = self.history.nodes
        node = self.history.any_node()
        where = self.chance.choice(["here", "remote", "lake", "lake"])
        if where == "lake":
            if not self.lacking().above:
                self.note(self.lake.pin(), [*nodes.values()])
        elif where == "remote":
            if node.process is not None:
                self.note(self.remote[node.name].pin(), [node])
        else:
            with Workbench(node.data) as here:
                self.note(here.pin(), [node])

    def note(self, pin: Any, nodes: Sequence[HistoryNode]) -> None:  # noqa: ANN401 - of either kind
        given = pin if self.chance.random() < 0.5 else str(pin)
        seqs = {each.name: each.last_seq for each in nodes}
        self.pins.append(Taken(given, seqs, {each.name: each.restored for each in nodes}))
        del self.pins[:-30]

    def ask_again(self, taken: Taken) -> None:
        """See that a pin gives the same logs again, or is refused where a node was restored."""
        nodes = [self.history.nodes[name] for name in taken.seqs]
        given = [
            (node.name, [each for each in node.kept if each.seq <= taken.seqs[node.name]])
            for node in nodes
        ]
        may_refuse = any(node.restored != taken.restored[node.name] for node in nodes)
        if len(nodes) > 1:
            lacking = self.lacking().above
            may_refuse |= any(taken.seqs[name] > through for name, through in lacking.items())
            may_refuse |= any(
                self.history.record(self.history.nodes[each]) is None for each in lacking
            )
            there = [
                (node.name, [each for each in node.acked if each.seq <= taken.seqs[node.name]])
                for node in nodes
            ]
            self.ask_at(self.lake, taken, there, may_refuse=may_refuse, is_lake=True)
            return
        (node,) = nodes
        with Workbench(node.data) as here:
            self.ask_at(here, taken, given, may_refuse=may_refuse, is_lake=False)
        if node.process is not None:
            wb = self.remote[node.name]
            self.ask_at(wb, taken, given, may_refuse=may_refuse, is_lake=False)

    def ask_at(
        self,
        wb: Workbench,
        taken: Taken,
        given: Nodes,
        *,
        may_refuse: bool,
        is_lake: bool,
    ) -> None:
        kind = "lake" if is_lake else "node"
        try:
            self.compare(wb, given, is_lake=is_lake, at=taken.pin)
        except (UsageError, IncompleteAnswer):
            if not may_refuse:
                raise
            self.answers[f"{kind} pin refused"] += 1
        else:
            self.answers[f"{kind} pin"] += 1

    # What is done to what is asked

    def stop_answering(self) -> None:
        """Have a node go down for a step."""
        node = self.history.any_node()
        self.history.stop_answering(node)
        self.check_remote(node)
        self.check_lake()
        if self.chance.random() < 0.7:
            self.history.start_answering(node)

    def start_answering(self) -> None:
        """Bring all nodes back."""
        for node in self.history.nodes.values():
            self.history.start_answering(node)

    def freeze(self) -> None:
        """Have a node stand still while the lake is asked."""
        node = self.history.any_node()
        if node.process is None or self.lacking().above:
            return
        failures: list[BaseException] = []

        def asked() -> None:
            try:
                self.check_lake()
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = threading.Thread(target=asked)
        with stalled(node.process.process):
            thread.start()
            thread.join(0.3)
        thread.join()
        if failures:
            raise failures[0]

    def harm(self) -> None:
        """Have an object of the lake go or be damaged; what it lacks is named, until it is back."""
        bucket = self.history.bucket
        keys = [each for each in bucket.names() if each.startswith("node=")]
        if not keys or self.lacking().above:
            return
        key = self.chance.choice(keys)
        content = bucket.get(key)
        for node in self.history.nodes.values():
            if node.server is not None:
                # One that has started counts what it finds archived, and may meet it now.
                uncounted = rf"in no measurement: \S*{re.escape(key)} "
                node.server.expected_errors.append(uncounted)
        if self.chance.random() < 0.5:
            bucket.delete(key)
        else:
            place = self.chance.randrange(len(content))
            bucket.put(key, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            with self.connected() as wb:
                self.check_harmed(wb, key)
        finally:
            bucket.put(key, content)
        self.check_lake()

    def check_harmed(self, wb: Workbench, key: str) -> None:
        nodes = [(node.name, node.kept) for node in self.history.nodes.values()]
        try:
            self.compare(wb, nodes, is_lake=True)
        except ArchiveError as error:  # an IncompleteAnswer, but of `iter_logs` and `sql`
            day = key.split("/")[-2 if "batch" in key else -1].removesuffix(".json")
            assert key in str(error) or day in str(error), (key, error)  # noqa: PT017 - or right
            self.answers["harm named"] += 1
        else:
            self.answers["harm not met"] += 1

    def upload_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ask the lake, while a node archives and uploads after the lake was read."""
        if self.lacking().above:
            return
        node = self.chance.choice(self.history.ready())

        def then_upload(*given: Any) -> Any:  # noqa: ANN401 - as the function
            view = view_lake(*given)
            self.history.archive(node, upload=True)
            return view

        with monkeypatch.context() as patch, self.connected() as wb:
            patch.setattr("workbench.lake.session.view_lake", then_upload)
            self.check_lake(wb)
        self.answers["uploaded meanwhile"] += 1


def assert_places(frame: pd.DataFrame, expected: Sequence[Place]) -> None:
    """See that a frame of a lake has these logs in this order."""
    assert [*zip(frame["node"], frame["seq"], strict=True)] == [
        (name, log.seq) for name, log in expected
    ]
    assert_equal(frame, [log for _, log in expected])


@pytest.fixture
def history(
    store: ObjectStore, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[History]:
    seed = request.config.getoption("--history-seed")
    history = History(tmp_path, store, random.Random(seed))
    yield history
    history.close()


def test_any_history_of_three_nodes_leaves_every_answer_whole(
    history: History,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tell: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: int = request.config.getoption("--history-steps")
    seed = request.config.getoption("--history-seed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ExitStack() as opened:
        workers: int = request.config.getoption("--history-workers")
        client = opened.enter_context(cluster(workers)) if workers else None
        checked = Checked(history, opened, client)
        happens: dict[str, tuple[int, Callable[[], None]]] = {
            "ingest": (8, history.ingest),
            "archive": (6, history.archive),
            "upload cut off": (1, history.cut_off_upload),
            "prune": (1, history.prune),
            "move": (1, history.move),
            "server": (2, history.turn_server),
            "down": (1, checked.stop_answering),
            "back": (2, checked.start_answering),
            "frozen": (1, checked.freeze),
            "back up": (2, history.back_up),
            "restore": (2, history.restore),
            "catch up": (3, history.catch_up),
            "pin": (3, checked.pin),
            "harm": (1, checked.harm),
            "meanwhile": (1, partial(checked.upload_meanwhile, monkeypatch)),
        }
        names = [*happens]
        weights = [weight for weight, _ in happens.values()]
        done: list[str] = []
        try:
            for _ in range(steps):
                (name,) = history.chance.choices(names, weights)
                done.append(name)
                happens[name][1]()
                checked.check()
                logger.info("step %d of %d: %s", len(done), steps, name)
        except BaseException:
            tell(f"history failed at step {len(done)} of seed {seed}, after {done[-12:]}")
            raise
        tell(f"history of {steps} steps, seed {seed}: {dict(sorted(Counter(done).items()))}")
        tell(f"  {dict(history.happened)} {json.dumps(dict(sorted(checked.answers.items())))}")
