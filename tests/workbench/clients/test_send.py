"""`waterline send`: real files to a real server by the real command."""

import gzip
import json
import re
import signal
import subprocess
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import workbench
from tests.support.forking import PATIENCE, WATERLINE, Started
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

REAL_LOGS = Path(__file__).parents[4] / "shared" / "data"


def send(server: ServerProcess, *arguments: str | Path, stdin: str | None = None) -> list[str]:
    """Send with the server's address and token; return [exit code, what it printed, errors]."""
    done = run_waterline(
        "send", *arguments, stdin=stdin, WATERLINE_URL=server.ingest, WATERLINE_TOKEN=server.token
    )
    assert "Traceback" not in done.stderr
    assert server.token not in done.stdout + done.stderr
    return [str(done.returncode), done.stdout.strip(), done.stderr.strip()]


def real_log(name: str) -> Path:
    path = REAL_LOGS / name
    if not path.exists():
        pytest.skip(f"the real log {name} is not beside this checkout")
    return path


def test_file_sent_twice_is_stored_once_and_survives_a_kill(data: Path) -> None:
    log = real_log("apache_access.log")
    with serving(data) as server:
        first = send(server, log)
        second = send(server, log)
        server.kill()
    assert first == ["0", "sent 10,000, stored 10,000, duplicates 0, rejected 0", ""]
    assert second == ["0", "sent 10,000, stored 0, duplicates 10,000, rejected 0", ""]
    with serving(data, token=server.token), workbench.connect(data) as wb:
        logs = wb.logs(attributes=["status"])
    assert len(logs) == 10_000
    status = logs["status"].fillna(0)
    assert (logs["type"] == "error").sum() == (status >= 500).sum() > 0
    assert (logs["type"] == "warning").sum() == ((status >= 400) & (status < 500)).sum() > 0


def test_address_is_that_of_the_settings_where_none_is_named(data: Path, tmp_path: Path) -> None:
    log = tmp_path / "my.log"
    log.write_text("one\ntwo\n")
    with serving(data) as server:
        port = str(urlsplit(server.ingest).port)
        done = run_waterline("send", log, WATERLINE_PORT=port, WATERLINE_TOKEN=server.token)
        assert done.stdout == "sent 2, stored 2, duplicates 0, rejected 0\n", done.stderr
    (tmp_path / "waterline.toml").write_text(f"port = {port}\n")
    done = run_waterline(
        "send", log, "--patience", "100ms", cwd=tmp_path, WATERLINE_TOKEN=server.token
    )
    assert "not acked 2" in done.stdout
    assert f"127.0.0.1:{port}" in done.stderr
    done = run_waterline("send", log, WATERLINE_PORT="0", WATERLINE_TOKEN=server.token)
    assert "port is 0, so that only the server knows its address; give --url" in done.stderr


def test_extracted_durations_have_numpys_percentiles(data: Path) -> None:
    log = real_log("OpenStack.log")
    with serving(data, "--measured-attributes", "duration_s") as server:
        assert send(server, log, "--extract", r"time: (?P<duration_s>[0-9.]+)")[0] == "0"
    marks = (line.partition("time: ")[2] for line in log.read_text().splitlines())
    durations = [float(mark) for mark in marks if mark]
    with workbench.connect(data) as wb:
        exact = wb.latency("duration_s", exact=True).iloc[0]
        measured = wb.latency("duration_s").iloc[0]
    assert exact["count"] == measured["count"] == len(durations) == 1_017
    names, shares = ["p50", "p95", "p99"], [0.5, 0.95, 0.99]
    assert exact[names].tolist() == list(np.quantile(durations, shares, method="inverted_cdf"))
    assert measured[names].tolist() == pytest.approx(np.quantile(durations, shares), rel=0.01)
    assert measured["relative_error"] <= 0.01


