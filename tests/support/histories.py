"""A history of several nodes with one lake, beside it the plain list of what each has acked."""

import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import apsw
import msgspec
import pytest

from tests.support.archive_runs import archive, catalog, watermark_of
from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, Log, fill
from tests.support.object_store import ObjectStore
from tests.support.plainly import PlainLog
from tests.support.ports import lasting_port
from tests.support.posting import post
from tests.support.processes import ServerProcess, create_token, start_server
from tests.support.questions import Questions, answering
from waterline.archive.jobs.catch_up import catch_up
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.jobs.upload import Destination
from waterline.archive.lake.registry import NodeRecord, Registry
from waterline.archive.object_store.client import open_bucket
from waterline.backup.place import FolderPlace
from waterline.backup.repository import Repository
from waterline.backup.restore import restore_backup
from waterline.backup.take import BackupJob
from waterline.clock import now_ms
from waterline.encoding import FORMATS
from waterline.errors import ArchiveError, RemoteError, UsageError
from waterline.storage.folder import DataFolder
from workbench.query.pin import Pin

NODES: Final = ("a", "b", "c")
SOURCES: Final = ("web-1", "web-2", "web-3", "pump")
TYPES: Final = ("info", "error", "warning")
_BEGIN: Final = 5 * DAY
"""Age of the first logs."""
_REFUSED: Final = answer(
    "403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
)


@dataclass
class Backup:
    """What a backup has of a node."""

    name: str
    last_seq: int
    pruned: int


