"""The number of hot logs is told by seqs and gaps, and is what counting the rows gives."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import adopt, archive
from tests.support.examples import costly
from tests.support.folders import Log, fill
from waterline.encoding import PARQUET
from waterline.storage.folder import DataFolder
from waterline.storage.log_store import LARGE_ROW, LogStore, Rows
from waterline.storage.schema import LOGS, Schema
from waterline.storage.sqlite import open_writer, transaction
from workbench.query.database import Database
from workbench.query.hot_count import count_hot_logs
from workbench.query.moment import read_moment

WINDOW = 1_000
LARGE = "x" * (LARGE_ROW + 1)
EARLIER = Schema(LOGS.application_id, LOGS.steps[:3])
"""The schema before gaps were noted."""

_KILLED = """
import sys, time
from pathlib import Path
from tests.workbench.query.test_hot_count import Folder
folder = Folder(Path(sys.argv[1]))
for number in range(1_000_000):
    folder.store([[f"{number - back}" for back in (0, 3, 1, 0, -1)]])
    if number == 50:
        print("storing", flush=True)
"""


class Folder:
    """A logs.db that logs go into as the writer stores them, and out of as the archive job does.

    It is closed between two steps, as readers use another SQLite.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0
        self._next_seq = 1

    def store(self, parts: Sequence[Sequence[str]]) -> None:
        """Store logs by their ids, in one commit; `large` is the id of a large one."""
        rows = [Rows(b",".join(map(_row, ids)), len(ids)) for ids in parts]
        with closing(open_writer(self.path, LOGS, "NORMAL")) as connection:
            table = LogStore(connection, WINDOW)
            stored = table.store_all(rows, self._next_seq, self.now, self.now)
        if stored.last_new is not None:
            self._next_seq = stored.last_new + 1

    def archive(self, share: float, *, clear: bool) -> None:
        """Move the watermark over a share of the hot logs, and remove their rows if told so."""
        with (
            closing(open_writer(self.path, LOGS, "NORMAL")) as connection,
            transaction(connection),
        ):
            connection.execute(
                "UPDATE seam SET archived_through = archived_through + "
                "cast(? * ((SELECT max(seq) FROM logs) - archived_through) AS INTEGER) "
                "WHERE archived_through < (SELECT max(seq) FROM logs)",
                (share,),
            )
            if clear:
                hidden = "FROM logs WHERE seq <= (SELECT archived_through FROM seam)"
                connection.execute(
                    "INSERT OR REPLACE INTO archived_ids "
                    f"SELECT source, id, seq, received_at {hidden}"
                )
                connection.execute(f"DELETE {hidden}")


def _row(log_id: str) -> bytes:
    message = LARGE if log_id == "large" else "m"
    return msgspec.json.encode([log_id, "info", None, "x", message, {}])


def check(path: Path) -> None:
    """Compare the numbers of hot logs with those of rows, up to any seq."""
    with Database(path, LOGS) as database, database.view() as view:
        rows = view.rows("SELECT seq FROM logs, seam WHERE seq > archived_through")
        seqs = [seq for (seq,) in rows]
        moment = read_moment(view)
        assert count_hot_logs(view, moment, None) == len(seqs)
        for through in range(moment.last_seq + 2):
            wanted = sum(seq <= through for seq in seqs)
            assert count_hot_logs(view, moment, through) == wanted, through


ids = st.sampled_from("abcdefghijkl")
parts = st.lists(st.lists(ids, min_size=1, max_size=6) | st.just(["large"]), min_size=1, max_size=3)
steps = st.tuples(st.just("store"), parts) | st.tuples(
    st.sampled_from(["archive", "clear", "wait"]), st.sampled_from([0.3, 0.5, 1.0])
)


@costly(25)
@given(taken=st.lists(steps, min_size=1, max_size=12))
def test_count_is_that_of_rows_whatever_came_twice_and_was_archived(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[str, object]]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("count") / "logs.db")
    for step, of in taken:
        if step == "store":
            folder.store(of)  # type: ignore[arg-type]
        elif step == "wait":
            folder.now += WINDOW + 1
        else:
            folder.archive(of, clear=step == "clear")  # type: ignore[arg-type]
        if folder.path.exists():
            check(folder.path)


def test_count_after_kill_is_that_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"storing\n"
        process.kill()
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert connection.execute("SELECT count(*) FROM seq_gaps").get
    check(path)


@pytest.mark.logs
def test_file_of_earlier_version_counts_its_logs_with_those_missing(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with closing(open_writer(path, EARLIER, "FULL")) as connection:
        connection.executemany(
            "INSERT INTO logs VALUES (?1, ?1, 'info', 0, 0, 'x', 'm', '{}')",
            [(seq,) for seq in (1, 2, 4, 5, 8, 9)],
        )
        connection.execute("UPDATE seam SET archived_through = 2")
    for through in range(2, 10):
        with closing(open_writer(path, LOGS, "FULL")) as connection:
            connection.execute("UPDATE seam SET archived_through = ?", (through,))
            connection.execute("DELETE FROM logs WHERE seq <= ?", (through,))
        check(path)


@pytest.mark.logs
def test_file_of_earlier_version_without_missing_logs_has_no_gap(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with closing(open_writer(path, EARLIER, "FULL")) as connection:
        connection.execute("INSERT INTO logs VALUES (1, 'a', 'info', 0, 0, 'x', 'm', '{}')")
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert not connection.execute("SELECT * FROM seq_gaps").fetchall()
    check(path)


def test_count_beside_adopted_batches(tmp_path: Path) -> None:
    logs: list[Log] = [{"type": "info", "message": "m", "id": f"{n}"} for n in range(12)]
    fill(tmp_path, logs)
    assert adopt(tmp_path, 5, 7, PARQUET) is not None
    check(DataFolder(tmp_path).logs)
    archive(tmp_path, [(3, PARQUET)])
    check(DataFolder(tmp_path).logs)
    with workbench.connect(tmp_path, cache=False) as wb:
        assert wb.count() == 12
