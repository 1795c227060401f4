"""The workbench as an analyst holds it: connected, asked, shown, closed, beside a live server."""

import inspect
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pandas as pd
import pytest

import workbench
from tests.support.archives import archive, path_of
from tests.support.folders import Log, alter, alter_elsewhere, fill
from tests.support.processes import ServerProcess, serving
from waterline import errors
from waterline.archive.catalog import read_catalog
from waterline.encoding import PARQUET
from waterline.errors import (
    ArchiveError,
    DataFolderError,
    NewerSchema,
    UnmeasuredLogs,
    UsageError,
)
from waterline.storage.folder import DataFolder
from workbench.query.question import Filters
from workbench.workbench import Workbench

LOG: Log = {"type": "info", "message": "m", "n": 1}

ANSWERS: dict[str, Callable[[Workbench], object]] = {
    "logs": Workbench.logs,
    "logs of none": lambda wb: wb.logs(limit=0),
    "count": Workbench.count,
    "throughput": lambda wb: wb.throughput(exact=True),
    "latency": lambda wb: wb.latency("n", exact=True),
    "holdings": Workbench.holdings,
}
"""What reads logs.db."""


def as_text(answer: object) -> str:
    return answer.to_csv() if isinstance(answer, pd.DataFrame) else str(answer)


def push(server: ServerProcess, rounds: int, size: int) -> None:
    """Send logs, so many a round, and see each acked before the next round."""
    socket = server.connect()
    try:
        for _ in range(rounds):
            for n in range(size):
                socket.send(f'{{"type":"info","message":"m","n":{n}}}')
            acks = [msgspec.json.decode(socket.recv()) for _ in range(size)]
            assert {each["type"] for each in acks} == {"ack"}
    finally:
        socket.close()


def test_package_has_all_errors_and_warnings() -> None:
    """What is not in `waterline.errors` is a fault of ours, so that is all of it."""
    public = {
        name: each
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, Exception) and each.__module__ == errors.__name__
    }
    assert {name: getattr(workbench, name, None) for name in public} == public
    assert public.keys() <= {*workbench.__all__} & {*dir(workbench)}
    with pytest.raises(workbench.WaterlineError):
        workbench.connect("none")


# Connecting


def test_connect_opens_a_folder_by_text_or_path(data: Path) -> None:
    fill(data, [LOG])
    for path in (data, str(data)):
        with workbench.connect(path) as wb:
            assert isinstance(wb, workbench.Workbench)
            assert wb.count() == 1


def test_folder_is_data_where_none_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data, [LOG])
    monkeypatch.chdir(data.parent)
    with workbench.connect() as wb:
        assert wb.count() == 1
        assert repr(wb).startswith("data folder  data\n")


@pytest.mark.parametrize("is_there", [True, False])
def test_folder_without_logs_is_refused_with_what_to_do(data: Path, is_there: bool) -> None:
    if is_there:
        data.mkdir()
    with pytest.raises(DataFolderError) as refused:
        workbench.connect(data)
    assert str(refused.value) == (
        f"there are no logs in {data}; start a server with `waterline serve --data {data}`, "
        "or name another folder"
    )
    assert data.exists() == is_there


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("README.md", "README.md is a file; give the data folder, the one that has logs.db in it"),
        ("data/logs.db", "data/logs.db is a file; give its folder, data"),
    ],
)
def test_connect_refuses_what_is_no_folder_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").touch()
    fill(Path("data"), [LOG])
    with pytest.raises(DataFolderError, match=re.escape(hint)):
        workbench.connect(name)
    with pytest.raises(DataFolderError, match=re.escape(hint)):
        read_catalog(DataFolder(Path(name)))


def test_address_in_place_of_a_folder_is_refused_with_a_remedy() -> None:
    with pytest.raises(DataFolderError, match="is no folder; give the data folder of the server"):
        read_catalog(DataFolder(Path("ws://127.0.0.1:3001")))


@pytest.mark.parametrize("name", ["no\x00name", "x" * 5000])
def test_connect_refuses_what_cannot_be_a_path(name: str) -> None:
    with pytest.raises(DataFolderError) as refused:
        workbench.connect(name)
    assert "\n" not in str(refused.value)


def test_folder_of_a_later_version_is_refused(data: Path) -> None:
    fill(data, [LOG])
    alter(data / "logs.db", "PRAGMA user_version = 99")
    with pytest.raises(NewerSchema, match="schema version 99"):
        workbench.connect(data)