@dataclass
class HistoryNode:
    """A node: its folder, its processes, and what it has acked."""

    name: str
    data: Path
    repository: Repository
    token: str
    tokens: Mapping[str, str]
    """Those of its sources."""
    port: int
    """Of its `waterline query`."""
    logs: list[PlainLog] = field(default_factory=list)
    """What it has acked, by seq."""
    pruned: int = 0
    """Every seq up to it is pruned."""
    restored: int = 0
    """How often it was restored from a backup."""
    lost: int = 0
    """Number of acked logs that were lost with its disk."""
    backups: list[Backup] = field(default_factory=list)
    behind: tuple[Backup, list[PlainLog]] | None = None
    """A backup that was restored beside a lake, and what was acked before; None once caught up."""
    server: ServerProcess | None = None
    answering: ExitStack | None = None
    """Holds its `waterline query`, if that runs."""
    process: Questions | None = None

    @property
    def url(self) -> str:
        """Address of its `waterline query`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def kept(self) -> list[PlainLog]:
        """The logs that are not pruned."""
        return [each for each in self.logs if each.seq > self.pruned]

    @property
    def acked(self) -> list[PlainLog]:
        """The logs that are not pruned, with those that are still in the lake alone."""
        logs = self.logs if self.behind is None else self.behind[1]
        return [each for each in logs if each.seq > self.pruned]

    @property
    def last_seq(self) -> int:
        """The highest seq that it has acked."""
        return self.logs[-1].seq if self.logs else 0


@dataclass(frozen=True)
class Taken:
    """A pin of one node, of several for a lake, and how often these had been restored."""

    pin: Pin | str
    seqs: Mapping[str, int]
    restored: Mapping[str, int]


class History:
    """Nodes with one lake, and what happens to them.

    Args:
        place: a folder for all that is theirs.
        store: the object storage of the lake.
        chance: decides what happens.
    """

    def __init__(self, place: Path, store: ObjectStore, chance: random.Random) -> None:
        self.store = store
        self.bucket = open_bucket(f"{store.address}/{place.name}", store.direct)
        self.chance = chance
        self.begun = now_ms()
        self.sent = 0
        self.homes = {source: chance.choice(NODES) for source in SOURCES}
        self.happened: Counter[str] = Counter()
        self.nodes: dict[str, HistoryNode] = {}
        for name in NODES:
            data = place / name
            tokens = {each: create_token(data, each, ("ingest",)) for each in SOURCES}
            token = create_token(data, "analyst", ("read",))
            repository = Repository(FolderPlace(place / f"backups-{name}"))
            node = HistoryNode(name, data, repository, token, tokens, lasting_port())
            self.nodes[name] = node
            for day in range(3):
                self._fill(node, self.some(8), self.begun - _BEGIN + day * DAY)
            self.start_answering(node)

    def close(self) -> None:
        """End all processes."""
        for node in self.nodes.values():
            self.stop_answering(node)
            self.stop_server(node)

    def any_node(self) -> HistoryNode:
        """Return one of the nodes."""
        return self.nodes[self.chance.choice(NODES)]

    def ready(self) -> list[HistoryNode]:
        """Return the nodes that are not behind their lake."""
        return [each for each in self.nodes.values() if each.behind is None]

    # Logs

    def some(self, number: int) -> list[Log]:
        """Return logs, with ids that no others have and times that some others have."""
        chance, logs = self.chance, list[Log]()
        for _ in range(number):
            self.sent += 1
            logs.append(
                {
                    "id": f"{self.sent}",
                    "type": chance.choice(TYPES),
                    "message": f"user {chance.randrange(9)} asked for item {chance.randrange(99)}",
                    "timestamp": self.begun - chance.randrange(40) * (DAY // 8),
                    "status": chance.choice([200, 404, 500]),
                    "duration_ms": chance.randrange(4000) / 8,
                    **({"order": f"A-{self.sent}"} if self.sent % 7 == 0 else {}),
                }
            )
        return logs

    def ingest(self) -> None:
        """Have a source send some logs, and maybe the last ones again."""
        source = self.chance.choice(SOURCES)
        node = self.nodes[self.homes[source]]
        if node.behind is not None:
            return
        # Sent again is what is recognised for certain: what has come in since this began.
        recent = [
            each for each in node.logs if each.source == source and each.received_at >= self.begun
        ]
        again = [as_sent(each) for each in recent[-self.chance.randrange(1, 5) :]]
        logs = [*again, *self.some(self.chance.randrange(1, 30))]
        self.chance.shuffle(logs)
        self._send(node, logs, source)

    def move(self) -> None:
        """Have a source go on at another node, and send its last logs there too."""
        source = self.chance.choice(SOURCES)
        before = self.nodes[self.homes[source]]
        self.homes[source] = self.chance.choice(NODES)
        node = self.nodes[self.homes[source]]
        if node.behind is not None:
            return
        logs = [as_sent(each) for each in before.logs if each.source == source][-3:]
        known = {each.id for each in node.logs if each.source == source}
        if logs and not any(each["id"] in known for each in logs):
            self._send(node, logs, source)

    def _send(self, node: HistoryNode, logs: Sequence[Log], source: str) -> None:
        if node.server is None:
            self._fill(node, logs, max(now_ms(), node.logs[-1].received_at), source)
        else:
            self._post(node, node.server, logs, source)

    def _fill(
        self, node: HistoryNode, logs: Sequence[Log], moment: int, source: str | None = None
    ) -> None:
        source = source or self.chance.choice(SOURCES)
        answers = fill(node.data, logs, source=source, received_at=moment)
        self._acked(node, logs, source, sum(known for *_, known in answers))

    def _post(
        self, node: HistoryNode, server: ServerProcess, logs: Sequence[Log], source: str
    ) -> None:
        answer = post(server, msgspec.json.encode(logs), token=node.tokens[source])
        assert answer.status == 200, answer
        assert answer.json["count"] == len(logs), answer
        self._acked(node, logs, source, answer.json["duplicates"])

    def _acked(self, node: HistoryNode, logs: Sequence[Log], source: str, duplicates: int) -> None:
        """Note acked logs; their seqs and times of receipt are read once, and hold from then on."""
        known = {(each.source, each.id) for each in node.logs}
        new = [each for each in logs if (source, each["id"]) not in known]
        assert duplicates == len(logs) - len(new), f"node {node.name}: {duplicates} duplicates"
        with closing(apsw.Connection(str(DataFolder(node.data).logs))) as connection:
            for log in new:
                row = connection.execute(
                    "SELECT seq, received_at FROM logs WHERE source = ? AND id = ?",
                    (source, log["id"]),
                ).fetchall()
                ((seq, received_at),) = cast("list[tuple[int, int]]", row)
                node.logs.append(plain(log, seq, source, received_at))
        node.logs.sort(key=lambda each: each.seq)
        self.happened["logs"] += len(new)

    # Archives

    def destination(self, node: HistoryNode, *, keep_local: bool = True) -> Destination:
        """Return where the batches of a node are uploaded to."""
        lake = self.bucket.address
        return Destination(
            address=f"{lake}/node={node.name}", keep_local=keep_local, lake=lake, node=node.name
        )

    def archive(self, node: HistoryNode | None = None, *, upload: bool | None = None) -> None:
        """Archive what came in up to some log, and maybe upload it."""
        node = node or self.chance.choice(self.ready() or [None])
        if node is None:
            return
        upload = self.chance.random() < 0.7 if upload is None else upload
        destination = None
        if upload:
            destination = self.destination(node, keep_local=self.chance.random() < 0.6)
        moment = self.chance.choice(node.logs).received_at if node.logs else self.begun
        archive(
            node.data,
            now=moment,
            older_than=0,
            batch_rows=self.chance.choice([3, 10, 40]),
            format=self.chance.choice([*FORMATS.values()]),
            destination=destination,
        )

    def cut_off_upload(self) -> None:
        """Have object storage refuse one of the requests of an upload, and all behind it."""
        faults = self.store.proxy.faults
        faults += [
            Fault(method="PUT", times=self.chance.randrange(8)),
            Fault(method="PUT", answer=_REFUSED),
        ]
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.store.environment.items():
                environment.setenv(name, value)
            try:
                self.archive(upload=True)
            except RemoteError:
                self.happened["uploads cut off"] += 1
            finally:
                self.store.proxy.reset()

    def prune(self) -> None:
        """Prune the batches that were received before some log of the earliest."""
        node = self.any_node()
        kept = node.kept
        if not kept or node.behind is not None:
            return
        batches = plan_prune(
            DataFolder(node.data), kept[min(len(kept) - 1, self.chance.randrange(12))].received_at
        )
        prune(DataFolder(node.data), batches, clock=now_ms)
        node.pruned = max([node.pruned, *(each.last_seq for each in batches)])

    def record(self, node: HistoryNode) -> NodeRecord | None:
        """Return what the lake tells of a node."""
        return Registry(self.bucket).read(node.name)

    # Processes

    def start_server(self, node: HistoryNode) -> None:
        """Start the server of a node, unless it runs."""
        if node.server is None:
            node.server = start_server(node.data, token=node.token)

    def stop_server(self, node: HistoryNode, *, kill: bool = False) -> None:
        """Stop or kill the server of a node, if it runs."""
        if node.server is not None:
            node.server.kill() if kill else node.server.stop()
            node.server = None

    def turn_server(self) -> None:
        """Start a server, stop it, or kill it."""
        node = self.any_node()
        if node.behind is not None:
            return
        if node.server is None:
            self.start_server(node)
        else:
            self.stop_server(node, kill=self.chance.random() < 0.5)
            if self.chance.random() < 0.5:
                self.start_server(node)

    def start_answering(self, node: HistoryNode) -> None:
        """Start `waterline query` of a node, unless it runs."""
        if node.answering is None:
            node.answering = ExitStack()
            node.process = node.answering.enter_context(
                answering(node.data, "--query-port", str(node.port), token=node.token)
            )

    def stop_answering(self, node: HistoryNode) -> None:
        """Stop `waterline query` of a node, if it runs."""
        if node.answering is not None:
            node.answering.close()
            node.answering = node.process = None

    # Backups

    def back_up(self) -> None:
        """Take a backup of a node."""
        node = self.any_node()
        if node.behind is not None:
            return
        BackupJob(DataFolder(node.data), node.repository, dedupe_window=DAY).run()
        node.backups.append(Backup(node.repository.names()[-1], node.last_seq, node.pruned))

    def restore(self) -> None:
        """Lose the disk of a node, restore a backup, and maybe take in what the lake has."""
        having = [each for each in self.ready() if each.backups]
        if not having:
            return
        node = self.chance.choice(having)
        backup = self.chance.choice(node.backups)
        is_answering = node.process is not None
        self.stop_server(node)
        if node.process is not None:
            node.process.expected_errors.append(r"tokens\.toml is gone")
        if self.chance.random() < 0.5:  # or it goes on through all of it
            self.stop_answering(node)
        shutil.rmtree(node.data)
        restore_backup(node.repository, node.repository.chosen(backup.name), node.data)
        record = self.record(node)
        node.restored += 1
        # Where batches were pruned since, the restored catalog has some that have gone.
        if record is not None and backup.pruned == node.pruned and self.chance.random() < 0.4:
            node.behind = backup, node.logs
            node.logs = [each for each in node.logs if each.seq <= backup.last_seq]
            self.happened["behind"] += 1
        else:
            self._catch_up(node, record)
            self._note_restored(node, backup, record)
        if is_answering:
            self.start_answering(node)

    def catch_up(self) -> None:
        """Let the nodes that are behind their lake take in what it has."""
        for node in self.nodes.values():
            if node.behind is None:
                continue
            (backup, node.logs), node.behind = node.behind, None
            record = self.record(node)
            assert record is not None
            self._try_to_go_on(node, record)
            self._catch_up(node, record)
            self._note_restored(node, backup, record)

    def _try_to_go_on(self, node: HistoryNode, record: NodeRecord) -> None:
        """See that a folder that is behind the lake archives nothing."""
        before = catalog(node.data)
        behind = record.through > max((each.last_seq for each in before), default=0)
        if behind:
            try:
                self.archive(node, upload=True)
            except ArchiveError as error:
                assert "archive adopt --from" in str(error)  # noqa: PT017 - it may not be raised
            else:
                raise AssertionError(f"node {node.name} went on behind the lake")
            assert catalog(node.data) == before

    def _catch_up(self, node: HistoryNode, record: NodeRecord | None) -> None:
        if record is None:
            return
        origin = self.destination(node).address
        try:
            catch_up(DataFolder(node.data), origin=origin, dedupe_window=DAY)
        except UsageError:  # it has joined, and uploaded nothing
            assert not record.through

    def _note_restored(self, node: HistoryNode, backup: Backup, record: NodeRecord | None) -> None:
        through = watermark_of(node.data).archived_through
        assert record is None or through >= record.through
        last = max(backup.last_seq, through)
        surviving = [each for each in node.logs if each.seq <= last]
        pruned = [each.last_seq for each in catalog(node.data) if not each.is_kept]
        assert backup.pruned <= max([0, *pruned]) <= node.pruned
        node.lost += len(node.logs) - len(surviving)
        self.happened["brought back"] += sum(each.seq > backup.last_seq for each in surviving)
        self.happened["lost"] += len(node.logs) - len(surviving)
        node.logs, node.pruned = surviving, max([0, *pruned])
        # Backups of a later time are of logs that are lost.
        node.backups = [each for each in node.backups if each.last_seq <= last]


def plain(log: Log, seq: int, source: str, received_at: int) -> PlainLog:
    """Return a log that was sent as it should be stored."""
    given: dict[str, Any] = dict(log)
    core = {name: given.pop(name) for name in ("id", "type", "timestamp", "message")}
    return PlainLog(seq=seq, source=source, received_at=received_at, attributes=given, **core)


def as_sent(log: PlainLog) -> Log:
    """Return a log as its source sends it again."""
    core = {name: getattr(log, name) for name in ("id", "type", "timestamp", "message")}
    return {**core, **log.attributes}
