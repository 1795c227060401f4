"""`waterline tail`: each log once on standard output, over restarts of the server too."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from tests.support.folders import alter
from tests.support.forking import WATERLINE, Started
from tests.support.live import push
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    create_token,
    run_waterline,
    serving,
)
from tests.support.sockets import connected, log
from tests.support.waiting import wait_until
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow


@contextmanager
def tailing(server: ServerProcess, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `waterline tail` against a server."""
    process = Started(
        [WATERLINE, "tail", "--url", server.live, "--token", server.token, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # A line that never comes must fail the test, not hold it.
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate(timeout=PATIENCE)


def read_seqs(stream: IO[str] | None, count: int) -> list[int]:
    assert stream is not None
    return [json.loads(stream.readline())["seq"] for _ in range(count)]


def test_each_log_is_a_line_of_json_as_it_is_stored(server: ServerProcess) -> None:
    with connected(server) as producer:
        push(producer, log(message="grüße\nzwei"), log(type="error"))
    with tailing(server, "--after", "0") as tail:
        assert tail.stdout is not None
        first = json.loads(tail.stdout.readline())
        assert (first["seq"], first["message"], first["source"]) == (1, "grüße\nzwei", "test")
        assert read_seqs(tail.stdout, 1) == [2]


def test_options_choose_logs_and_ctrl_c_is_the_usual_end(server: ServerProcess) -> None:
    options = ("--type", "error", "--type", "warning", "--contains", "dry", "--source", "test")
    with (
        connected(server) as producer,
        tailing(server, "--after", "0", *options) as tail,
    ):
        push(producer, log(message="dry"), log(type="error", message="dry"), log(type="error"))
        push(producer, log(type="warning", message="ran dry"))
        assert read_seqs(tail.stdout, 2) == [2, 4]
        tail.send_signal(signal.SIGINT)
        output, errors = tail.communicate(timeout=PATIENCE)
        assert (tail.returncode, output, errors) == (130, "", "")


def test_query_chooses_logs_and_text_is_a_line_for_people(server: ServerProcess) -> None:
    options = ("--query", "-type:debug status>=500 -path:/health late", "--format", "text")
    with connected(server) as producer:
        push(
            producer,
            log(type="error", message="late\n\x1b[31m", status=503, path="/a b", timestamp=10**12),
            log(type="debug", message="late", status=503, path="/"),
            log(type="error", message="late", status=404, path="/"),
            log(type="error", message="late", status=500, path="/health"),
            log(type="error", message="in time", status=500, path="/"),
            log(type="info", message="too late", status=500, path="/", timestamp=10**12 + 1),
        )
    with tailing(server, "--after", "0", *options) as tail:
        assert tail.stdout is not None
        begin = "2001-09-09 01:46:40"
        late = "late↵\N{REPLACEMENT CHARACTER}[31m"
        assert [tail.stdout.readline() for _ in range(2)] == [
            f'{begin}.000  error    test  {late}  status=503 path="/a b"\n',
            f"{begin}.001  info     test  too late  status=500 path=/\n",
        ]
    with tailing(server, "--after", "0", "type:error type:info status:500") as tail:
        assert read_seqs(tail.stdout, 3) == [4, 5, 6]
    with tailing(server, "--after", "0", '~"^la[t]e" (status:404 OR path:"/HEALTH"i)') as tail:
        assert read_seqs(tail.stdout, 2) == [3, 4]
    done = run_waterline("tail", 'a "b', "--token", server.token, "--url", server.live)
    assert (done.returncode, done.stdout) == (1, "")
    assert "position 3: this quote has no end" in done.stderr


def test_tail_goes_on_where_it_broke_off(data: Path) -> None:
    with serving(data) as first:
        with connected(first) as producer, tailing(first, "--after", "0") as tail:
            wait_until(lambda: first.get("/health")[1]["live_readers"] == 1)
            push(producer, log(), log())
            assert read_seqs(tail.stdout, 2) == [1, 2]
            first.kill()
            port = str(urlsplit(first.ingest).port)
            with serving(data, token=first.token) as elsewhere, connected(elsewhere) as other:
                push(other, log(), log())
            with serving(data, "--port", port, token=first.token) as second:
                with connected(second) as again:
                    push(again, log())
                assert read_seqs(tail.stdout, 3) == [3, 4, 5]
            tail.send_signal(signal.SIGINT)
            _, errors = tail.communicate(timeout=PATIENCE)
        told = f"waterline: the connection to {first.live} is lost"
        assert [line[: len(told)] for line in errors.splitlines()] == [told, told]


def test_tail_goes_on_from_the_position_where_no_log_had_come(data: Path) -> None:
    with serving(data) as first, tailing(first, "--type", "error") as tail:
        wait_until(lambda: first.get("/health")[1]["live_readers"] == 1)
        first.kill()
        port = str(urlsplit(first.ingest).port)
        with serving(data, token=first.token) as elsewhere, connected(elsewhere) as producer:
            push(producer, log(), log(type="error"))
        with serving(data, "--port", port, token=first.token):
            assert read_seqs(tail.stdout, 1) == [2]


def test_tail_ends_with_its_reader_while_no_log_comes(server: ServerProcess) -> None:
    with connected(server) as producer, tailing(server, "--after", "0") as tail:
        push(producer, log())
        assert read_seqs(tail.stdout, 1) == [1]
        assert tail.stdout is not None
        tail.stdout.close()
        assert tail.wait(PATIENCE) == 141
        assert tail.stderr is not None
        assert tail.stderr.read() == ""


def test_tail_ends_with_its_reader_while_the_server_is_gone(data: Path) -> None:
    with serving(data) as server, tailing(server) as tail:
        wait_until(lambda: server.get("/health")[1]["live_readers"] == 1)
        server.kill()
        assert tail.stderr is not None
        assert "is lost" in tail.stderr.readline()
        assert tail.stdout is not None
        tail.stdout.close()
        assert tail.wait(PATIENCE) == 141
        assert tail.stderr.read() == ""


@pytest.mark.parametrize("kind", ["file", "terminal", "nowhere"])
def test_tail_writes_into_a_file_until_ctrl_c(
    server: ServerProcess, tmp_path: Path, kind: str
) -> None:
    ours, terminal = os.openpty()
    path = {"file": str(tmp_path / "out"), "terminal": os.ttyname(terminal), "nowhere": os.devnull}
    with connected(server) as producer, open(path[kind], "w") as output:  # noqa: PTH123
        command = [WATERLINE, "tail", "--url", server.live, "--token", server.token]
        with subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE) as tail:
            wait_until(lambda: server.get("/health")[1]["live_readers"] == 1)
            push(producer, log())
            if kind == "file":
                wait_until(lambda: b'"seq":1' in (tmp_path / "out").read_bytes())
            if kind == "terminal":
                assert b'"seq":1' in os.read(ours, 1000)
            tail.send_signal(signal.SIGINT)
            _, errors = tail.communicate(timeout=PATIENCE)
            assert (tail.returncode, errors) == (130, b"")
    os.close(ours)
    os.close(terminal)


def test_tail_tells_of_skipped_logs_on_standard_error(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        push(producer, log(), log(), log())
    alter(DataFolder(data).logs, "UPDATE seam SET archived_through = 2")
    with (
        serving(data, token=first.token) as server,
        tailing(server, "--after", "0") as tail,
    ):
        assert read_seqs(tail.stdout, 1) == [3]
        tail.send_signal(signal.SIGINT)
        _, errors = tail.communicate(timeout=PATIENCE)
    assert errors == "waterline: skipped the logs from seq 1 to 2: they are archived\n"


def test_tail_that_cannot_work_ends_with_one_sentence(server: ServerProcess) -> None:
    def told(*arguments: str) -> str:
        done = run_waterline("tail", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    token = create_token(server.data, "pump", ("ingest",))
    assert told("--url", server.live, "--token", token) == (
        f"waterline: {server.live} refused the token: this token lacks the scope read\n"
    )
    assert told("--url", server.live, "--token", server.token, "--type", "") == (
        f"waterline: {server.live}: type is empty; give a text, or leave it out for any\n"
    )
    assert "is no WebSocket address" in told("--url", "http://x", "--token", "t")
    server.stop()
    assert told("--url", server.live, "--token", server.token).startswith(
        f"waterline: {server.live} cannot be reached: "
    )
