"""Faults of clusters and of files: the answer is whole, or one sentence says what is wrong."""

import os
import pickle
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

import workbench
from tests.support.archives import archive, change, elsewhere, path_of
from tests.support.clusters import (
    Echo,
    EndOnce,
    cluster,
    end_worker,
    scheduler_alone,
    tasks_of,
    workers_of,
)
from tests.support.folders import NOON, fill
from tests.support.forking import run
from tests.support.processes import PATIENCE
from tests.support.sessions import session_of
from tests.support.waiting import wait_until
from tests.workbench.remote.test_alike import assert_alike
from waterline.archive.reader import BatchReader
from waterline.encoding import PARQUET
from waterline.errors import (
    ArchiveError,
    ClusterError,
    DataFolderError,
    IncompleteAnswer,
    MissingLogs,
    UsageError,
)
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from workbench.query.piece import Chosen, Counted, TakeColumns
from workbench.query.question import Question
from workbench.spreading.dask import DaskSpread, what_is_open
from workbench.workbench import Workbench

pytestmark = [pytest.mark.slow, pytest.mark.logs]

LOGS = [
    {"type": ("info", "error")[place % 2], "message": f"item {place}", "timestamp": NOON + place}
    for place in range(400)
]
_ROOT = Path(__file__).parents[3]
EVERY = Question(columns=("seq", "message"))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster() as running:
        yield running


@pytest.fixture
def batches(data: Path) -> list[ArchivedBatch]:
    """Twenty batches of 20 logs."""
    fill(data, LOGS)
    return archive(data, [(20, PARQUET)] * 20, clear=True)


# Of clusters.


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("is_direct", [False, True], ids=["scheduler", "direct"])
def test_worker_that_is_killed_in_mid_question_costs_no_log(data: Path, is_direct: bool) -> None:
    with cluster(is_direct=is_direct) as client, Workbench(data, cache=False, cluster=client) as wb:
        pieces = wb.iter_logs()
        first = next(pieces)
        killed = workers_of(client)[0]
        os.kill(killed, signal.SIGKILL)
        found = [*first["seq"], *(seq for each in pieces for seq in each["seq"])]
        assert found == [*range(1, 401)]


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("is_direct", [False, True], ids=["scheduler", "direct"])
def test_worker_that_ends_with_what_it_has_read_costs_no_log(
    data: Path, tmp_path: Path, is_direct: bool
) -> None:
    take = EndOnce(tmp_path / "ended")
    with cluster(is_direct=is_direct) as client, Workbench(data, cache=False, cluster=client) as wb:
        answer = session_of(wb).logs.sum(EVERY, take, int.__add__, of_hot=lambda *_: 0)
    assert answer.value == len(LOGS)
    assert take.path.exists()


@pytest.mark.usefixtures("batches")
def test_file_that_ends_each_worker_is_named(data: Path) -> None:
    with cluster() as client, Workbench(data, cache=False, cluster=client) as wb:
        with pytest.raises(ClusterError) as told:
            session_of(wb).logs.sum(EVERY, end_worker, int.__add__, of_hot=lambda *_: 0)
        assert str(told.value).startswith(f"{data.absolute()}/archives/")
        assert str(told.value).endswith(
            "has ended every worker that read it, mostly for want of memory; give the workers "
            "more, or ask without a cluster"
        )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone reads the variables")
def test_worker_that_is_started_here_keeps_memory_for_its_next_array() -> None:
    with cluster(1) as client:
        faults = client.submit(_faults).result()
    # Anew, each array would have two hundred pages.
    assert faults < 2_000


def test_environment_of_this_process_is_as_before_once_workers_have_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with cluster(1) as client:
        threads = client.submit(os.getenv, "OMP_NUM_THREADS").result()
        assert dict(os.environ) == before
    assert threads == "1"


