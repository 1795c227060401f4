"""The log of real processes: its forms, its file, and what becomes of lines when that is gone."""

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

import workbench
from tests.support.forking import PATIENCE, WATERLINE, Started, run
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.clock import now_ms
from waterline.process_log import LogLine

pytestmark = pytest.mark.slow

READ = "read again: tokens, certificates, alerts"
AS_JSON = ("--log-format", "json")


def provoke(server: ServerProcess) -> None:
    """Have a server write one line."""
    os.kill(server.process.pid, signal.SIGHUP)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def logged(text: str) -> list[LogLine]:
    return [msgspec.json.decode(each, type=LogLine) for each in text.splitlines()]


@contextmanager
def writing_to_file(data: Path, file: Path, *options: str) -> Iterator[ServerProcess]:
    with serving(data, "--log-file", str(file), *options) as server:
        provoke(server)
        wait_until(lambda: lines_of(file), "a line")
        yield server


def test_line_of_text_has_a_time_and_a_level_that_we_read_ourselves(
    data: Path, tmp_path: Path
) -> None:
    begun = now_ms()
    with writing_to_file(data, tmp_path / "own.log"):
        pass
    with workbench.connect(data) as wb:
        frame = wb.read(tmp_path / "own.log")
    assert list(frame["type"]) == ["warning"]
    assert begun <= frame["timestamp"][0].timestamp() * 1000 <= now_ms()
    assert frame["message"][0].endswith(f"server: {READ}")


def test_line_of_json_has_a_time_and_a_level_that_we_read_ourselves(
    data: Path, tmp_path: Path
) -> None:
    begun = now_ms()
    with writing_to_file(data, tmp_path / "own.log", *AS_JSON):
        pass
    with workbench.connect(data) as wb:
        frame = wb.read(tmp_path / "own.log")
    assert list(frame["type"]) == ["warning"]
    assert begun <= frame["timestamp"][0].timestamp() * 1000 <= now_ms()
    assert list(frame["message"]) == [READ]
    assert frame["attributes"][0] == '{"process":"server","logger":"server.app"}'


def test_file_can_be_moved_while_the_server_runs(data: Path, tmp_path: Path) -> None:
    file, moved = tmp_path / "own.log", tmp_path / "own.log.1"
    with writing_to_file(data, file) as server:
        file.rename(moved)
        provoke(server)
        wait_until(lambda: lines_of(file), "a line in the new file")
    assert len(lines_of(file)) == len(lines_of(moved)) == 1
    assert file.stat().st_mode & 0o777 == 0o600


def test_line_goes_to_standard_error_where_the_file_is_gone_for_good(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with writing_to_file(data, folder / "own.log") as server:
        shutil.rmtree(folder)
        server.expected_errors += [READ, "^log_file cannot be written: No such file or directory$"]
        provoke(server)
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=PATIENCE)
        assert server.process.returncode == 0
    assert [each.partition("server: ")[2] for each in errors.splitlines()] == [READ, ""]
    assert errors.endswith("log_file cannot be written: No such file or directory\n")