def test_rotations_in_a_folder_arrive_in_order_of_time(
    server: ServerProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number, name in enumerate(["app.log.2.gz", "app.log.1", "app.log"]):
        content = f"2026-01-01T00:00:0{number}Z INFO number {number}\n".encode("latin-1")
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (folder / "wtmp").write_bytes(b"\1\0\2")
    code, said, errors = send(server, folder)
    assert (code, errors) == ("0", "")
    assert said.splitlines() == [
        "sent 3, stored 3, duplicates 0, rejected 0",
        f"skipped {folder}/wtmp (no text)",
    ]
    with workbench.connect(server.data) as wb:
        logs = wb.logs().sort_values("seq")
    assert [message[-1] for message in logs["message"]] == ["0", "1", "2"]


def test_file_that_has_grown_adds_only_what_is_new(server: ServerProcess, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-01T00:00:00Z INFO one\n\n2026-01-01T00:00:01Z INFO two")
    assert send(server, log)[1] == "sent 2, stored 2, duplicates 0, rejected 0"
    with log.open("a") as more:
        more.write("\n2026-01-01T00:00:02Z ERROR three\n")
    assert send(server, log)[1] == "sent 3, stored 1, duplicates 2, rejected 0"
    with workbench.connect(server.data) as wb:
        logs = wb.logs().sort_values("id")
    assert list(logs["type"]) == ["info", "info", "error"]


def line(number: int) -> str:
    """Return a line that is a log already, an object, or text, in turn."""
    if number % 3 == 0:
        return f'{{"type":"info","message":"number {number}","n":{number}}}'
    if number % 3 == 1:
        return f"2026-01-01 00:00:00,{number % 1000:03d} WARN [web] number {number}"
    return f"number {number}"


def test_every_line_is_stored_once_through_kills_of_client_and_server(
    data: Path, tmp_path: Path
) -> None:
    count = 60_000
    log = tmp_path / "mixed.log"
    log.write_text("\n".join(map(line, range(count))))
    with serving(data) as server:
        port = urlsplit(server.ingest).port
        command = [WATERLINE, "send", str(log), "--url", server.ingest, "--token", server.token]

        def sending() -> Started:
            return Started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def has_stored(running: ServerProcess, wanted: int) -> bool:
            return int(str(running.get("/health")[1]["last_seq"])) >= wanted

        with sending() as first:
            wait_until(partial(has_stored, server, count // 10))
            first.kill()
        assert first.returncode == -signal.SIGKILL
        with sending() as second:
            wait_until(partial(has_stored, server, count // 2))
            server.kill()
            with serving(data, "--port", str(port), token=server.token) as again:
                printed, errors = second.communicate(timeout=PATIENCE)
                assert (second.returncode, errors) == (0, "")
                assert printed.startswith(f"sent {count:,}, stored ")
                third = send(again, log)
                with workbench.connect(data) as wb:
                    messages = wb.logs()["message"]
    assert third[1] == f"sent {count:,}, stored 0, duplicates {count:,}, rejected 0"
    assert len(messages) == count
    found = [re.search(r"number (\d+)", each) for each in messages]
    assert {int(each[1]) for each in found if each} == set(range(count))


def test_line_is_stored_while_the_pipe_it_came_by_is_open(server: ServerProcess) -> None:
    command = [WATERLINE, "send", "-", "--url", server.ingest, "--token", server.token]
    pipe = subprocess.PIPE
    with Started(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as sending:
        assert sending.stdin is not None
        for number in range(25):
            sending.stdin.write(f"line {number}\n")
        sending.stdin.flush()
        wait_until(lambda: server.get("/health")[1]["last_seq"] == 25)
        sending.stdin.write("one more\n")
        sending.stdin.flush()
        wait_until(lambda: server.get("/health")[1]["last_seq"] == 26)
        printed, _ = sending.communicate(timeout=PATIENCE)
    assert printed.startswith("sent 26, stored 26,")


def test_rejected_lines_of_full_frames_are_named_by_file_and_line(
    server: ServerProcess, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    lines = [f'{{"type":"info","message":"{number}"}}' for number in range(3_000)]
    odd = '{"type":"info","message":"m","id":5}'
    first.write_text("\n".join([*lines[:1_500], odd, *lines[1_500:]]))
    second.write_text("\n".join([*lines[:0:-1], odd]))
    code, printed, _ = send(server, first, second)
    assert (code, printed.splitlines()) == (
        "1",
        [
            "sent 6,001, stored 5,999, duplicates 0, rejected 2",
            f"  {first}:1501: id must be a string of 1 to 128 characters",
            f"  {second}:3000: id must be a string of 1 to 128 characters",
        ],
    )


def test_objects_that_are_nearly_logs_are_stored_once_too(
    server: ServerProcess, tmp_path: Path
) -> None:
    objects = [
        {"type": "", "message": "a"},
        {"type": "x" * 64, "message": "b"},
        {"type": "x" * 65, "message": "c"},
        {"type": None, "message": "d"},
        {"message": "e"},
        {"type": "info", "message": "f", "waterline.log": 1},
        {"waterline.log": {"type": "info", "message": "g"}},
        {"id": None, "type": "info", "message": "h"},
    ]
    log = tmp_path / "nearly.jsonl"
    log.write_text("\n".join(map(json.dumps, objects)))
    count = len(objects)
    assert send(server, log)[1] == f"sent {count}, stored {count}, duplicates 0, rejected 0"
    assert send(server, log)[1] == f"sent {count}, stored 0, duplicates {count}, rejected 0"


def test_rejected_lines_are_named_and_the_rest_is_stored(server: ServerProcess) -> None:
    no_time = '{"type":"a","message":"b","timestamp":"soon"}'
    lines = f'{{"type":"a","message":"ok"}}\nnonsense\n\n{no_time}\n'
    code, printed, _ = send(server, "-", "--format", "jsonl", stdin=lines)
    assert code == "1"
    assert printed.splitlines()[0] == "sent 2, stored 1, duplicates 0, rejected 2"
    assert any(line.startswith("  -:2: this is no JSON") for line in printed.splitlines())
    assert any(line.startswith("  -:4: timestamp must be") for line in printed.splitlines())


def test_unreadable_file_is_told_and_the_others_are_sent(
    server: ServerProcess, tmp_path: Path
) -> None:
    log, binary = tmp_path / "fine.log", tmp_path / "old.log.zip"
    log.write_text("one line\n")
    binary.write_bytes(b"PK\x03\x04")
    code, printed, errors = send(server, tmp_path / "missing.log", binary, log)
    assert (code, printed) == ("1", "sent 1, stored 1, duplicates 0, rejected 0")
    missing, compressed = errors.splitlines()
    assert missing.startswith("waterline: ")
    assert "missing.log cannot be read: No such file or directory" in missing
    assert "unzip" in compressed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--format", "xml"],
            "--format xml is unknown; choose one of auto, jsonl,",
        ),
        (["--multiline", "maybe"], "--multiline maybe is unknown; choose one of join, time, off"),
        (["--formats", "missing.json"], "missing.json cannot be read: No such file or directory"),
        (["--extract", "("], "is no regular expression"),
        (["--extract", "a+"], "names nothing to extract"),
        (["--timezone", "Mars/North"], "--timezone Mars/North is unknown"),
        (["--patience", "soon"], "--patience: 'soon' is no duration"),
        (["--token", "wl_wrong"], "refused the token: this token is unknown"),
        (["--url", "http://127.0.0.1"], "is no WebSocket address"),
        (["--url", "ws://127.0.0.1:9/ingest", "--patience", "100ms"], "could not be reached"),
    ],
)
def test_mistake_gets_one_sentence(
    server: ServerProcess, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    log = tmp_path / "fine.log"
    log.write_text("one line\n")
    code, _, errors = send(server, log, *arguments)
    assert code == "1"
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_times_without_a_zone_are_read_in_the_zone_given(
    server: ServerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-01 12:00:00 INFO noon in Tokyo\n")
    assert send(server, log, "--timezone", "Asia/Tokyo")[0] == "0"
    with workbench.connect(server.data) as wb:
        assert str(wb.logs()["timestamp"].iloc[0]) == "2026-01-01 03:00:00+00:00"


def test_traceback_is_one_log_and_a_format_of_ones_own_is_read(
    server: ServerProcess, tmp_path: Path
) -> None:
    formats, log = tmp_path / "shop.json", tmp_path / "shop.log"
    regex = {"sale": {"pattern": r"^@(?<timestamp>\S+ \S+) (?<grade>\w+) (?<body>.*)$"}}
    formats.write_text(
        json.dumps({"shop": {"regex": regex, "level-field": "grade", "level": {"error": "BAD"}}})
    )
    log.write_text(
        "@2026-01-01 00:00:00 BAD stuck\nTraceback (most recent call last):\n  x\nE: y\n"
    )
    assert send(server, log, "--formats", formats)[1].startswith("sent 1, stored 1")
    assert send(server, log, "--multiline", "off")[1].startswith("sent 4, stored 4")
    with workbench.connect(server.data) as wb:
        logs = wb.logs().sort_values("message")
    joined = logs[logs["message"].str.startswith("stuck")]
    assert list(joined["message"].str.count("\n")) == [3]
    assert list(joined["type"]) == ["error"]
    assert str(joined["timestamp"].iloc[0]).startswith("2026-01-01")