def test_foreign_database_is_refused(data: Path) -> None:
    data.mkdir()
    alter(data / "logs.db", "CREATE TABLE logs (message TEXT)")
    with pytest.raises(DataFolderError, match="is not a database of Waterline's"):
        workbench.connect(data)


def test_damaged_file_is_refused(data: Path) -> None:
    fill(data, [LOG])
    (data / "logs.db").write_bytes(b"\xff" * 8192)
    with pytest.raises(DataFolderError, match="file is not a database"):
        workbench.connect(data)


def test_any_name_of_a_folder_will_do(tmp_path: Path) -> None:
    data = tmp_path / "my logs #1 50%? <übung>"
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        assert len(wb.logs()) == 1
        with pytest.warns(UnmeasuredLogs):
            assert wb.throughput().empty


def test_folder_whose_server_has_only_begun_is_empty(data: Path) -> None:
    fill(data)
    with workbench.connect(data) as wb:
        assert wb.logs().empty
        assert wb.count() == 0


# Answers


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_row_behind_the_seam_is_not_seen_before_it_is_removed(
    data: Path, answer: Callable[[Workbench], object]
) -> None:
    fill(data, [LOG] * 5)
    alter(data / "logs.db", "UPDATE seam SET archived_through = 2")
    with workbench.connect(data) as wb:
        with_garbage = answer(wb)
    alter(data / "logs.db", "DELETE FROM logs WHERE seq <= 2")
    with workbench.connect(data) as wb:
        assert as_text(answer(wb)) == as_text(with_garbage)
        assert wb.count() == 3


def test_asking_leaves_every_byte_of_the_logs_as_it_was(data: Path) -> None:
    fill(data, [LOG] * 50)
    before = (data / "logs.db").read_bytes()
    with workbench.connect(data) as wb:
        for answer in ANSWERS.values():
            answer(wb)
        repr(wb)
        assert (data / "logs.db-wal").stat().st_size == 0
    assert (data / "logs.db").read_bytes() == before


def test_question_that_makes_no_sense_leaves_the_workbench_usable(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        with pytest.raises(UsageError):
            wb.logs(limit=-1)
        with pytest.raises(UsageError):
            wb.throughput("fast")
        assert wb.count() == 1


def test_several_threads_may_ask(data: Path) -> None:
    fill(data, [LOG] * 10)
    with workbench.connect(data) as wb, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: len(wb.logs()), range(40))) == {10}


# How it shows itself


def test_workbench_shows_what_the_folder_holds(data: Path) -> None:
    fill(data, [LOG, {**LOG, "type": "error"}, LOG], source="web")
    with workbench.connect(data) as wb:
        lines = repr(wb).splitlines()
        html = wb._repr_html_()
    assert lines[:6] == [
        f"data folder  {data}",
        "logs         3",
        "types        info 2, error 1",
        "sources      web 3",
        "from         2026-03-17 12:00:00 UTC",
        "to           2026-03-17 12:00:00 UTC",
    ]
    assert html.startswith('<div class="wl-card">')
    assert "info 2, error 1" in html


def test_names_are_escaped_in_a_notebook(tmp_path: Path) -> None:
    data = tmp_path / "<i>data & more"
    fill(data, [{**LOG, "type": "<script>alert(1)</script>"}], source="<b>web</b>")
    with workbench.connect(data) as wb:
        html = wb._repr_html_()
    assert "<script>" not in html
    assert "<b>web" not in html
    assert "<i>" not in html
    assert "&lt;i&gt;data &amp; more" in html


def test_workbench_can_be_shown_when_it_cannot_be_asked(tmp_path: Path) -> None:
    data = tmp_path / "<data>"
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        assert repr(wb).startswith("data folder")
    assert repr(wb).startswith(f"a workbench on {data}: {data / 'logs.db'} is closed")
    assert "&lt;data&gt;: " in wb._repr_html_()
    assert "<data>" not in wb._repr_html_()


def test_file_that_is_gone_is_named_when_it_is_asked_for(data: Path) -> None:
    fill(data, [LOG] * 3)
    (batch,) = archive(data, [(2, PARQUET)])
    path_of(data, batch).unlink()
    with workbench.connect(data) as wb:
        with pytest.raises(ArchiveError) as refused:
            wb.logs()
        assert str(refused.value) == (
            f"cannot read {path_of(data, batch)}: No such file or directory; restore it from a copy"
        )
        assert wb.count() == 3


@pytest.mark.parametrize("method", ["logs", "count", "throughput", "latency"])
def test_help_and_completion_see_each_filter(method: str) -> None:
    signature = inspect.signature(getattr(Workbench, method))
    filters = [*Filters.__annotations__]
    assert [*signature.parameters][-len(filters) :] == filters
    for name in filters:
        parameter = signature.parameters[name]
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is None
    assert not any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())