def _faults() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(100_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


_INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from tests.support.clusters import Wait, cluster, tasks_of
from tests.support.sessions import session_of
from tests.support.waiting import wait_until
from workbench.query.question import Question
from workbench.workbench import Workbench

if __name__ == "__main__":
    take = Wait(Path("begun").absolute(), Path("until").absolute())

    def interrupt():
        wait_until(take.begun.exists, "no task has begun")
        os.kill(os.getpid(), signal.SIGINT)

    with cluster() as client, Workbench(sys.argv[1], cache=False, cluster=client) as wb:
        session, question = session_of(wb), Question(columns=("seq",))
        threading.Thread(target=interrupt).start()
        try:
            session.patiently(
                lambda: session.logs.sum(question, take, int.__add__, of_hot=lambda *_: 0)
            )
        except KeyboardInterrupt:
            # Those that have begun wait for the file: the interrupt did not wait for them.
            assert not take.until.exists()
            wait_until(lambda: not tasks_of(client), "tasks are left")
            take.until.touch()
            print("interrupted,", wb.count(contains="item 7"))
"""


@pytest.mark.usefixtures("batches")
def test_interrupt_cancels_all_tasks_at_once(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(_INTERRUPTED)
    done = run([sys.executable, str(script), str(data)], cwd=tmp_path, PYTHONPATH=str(_ROOT))
    assert done.stdout == "interrupted, 11\n", done.stderr


@pytest.mark.usefixtures("batches")
def test_answer_that_is_given_up_leaves_no_task(client: Client, data: Path) -> None:
    with Workbench(data, cache=False, cluster=client) as wb:
        pieces = wb.iter_logs()
        next(pieces)
        pieces.close()  # type: ignore[attr-defined] # it is a generator
        wait_until(lambda: not tasks_of(client), "tasks are left")
        assert len(wb.logs(limit=5)) == 5
        wait_until(lambda: not tasks_of(client), "tasks are left")


@pytest.mark.parametrize(
    ("is_probing", "begun"), [(True, [1, 3, 6, 7, 8]), (False, [4, 5, 6, 7, 8])]
)
def test_where_few_results_may_do_few_tasks_are_begun_before(
    client: Client, *, is_probing: bool, begun: list[int]
) -> None:
    wait_until(lambda: len(client.nthreads()) == 2, "a worker lacks")
    asked: list[Echo] = []

    def tasks() -> Iterator[Echo]:
        for number in range(20):
            asked.append(Echo(number))
            yield asked[-1]

    results = DaskSpread(client, None).map(tasks(), threads=1, is_probing=is_probing)
    found = []
    for number in range(5):
        assert next(results) == number
        found.append(len(asked))
    results.close()
    assert found == begun


def test_limit_is_met_by_the_newest_logs(
    client: Client, data: Path, batches: list[ArchivedBatch]
) -> None:
    for each in batches[:-3]:
        path_of(data, each).unlink()
    with Workbench(data, cache=False, cluster=client) as wb:
        assert wb.logs(limit=3)["seq"].tolist() == [398, 399, 400]


@pytest.mark.usefixtures("batches")
def test_closed_cluster_is_told_in_one_sentence(data: Path) -> None:
    with cluster(1) as client, Workbench(data, cache=False, cluster=client) as wb:
        assert wb.count(contains="item") == 400
        scheduler: Any = client.scheduler
        address = scheduler.address
        client.close()
        with pytest.raises(ClusterError) as told:
            wb.count(contains="item")
    assert str(told.value) == (
        f"the cluster at {address} was closed, or cannot be reached any more; connect again"
    )


@pytest.mark.usefixtures("batches")
def test_cluster_that_is_killed_in_mid_question_is_told(data: Path, tmp_path: Path) -> None:
    with (
        scheduler_alone(tmp_path) as (process, client),
        Workbench(data, cache=False, cluster=client) as wb,
    ):
        pieces = wb.iter_logs()
        next(pieces)
        process.kill()
        process.wait(PATIENCE)
        with pytest.raises(ClusterError, match="cannot be reached any more"):
            list(pieces)
        with pytest.raises(ClusterError, match="cannot be reached any more"):
            wb.count(contains="item")


@pytest.mark.usefixtures("batches")
def test_worker_without_the_folder_is_told(data: Path, tmp_path: Path) -> None:
    # In a mount namespace of its own the worker has an empty folder at that place.
    with (
        scheduler_alone(tmp_path, hidden=data) as (_, client),
        Workbench(data, cache=False, cluster=client) as wb,
        pytest.raises(DataFolderError) as told,
    ):
        wb.count(contains="item")
    assert re.fullmatch(
        rf"the machine {socket.gethostname()} does not have the folder of \S+\.parquet; have "
        "every worker see it under this path, or upload the archives to object storage",
        str(told.value),
    )


def test_other_version_of_a_worker_is_told(data: Path, tmp_path: Path) -> None:
    fill(data, LOGS[:1])
    # What a package says of itself is found where the path of modules comes to it first.
    information = tmp_path / "older" / "waterline-0.0.9.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: waterline\nVersion: 0.0.9\n"
    )
    with (
        scheduler_alone(tmp_path, PYTHONPATH=str(information.parent)) as (_, client),
        pytest.raises(ClusterError) as told,
    ):
        Workbench(data, cluster=client)
    assert re.fullmatch(
        r"the (scheduler|worker at \S+) has waterline 0\.0\.9, and this process has \S+; install "
        "the same versions on both",
        str(told.value),
    )


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("tcp://127.0.0.1:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://localhost:8786", False),
        ("inproc://10.0.0.7/1/2", False),
        ("tls://10.0.0.7:8786", False),
        ("wss://dask.example.com", False),
        ("tcp://10.0.0.7:8786", True),
        ("tcp://0.0.0.0:8786", True),
        ("ws://dask.example.com:8786", True),
        ("ucx://10.0.0.7:8786", True),
    ],
)
def test_scheduler_that_others_reach_is_told(address: str, *, is_open: bool) -> None:
    told = what_is_open(address)
    assert (told is not None) is is_open
    if told is not None:
        assert told.startswith(f"the scheduler at {address} runs what anybody sends who reaches it")


@pytest.mark.parametrize("given", [0, -1, True, "remote", "tcp://127.0.0.1:8786", 1.5, []])
def test_what_is_no_cluster_is_refused(data: Path, given: object) -> None:
    fill(data, LOGS[:1])
    with pytest.raises(UsageError, match=r"is no cluster; give a distributed\.Client, 'local'"):
        workbench.connect(data, cluster=given)  # type: ignore[arg-type] # it is none


def test_server_takes_no_cluster() -> None:
    with pytest.raises(UsageError, match="cluster= is for a folder"):
        workbench.connect("http://127.0.0.1:9", token="t", cluster=2)


def test_workers_that_were_started_here_end_with_the_workbench(data: Path) -> None:
    fill(data, LOGS[:30])
    archive(data, [(10, PARQUET)] * 3)
    with workbench.connect(data, cache=False, cluster=2) as wb:
        assert wb.count(contains="item") == 30
        client = session_of(wb)._spread._client  # type: ignore[attr-defined] # that of Dask
        pids = workers_of(client)
        assert len(pids) == 2
        listening = subprocess.run(
            ["ss", "-Hltnp"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        ours = [line for line in listening if any(f"pid={pid}," in line for pid in pids)]
        assert len(ours) >= 2
        assert all(line.split()[3].startswith("127.0.0.1:") for line in ours)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "workers go on")
    wb.close()


def test_workers_end_if_the_folder_cannot_be_opened(tmp_path: Path) -> None:
    before = _children()
    with pytest.raises(DataFolderError, match="there are no logs"):
        workbench.connect(tmp_path, cluster=1)
    wait_until(lambda: _children() <= before, "workers go on")


def test_script_without_a_guard_is_told_what_to_do(data: Path, tmp_path: Path) -> None:
    fill(data, LOGS[:1])
    script = tmp_path / "script.py"
    script.write_text(f"import workbench\nworkbench.connect({str(data)!r}, cluster=1)\n")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert "connect below `if __name__ == '__main__':`" in done.stderr


# Of files.


def test_damaged_deleted_and_exchanged_files_are_named_as_without_a_cluster(
    client: Client, data: Path, batches: list[ArchivedBatch]
) -> None:
    cut, gone, exchanged = (path_of(data, batches[each]) for each in (2, 7, 12))
    cut.write_bytes(cut.read_bytes()[:-1])
    gone.unlink()
    # As of another past, or of another folder: whole in itself.
    shutil.copy(path_of(data, batches[13]), exchanged)
    asks = [
        lambda wb: wb.count(contains="item"),
        lambda wb: wb.count(contains="item", until=NOON + 40),
        lambda wb: wb.logs(),
        lambda wb: wb.latency("x", exact=True),
        lambda wb: wb.throughput(exact=True),
        lambda wb: wb.fields(sample=None),
        lambda wb: wb.logs(incomplete="warn"),
        lambda wb: wb.patterns(),
        lambda wb: wb.diff({"type": "info"}, {"type": "error"}),
        lambda wb: [*wb.iter_logs()],
    ]
    with (
        Workbench(data, lambda: NOON, cache=False) as here,
        Workbench(data, lambda: NOON, cache=False, cluster=client) as there,
    ):
        for ask in asks:
            assert_alike(ask, here, there)
        with pytest.raises(IncompleteAnswer) as told:
            there.count(contains="item")
        for sentence in (
            f"{cut} is damaged: it has ",
            f"cannot read {gone}: No such file or directory",
            f"{exchanged} is damaged: ",
        ):
            assert sentence in str(told.value)
        with pytest.warns(MissingLogs):
            assert len(there.logs(incomplete="warn")) == len(LOGS) - 60


def test_file_that_changes_at_its_path_is_no_longer_answered_from(
    client: Client, data: Path, batches: list[ArchivedBatch]
) -> None:
    path = path_of(data, batches[4])
    content = path.read_bytes()
    with Workbench(data, cache=False, cluster=client) as wb:
        assert wb.count(contains="item") == len(LOGS)
        frame = wb.dask()
        assert len(frame) == len(LOGS)
        path.write_bytes(path_of(data, batches[5]).read_bytes().ljust(len(content))[: len(content)])
        with pytest.raises(IncompleteAnswer, match=re.escape(str(path))):
            wb.count(contains="item")
        with pytest.raises(ArchiveError, match=re.escape(str(path))):
            frame["seq"].sum().compute()
        path.write_bytes(content)
        assert wb.count(contains="item") == len(LOGS)
        assert frame["seq"].sum().compute() == sum(range(401))


def test_batch_that_is_moved_in_mid_question_is_read_in_its_new_place(
    client: Client, data: Path, batches: list[ArchivedBatch]
) -> None:
    with Workbench(data, cache=False, cluster=client) as wb:
        pieces = wb.iter_logs()
        found = [*next(pieces)["seq"]]
        # A rewrite gives its file another name.
        moved = [replace(each, file=f"{each.day}/moved-{each.batch}.parquet") for each in batches]
        for old, new in zip(batches, moved, strict=True):
            shutil.copy(path_of(data, old), path_of(data, new))
        elsewhere(change, data, moved)
        for each in batches:
            path_of(data, each).unlink()
        found += [seq for each in pieces for seq in each["seq"]]
    assert found == [*range(1, 401)]


def test_each_flipped_bit_is_found_with_a_cluster_and_without(client: Client, data: Path) -> None:
    fill(data, [each | {"duration_ms": number % 91 / 7} for number, each in enumerate(LOGS)])
    (batch,) = archive(data, [(400, PARQUET)], clear=True)
    path = path_of(data, batch)
    content = path.read_bytes()
    # In the column chunks, which lie before the footer.
    footer = int.from_bytes(content[-8:-4], "little") + 8
    places = [4 + (len(content) - footer - 4) * each // 48 for each in range(48)]
    found = {"here": 0, "there": 0, "frame": 0}
    with (
        Workbench(data, cache=False) as here,
        Workbench(data, cache=False, cluster=client) as there,
    ):
        whole = here.latency("duration_ms", by="type", exact=True)
        frame = there.dask(columns=["message"])
        for number, place in enumerate(places):
            flipped = bytearray(content)
            flipped[place] ^= 1 << number % 8
            path.write_bytes(flipped)
            for name, wb in (("here", here), ("there", there)):
                with suppress(IncompleteAnswer):
                    wb.latency("duration_ms", by="type", exact=True)
                    continue
                found[name] += 1
            with suppress(ArchiveError):
                frame.compute()
                continue
            found["frame"] += 1
        path.write_bytes(content)
        assert_alike(lambda wb: wb.latency("duration_ms", by="type", exact=True), here, there)
        assert len(whole) == 2
    assert found == {"here": 48, "there": 48, "frame": 48}


# Of tasks.


def test_key_of_a_task_is_of_content_and_question_and_of_no_path(
    data: Path, batches: list[ArchivedBatch], tmp_path: Path
) -> None:
    first, second = (BatchReader(DataFolder(each)) for each in (data, tmp_path / "copy"))
    take = TakeColumns(("seq",))
    piece = Chosen(first, batches[0], EVERY, take)
    moved = replace(batches[0], file="moved.parquet", uploaded_to="s3://a", local_removed_at=1)
    assert Chosen(second, moved, EVERY, take).key() == piece.key()
    assert pickle.loads(pickle.dumps(piece)).key() == piece.key()
    others = [
        Chosen(first, replace(batches[0], sha256=batches[1].sha256), EVERY, take),
        Chosen(first, batches[0], replace(EVERY, limit=7), take),
        Chosen(first, batches[0], replace(EVERY, since=NOON + 1), take),
        Chosen(first, batches[0], EVERY, TakeColumns(("message",))),
        Chosen(first, batches[0], EVERY, take, packed=True),
        Counted(first, batches[0], EVERY),
    ]
    assert len({piece.key(), *(each.key() for each in others)}) == 7


# Of a DataFrame of Dask.


@pytest.mark.parametrize("columns", [None, ["message", "seq"], ["received_at"]])
def test_frame_of_dask_is_what_logs_returns(
    client: Client, data: Path, columns: list[str] | None
) -> None:
    fill(data, LOGS)
    archive(data, [(90, PARQUET)] * 3, clear=True)
    with Workbench(data, cache=False, cluster=client) as wb:
        expected = wb.logs(type="error", columns=columns)
        frame = wb.dask(type="error", columns=columns)
        assert frame.npartitions == 4
        assert dict(frame.dtypes) == dict(expected.dtypes)
        found = frame.compute(scheduler=client).reset_index(drop=True)
        assert found.equals(expected)
        assert dict(found.dtypes) == dict(expected.dtypes)
        # Logs that come later are not its own.
        elsewhere(fill, data, LOGS)
        assert len(frame) == len(expected)


def test_keys_of_a_frame_of_dask_are_of_content_and_question(data: Path, tmp_path: Path) -> None:
    fill(data, LOGS[:50])
    (batch,) = archive(data, [(50, PARQUET)], clear=True)
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    elsewhere(change, copy, [replace(batch, sha256="0" * 64)])
    shutil.copytree(data, tmp_path / "alike")
    keys = []
    for folder, columns in (
        (data, ["seq"]),
        (tmp_path / "alike", ["seq"]),
        (data, ["message"]),
        (copy, ["seq"]),
    ):
        with Workbench(folder, lambda: NOON, cache=False) as wb:
            keys.append(str(wb.dask(columns=columns, at=wb.pin()).__dask_keys__()))
    assert keys[0] == keys[1]
    assert len({*keys}) == 3


def test_frame_of_dask_needs_no_cluster(data: Path) -> None:
    fill(data, LOGS[:50])
    archive(data, [(20, PARQUET)] * 2, clear=True)
    with Workbench(data, cache=False) as wb:
        counts = wb.dask()["type"].value_counts().compute(scheduler="sync")
        assert counts.to_dict() == {"info": 25, "error": 25}
        with pytest.raises(UsageError, match="limit=3 has no meaning here"):
            wb.dask(limit=3)


def test_dask_is_loaded_only_where_it_is_asked_for() -> None:
    code = "import sys, workbench.workbench; print({'dask', 'distributed'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("call", ["connect({!r}, cluster=2)", "connect({!r}).dask()"])
def test_missing_dask_is_told_with_the_extra(data: Path, call: str) -> None:
    fill(data, LOGS[:1])
    code = (
        "import importlib.util as util, workbench\n"
        "find = util.find_spec\n"
        "import waterline.parts as parts\n"
        "parts.find_spec = lambda name: None if name == 'distributed' else find(name)\n"
        f"workbench.{call.format(str(data))}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "needs packages that are not installed, such as distributed; install Waterline with "
        in (done.stderr)
    )
    assert "pip install 'waterline[dask]'" in done.stderr


def _children() -> set[str]:
    return {*Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