def test_file_that_cannot_be_written_is_one_sentence_at_the_start(
    data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "missing" / "own.log"
    done = run_waterline("serve", "--data", data, "--log-file", file)
    assert (done.returncode, done.stderr) == (
        1,
        f"waterline: log_file: {file} cannot be written: No such file or directory\n",
    )


def test_unknown_format_is_one_sentence(data: Path) -> None:
    done = run_waterline("serve", "--data", data, "--log-format", "xml")
    assert done.returncode == 1
    assert done.stderr == (
        "waterline: log_format (option --log-format): 'xml' is no format; give text or json\n"
    )


def test_start_that_fails_is_a_line_of_json_too(data: Path) -> None:
    with serving(data):
        done = run_waterline("serve", "--data", data, "--port", "0", *AS_JSON)
    (line,) = logged(done.stderr)
    assert (done.returncode, line.level, line.process) == (1, "critical", "server")
    assert "another server (process " in line.message


def test_start_that_fails_is_in_the_file_and_said(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.log"
    with serving(data):
        done = run_waterline("serve", "--data", data, "--port", "0", "--log-file", file)
    assert done.stderr.startswith("waterline: another server (process ")
    (line,) = lines_of(file)
    assert line.partition(" CRITICAL server: ")[2] == done.stderr.removeprefix("waterline: ")[:-1]


def test_lines_of_the_process_of_alerts_are_in_the_servers_log(data: Path, tmp_path: Path) -> None:
    data.mkdir()
    (data / "waterline.toml").write_text(
        '[[alerts]]\nname = "any"\nkind = "count"\nabove = 0\nover = "10s"\n'
        'webhook = "http://127.0.0.1:9/a-secret"\n'
    )
    file = tmp_path / "own.log"
    with serving(data, "--log-file", str(file), *AS_JSON) as server:
        send(server, {"type": "error", "message": "m"})
        wait_until(lambda: lines_of(file), "a line of the webhook")
    line = logged(file.read_text())[0]
    assert (line.level, line.process, line.logger) == (
        "warning",
        "server",
        "server.alerts.webhooks",
    )
    assert "alert any: http://127.0.0.1:9 does not take the event" in line.message
    assert "a-secret" not in file.read_text()


def test_line_in_the_journal_has_a_priority_in_place_of_time_and_level(
    data: Path, tmp_path: Path
) -> None:
    with (tmp_path / "journal").open("w") as journal:
        found = os.fstat(journal.fileno())
        options = ["--data", str(data), "--port", "0", "--monitoring-port", "0"]
        process = Started(
            [WATERLINE, "serve", *options],
            stdout=-1,
            stderr=journal,
            text=True,
            env=os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waterline serves ")
        os.kill(process.pid, signal.SIGHUP)
        wait_until(lambda: lines_of(tmp_path / "journal"), "a line")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert (tmp_path / "journal").read_text() == f"<4>{READ}\n"


def test_all_processes_of_up_write_json(data: Path) -> None:
    ports = [f"--{each}port=0" for each in ("", "monitoring-", "dashboard-", "query-")]
    process = Started(
        [WATERLINE, "up", "--data", str(data), *ports, *AS_JSON], stdout=-1, stderr=-1, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ctrl-C ends it"):
            break
    (server,) = servers_of(process.pid)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: set(servers_of(process.pid)) - {server}, "a new server")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    lines = logged(errors)
    assert ("up", "the server ended (signal 9); starting it again") in {
        (each.process, each.message) for each in lines
    }


def dashboard_on_a_port_in_use(data: Path, form: str) -> str:
    """Start a dashboard that cannot listen; return what it wrote to standard error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(
            [sys.executable, "-m", "workbench.dashboard"],
            WATERLINE_DATA=str(data),
            WATERLINE_DASHBOARD_PORT=str(taken.getsockname()[1]),
            WATERLINE_LOG_FORMAT=form,
        )
    assert done.returncode == 1
    return done.stderr


def test_dashboard_that_cannot_listen_is_one_sentence_or_one_line_of_json(data: Path) -> None:
    said = dashboard_on_a_port_in_use(data, "text")
    assert said.startswith("waterline: port ")
    assert len(said.splitlines()) == 1
    (line,) = logged(dashboard_on_a_port_in_use(data, "json"))
    assert (line.process, line.level, line.traceback) == ("dashboard", "critical", "")
    assert line.message.startswith("port ")


def test_demo_without_a_server_is_a_line_of_json(data: Path) -> None:
    done = run(
        [sys.executable, "-m", "workbench.samples.demo"],
        WATERLINE_DATA=str(data),
        WATERLINE_LOG_FORMAT="json",
        WATERLINE_URL="no address",
        WATERLINE_TOKEN="a-secret",
    )
    (line,) = logged(done.stderr)
    assert (done.returncode, line.process, line.level) == (1, "demo", "critical")
    assert "a-secret" not in done.stderr


def servers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [each for each in map(int, children.split()) if is_server(each)]


def is_server(process: int) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return False
    return b"server" in words
