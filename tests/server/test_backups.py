"""Backups of a running server: on a schedule, and each of one moment under load."""

from pathlib import Path
from threading import Event

import msgspec
import pytest

from tests.support.archive_runs import all_rows
from tests.support.meanwhile import meanwhile
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.rollups import by_label, counted
from tests.support.sockets import receive, send
from tests.support.waiting import wait_until
from waterline.backup.place import FolderPlace
from waterline.backup.repository import Repository
from waterline.backup.restore import restore_backup
from waterline.backup.verify import verify_backup

pytestmark = pytest.mark.slow

LOG = {"type": "info", "message": "m"}


def last_backup(server: ServerProcess) -> dict[str, object]:
    _, health = server.get("/health")
    backup = msgspec.convert(health["backup"], dict[str, object])
    assert backup["scheduled"]
    return msgspec.convert(backup["last"] or {}, dict[str, object])


def test_server_takes_backups_by_itself_and_lets_old_ones_go(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    options = ("--backup-to", str(place), "--backup-every", "1s", "--backup-keep", "2")
    with serving(data, *options) as server:
        server.expected_errors.append("took the backup")
        send(server, *({"id": f"{each}"} | LOG for each in range(3)))
        wait_until(lambda: last_backup(server).get("logs") == 3, "no backup has the three logs")
        send(server, LOG)
        wait_until(lambda: last_backup(server).get("logs") == 4, "no backup has the fourth log")
        first = Repository(FolderPlace(place)).names()[0]
        wait_until(
            lambda: first not in Repository(FolderPlace(place)).names(), "the first one stays"
        )
        repository = Repository(FolderPlace(place))
        assert len(repository.names()) in {2, 3}  # the third, while it is taken
    assert not verify_backup(repository, repository.chosen(None)).faults


def test_failing_backup_is_told(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    (place / "letter.txt").write_text("mine")
    with serving(data, "--backup-to", str(place)) as server:
        server.expected_errors.append("a backup failed and is tried again")

        def warned() -> bool:
            _, health = server.get("/health")
            return any(
                "a backup failed" in each and "letter.txt" in each
                for each in msgspec.convert(health["warnings"], list[str])
            )

        wait_until(warned, "/health does not tell of it")


def uncounted(server: ServerProcess) -> int:
    _, health = server.get("/health")
    return msgspec.convert(health["metrics"], dict[str, int])["uncounted"]


class Producer:
    """Sends logs one after the other, each once the one before was acked."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.sent = 0
        self.acked = 0

    def work(self, ended: Event) -> None:
        connection = self._server.connect()
        while not ended.is_set():
            number = self.sent
            # Sent as a number that is known before it can be stored, acked as one known after.
            self.sent = number + 1
            connection.send(msgspec.json.encode({"id": f"{number}"} | LOG).decode())
            assert receive(connection)["type"] == "ack"
            self.acked = number + 1
        connection.close()


def test_each_backup_under_load_is_of_one_moment(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    repository = Repository(FolderPlace(place))
    moments = []
    with serving(data) as server:
        producer = Producer(server)
        with meanwhile(producer.work):
            for each in range(4):
                acked = producer.acked
                wait_until(lambda before=acked: producer.acked > before + 50)  # type: ignore[misc]
                acked = producer.acked
                done = run_waterline("backup", place, "--data", data)
                assert done.returncode == 0, done.stderr
                moments.append((acked, producer.sent))
                if each % 2:
                    done = run_waterline("archive", "run", "--older-than", "0s", "--data", data)
                    assert done.returncode == 0, done.stderr
    names = repository.names()
    assert len(names) == len(moments)
    for name, (acked, sent) in zip(names, moments, strict=True):
        into = tmp_path / name
        restore_backup(repository, repository.record(name), into)
        found = [int(log_id) for _, log_id, *_ in all_rows(into)]
        assert found == [*range(len(found))]
        assert acked <= len(found) <= sent
        with serving(into, token=server.token) as again:
            wait_until(lambda server=again: uncounted(server) == 0)  # type: ignore[misc]
        assert sum(by_label(counted(into, "logs_stored", "type")).values()) == len(found)