def test_other_parameters_keep_their_place_and_default() -> None:
    throughput = inspect.signature(Workbench.throughput).parameters
    assert [*throughput][:5] == ["self", "every", "by", "exact", "clock"]
    assert (throughput["every"].default, throughput["clock"].default) == ("1s", "received_at")
    assert [*inspect.signature(Workbench.latency).parameters][:3] == ["self", "metric", "by"]
    assert [*inspect.signature(Workbench.logs).parameters][:2] == ["self", "attributes"]


@pytest.mark.slow
def test_tab_key_offers_each_filter(data: Path) -> None:
    jedi = pytest.importorskip("jedi")  # what completes in a notebook
    fill(data)
    with workbench.connect(data) as wb:
        offered = jedi.Interpreter("wb.logs(", [{"wb": wb}]).complete()
        methods = jedi.Interpreter("wb.", [{"wb": wb}]).complete()
    assert {f"{each}=" for each in ["attributes", *Filters.__annotations__]} <= {
        each.name for each in offered
    }
    assert {"logs", "count", "throughput", "latency", "holdings", "close"} <= {
        each.name for each in methods
    }


# Closing


def test_workbench_can_be_closed_twice_and_says_that_it_is_closed(data: Path) -> None:
    fill(data, [LOG])
    wb = workbench.connect(data)
    wb.close()
    wb.close()
    for answer in ANSWERS.values():
        with pytest.raises(UsageError) as refused:
            answer(wb)
        assert str(refused.value) == (
            f"{data / 'logs.db'} is closed here; connect to its folder again"
        )


def test_with_block_closes_it_also_after_an_error(data: Path) -> None:
    fill(data, [LOG])
    with pytest.raises(ZeroDivisionError), workbench.connect(data) as wb:
        assert wb.count() / 0
    with pytest.raises(UsageError, match="is closed"):
        wb.count()


# Beside a live server


@pytest.mark.slow
def test_counts_never_go_back_and_each_answer_is_of_one_moment(data: Path) -> None:
    rounds, size = 100, 40
    seen: list[int] = []
    with serving(data) as server, ThreadPoolExecutor(1) as pool, workbench.connect(data) as wb:
        sending = pool.submit(push, server, rounds, size)
        while True:
            is_over = sending.done()
            frame = wb.logs(attributes=["n"])
            assert frame["seq"].tolist() == list(range(1, len(frame) + 1))
            assert frame["n"].tolist() == [(seq - 1) % size for seq in frame["seq"]]
            seen += [len(frame), wb.count(), int(wb.throughput("1h", exact=True)["logs"].sum())]
            seen += [wb.holdings().logs]
            if is_over:
                break
        sending.result()
    assert seen == sorted(seen)
    assert seen[-1] == rounds * size


@pytest.mark.slow
def test_question_that_is_answered_does_not_hold_the_wal_back(server: ServerProcess) -> None:
    logs_db = server.data / "logs.db"
    push(server, 5, 100)
    with workbench.connect(server.data) as wb:
        for answer in ANSWERS.values():
            answer(wb)
            repr(wb)
            push(server, 1, 10)
            assert logs_db.with_name("logs.db-wal").stat().st_size > 0
            ((busy, *_),) = alter_elsewhere(logs_db, "PRAGMA wal_checkpoint(TRUNCATE)")
            assert busy == 0
            assert logs_db.with_name("logs.db-wal").stat().st_size == 0
        assert wb.count() == 500 + 10 * len(ANSWERS)


@pytest.mark.slow
def test_killed_server_leaves_all_that_was_acked_to_read(data: Path) -> None:
    with serving(data) as server, workbench.connect(data) as before:
        push(server, 3, 100)
        server.kill()
        assert before.count() == 300
        assert (data / "logs.db-wal").stat().st_size > 0
        with workbench.connect(data) as after:
            assert after.logs()["seq"].tolist() == list(range(1, 301))
    with workbench.connect(data) as wb:
        assert wb.count() == 300


@pytest.mark.slow
def test_workbench_stays_connected_while_the_server_goes_and_comes(data: Path) -> None:
    with serving(data) as server:
        push(server, 1, 10)
        with workbench.connect(data) as wb:
            assert wb.count() == 10
            assert server.stop() == 0
            assert wb.count() == 10
            with serving(data, token=server.token) as again:
                push(again, 1, 10)
                assert wb.count() == 20
            assert wb.logs()["seq"].tolist() == list(range(1, 21))
