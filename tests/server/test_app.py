"""The server as a process: how it starts, stops, dies, and what is there afterwards."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import apsw
import pytest
import websocket

from server.submissions import LOG_OVERHEAD, SUBMISSION_OVERHEAD
from tests.support.archive_runs import lose_logs
from tests.support.folders import fill
from tests.support.overload import begun_post, much_to_answer, push_unread
from tests.support.posting import post
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    create_token,
    run_waterline,
    serving,
    start_server,
)
from tests.support.sockets import (
    break_off,
    connected,
    log,
    receive,
    receive_many,
    receive_until_closed,
)
from tests.support.waiting import wait_until
from waterline.addresses import parse_announcement
from waterline.settings.model import Settings, environment_of

pytestmark = pytest.mark.slow

GOING_AWAY = 1001
FREE_PORTS = ("--port", "0", "--monitoring-port", "0")


def stored(data: Path) -> dict[str, int]:
    """Return the seq of each stored id; the server has gone or reads meanwhile."""
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        found = connection.execute("SELECT id, seq FROM logs ORDER BY seq").fetchall()
    return {str(log_id): int(str(seq)) for log_id, seq in found}


def listens(server: ServerProcess) -> bool:
    try:
        server.get("/health")
    except (URLError, ConnectionError):
        return False
    return True


# Start


def test_server_prints_one_line_with_its_addresses(data: Path) -> None:
    process = subprocess.Popen(
        [Path(sys.executable).with_name("waterline"), "serve", "--data", data, *FREE_PORTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0
    assert re.fullmatch(
        r"waterline serves ws://127\.0\.0\.1:\d+/ingest and http://127\.0\.0\.1:\d+ from (\S+)\n",
        line,
    )
    assert line.endswith(f" from {data}\n")


def test_server_accepts_once_it_has_printed_its_line(server: ServerProcess) -> None:
    with connected(server) as producer:
        producer.send(log())
        assert receive(producer)["type"] == "ack"
    assert server.get("/health")[0] == 200


def test_server_makes_its_files_in_data_folder(server: ServerProcess) -> None:
    names = {each.name for each in server.data.iterdir()}
    assert {"logs.db", "metrics.db", "server.lock", "tokens.toml"} <= names
    assert (server.data / "server.lock").read_text() == f"{server.process.pid}\n"


@pytest.mark.parametrize("option", ["--port", "--monitoring-port"])
def test_port_in_use_ends_server_with_one_sentence(data: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run_waterline("serve", "--data", data, *FREE_PORTS, option, str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: port {port} on 127.0.0.1 is in use by another program; "
        f"stop it or choose another port with {option} (0 picks a free one)\n"
    )


def test_foreign_host_ends_server_with_one_sentence(data: Path) -> None:
    create_token(data)
    done = run_waterline("serve", "--data", data, *FREE_PORTS, "--host", "192.0.2.7")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"waterline: 192\.0\.2\.7 is no address of this machine \(.+\); "
        r"choose another with --host",
        done.stderr.splitlines()[-1],  # behind the warning that tokens travel in the clear
    )


def test_second_server_on_folder_ends_with_one_sentence_naming_first(
    server: ServerProcess,
) -> None:
    done = run_waterline("serve", "--data", server.data, *FREE_PORTS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: another server (process {server.process.pid}) serves {server.data}; "
        "stop it first or name another folder with --data\n"
    )
    with connected(server) as producer:
        producer.send(log())
        assert receive(producer)["type"] == "ack"


def test_servers_on_two_folders_do_not_mind_each_other(tmp_path: Path) -> None:
    with serving(tmp_path / "a") as one, serving(tmp_path / "b") as two:
        for server in (one, two):
            with connected(server) as producer:
                producer.send(log())
                assert receive(producer)["seq"] == 1


def test_unusable_folder_ends_server_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_waterline("serve", "--data", tmp_path / "file", *FREE_PORTS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: the data folder {tmp_path / 'file'} is a file; name a folder with --data\n"
    )


def test_folder_that_has_lost_its_logs_is_not_begun_anew_and_can_be_rebuilt(data: Path) -> None:
    fill(data, [{"id": "a", "type": "info", "message": "m"}])
    archived = run_waterline("archive", "run", "--data", data, "--older-than", "0s")
    assert (archived.returncode, archived.stderr) == (0, "")
    (day,) = (data / "archives").iterdir()
    lose_logs(data)
    for lost in ("missing", "empty"):
        done = run_waterline("serve", "--data", data, *FREE_PORTS)
        assert (done.returncode, done.stdout) == (1, ""), lost
        assert done.stderr == (
            f"waterline: {data} has archives, such as {day}, and no logs.db; put that back, or "
            "make it anew from the archives: waterline archive adopt, without files\n"
        )
        (data / "logs.db").touch()
    rebuilt = run_waterline("archive", "adopt", "--data", data)
    assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
    with serving(data) as server, connected(server) as producer:
        producer.send(log())
        assert receive(producer)["seq"] == 2


def test_invalid_setting_ends_server_with_one_sentence(data: Path) -> None:
    done = run_waterline("serve", "--data", data, "--port", "many")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "waterline: port (option --port): 'many' is no port; "
        "give a number from 0 (any free one) to 65535\n"
    )
    assert not data.exists()


def test_server_listens_on_ipv6(data: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(data, "--host", "::1") as server, connected(server) as producer:
        assert server.ingest.startswith("ws://[::1]:")
        producer.send(log())
        assert receive(producer)["type"] == "ack"
        assert server.get("/health")[0] == 200


# Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_server_with_exit_code_0(data: Path, number: signal.Signals) -> None:
    server = start_server(data)
    server.process.send_signal(number)
    assert server.process.communicate(timeout=PATIENCE) == ("", "")
    assert server.process.returncode == 0


def test_idle_connections_are_closed_with_going_away(data: Path) -> None:
    with serving(data) as server:
        sockets = [server.connect(), server.connect(), server.connect(server.live)]
        server.process.terminate()
        for each in sockets:
            messages, code = receive_until_closed(each)
            assert code == GOING_AWAY
            assert {message["type"] for message in messages} <= {"position", "client_connect"}
        server.process.wait(PATIENCE)
        assert server.stop() == 0


def exhaust_its_token(server: ServerProcess, opened: ExitStack) -> None:
    producer = server.connect()
    opened.callback(break_off, producer)
    producer.send(log(message="x" * 10_000))
    # It is read no further from before this ack on.
    assert receive(producer)["type"] == "ack"


def read_no_answers(server: ServerProcess, opened: ExitStack) -> None:
    producer = server.connect()
    opened.callback(break_off, producer)
    assert push_unread(producer, much_to_answer(), 1)


def send_half_a_body(server: ServerProcess, opened: ExitStack) -> None:
    opened.enter_context(begun_post(server, 2**21, 2**20))


def read_nothing_of_the_past(server: ServerProcess, opened: ExitStack) -> None:
    assert post(server, log(message="x" * 2**23).encode()).status == 200
    opened.callback(break_off, server.connect(f"{server.live}?after=0"))


@pytest.mark.parametrize(
    "hold",
    [exhaust_its_token, read_no_answers, send_half_a_body, read_nothing_of_the_past],
)
def test_server_ends_silently_while_it_holds_producer_back(
    data: Path, hold: Callable[[ServerProcess, ExitStack], None]
) -> None:
    options = ("--token-rate", "100B") if hold is exhaust_its_token else ()
    with ExitStack() as opened, serving(data, *options) as server:
        hold(server, opened)
        assert server.stop() == 0


def test_waiting_logs_are_stored_and_acked_before_server_ends(data: Path) -> None:
    with serving(data) as server, connected(server, server.live) as reader:
        producer = server.connect()
        sent = [f"id {number}" for number in range(50)]
        with closing(apsw.Connection(str(data / "logs.db"))) as other:
            # Nothing can be committed while another process holds the file.
            other.execute("BEGIN IMMEDIATE")
            for log_id in sent:
                producer.send(log(id=log_id))
            # Its pong comes when all before it has been handed to the writer.
            producer.ping()
            assert producer.recv_data(control_frame=True)[0] == websocket.ABNF.OPCODE_PONG
            held = server.get("/health")[1]["queue_bytes"]
            assert isinstance(held, int)
            assert held > len(sent) * LOG_OVERHEAD + SUBMISSION_OVERHEAD
            server.process.terminate()
            wait_until(lambda: not listens(server))
            # From now on it takes nothing more.
            producer.send(log(id="late"))
            other.execute("ROLLBACK")
        answers, code = receive_until_closed(producer)
        assert [answer["logId"] for answer in answers] == sent
        assert {answer["type"] for answer in answers} == {"ack"}
        assert code == GOING_AWAY
        live = [message for message in receive_until_closed(reader)[0] if message["type"] == "logs"]
        assert [each["id"] for message in live for each in message["logs"]] == sent
        assert server.process.wait(PATIENCE) == 0
    assert stored(data) == {answer["logId"]: answer["seq"] for answer in answers}


# Load


@dataclass
class Load:
    """What a producer sent without pause until its server ended, and what was acked."""

    sent: list[str]
    acked: dict[str, int]


def load(server: ServerProcess, end: Callable[[], None]) -> Load:
    """Push logs as fast as they go; end the server in the middle; read what answers come."""
    producer, found = server.connect(), Load([], {})

    def push() -> None:
        with suppress(OSError, websocket.WebSocketException):
            for number in range(1_000_000):
                log_id = f"id {number}"
                producer.send(log(id=log_id, message="x" * 100))
                found.sent.append(log_id)

    pushing = threading.Thread(target=push)
    pushing.start()
    answers = receive_many(producer, 1_000)
    end()
    answers += receive_until_closed(producer)[0]
    pushing.join(PATIENCE)
    found.acked = {answer["logId"]: answer["seq"] for answer in answers}
    assert len(found.acked) == len(answers) >= 1_000
    return found


def test_stop_under_load_loses_nothing_that_was_acked(data: Path) -> None:
    with serving(data) as server:
        found = load(server, server.process.terminate)
        assert server.process.wait(PATIENCE) == 0
    assert found.acked.items() <= stored(data).items()


def test_kill_under_load_loses_nothing_that_was_acked_and_stores_nothing_twice(
    data: Path,
) -> None:
    with serving(data) as server:
        found = load(server, server.process.kill)
        server.process.wait(PATIENCE)
    before = stored(data)
    assert found.acked.items() <= before.items()
    assert list(before.values()) == list(range(1, len(before) + 1))

    # The producer sends all again that it has, as it must after an end without answers.
    with serving(data, token=server.token) as again, connected(again) as producer:
        for log_id in found.sent:
            producer.send(log(id=log_id))
        answers = receive_many(producer, len(found.sent))
        assert {answer["type"] for answer in answers} == {"ack"}
        seqs = {answer["logId"]: answer["seq"] for answer in answers}
        for answer in answers:
            assert answer.get("duplicate", False) == (answer["logId"] in before)
    assert stored(data) == before | seqs
    assert {log_id: seqs[log_id] for log_id in before if log_id in seqs}.items() <= before.items()


def test_kill_lets_folder_go_at_once(data: Path) -> None:
    with serving(data) as first, connected(first) as producer:
        producer.send(log(id="a"))
        receive(producer)
        first.kill()
    with serving(data, token=first.token) as second, connected(second) as producer:
        producer.send(log(id="b"))
        assert receive(producer)["seq"] == 2
        producer.send(log(id="a"))
        assert receive(producer)["duplicate"]


BROKEN_WRITER = """
from server.process import main
from server.writer import Writer

def fail(*_):
    raise KeyError("broken on purpose")

Writer._commit = fail
main()
"""


def test_server_whose_writer_dies_ends_rather_than_look_healthy(data: Path) -> None:
    token = create_token(data)
    process = subprocess.Popen(
        [sys.executable, "-c", BROKEN_WRITER],
        env=os.environ | environment_of(Settings(data=data, port=0, monitoring_port=0)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    addresses = parse_announcement(process.stdout.readline(), "127.0.0.1")
    assert addresses is not None
    producer = websocket.create_connection(f"{addresses.ingest}?token={token}", timeout=PATIENCE)
    producer.send(log())
    answers, _ = receive_until_closed(producer)
    _, errors = process.communicate(timeout=PATIENCE)
    assert [answer["type"] for answer in answers] == ["connection"]
    assert process.returncode == 1
    assert "CRITICAL server: the writer thread failed" in errors
    assert "broken on purpose" in errors
    assert errors.splitlines()[-1] == (
        "waterline: the server stopped because its writer thread failed, as told above; "
        "what was acked is safe, start it again"
    )


# Weight

# What no process that only takes logs in needs; each of them costs tens of megabytes.
HEAVY = {"adbc_driver_sqlite", "bokeh", "numpy", "pandas", "panel", "pyarrow", "sqlalchemy"}


def test_serving_process_imports_nothing_heavy() -> None:
    program = "import sys, server.lifecycle; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "tornado" in imported
    assert not imported & HEAVY


def test_start_compiles_no_expression_of_a_dialect() -> None:
    program = (
        "import server.lifecycle\n"
        "from waterline.recognition.line_dialects import DIALECTS\n"
        "def compiled(): return sum('_compiled' in vars(each) for each in DIALECTS)\n"
        "print(compiled())\n"
        "from server.ingest.websocket import IngestSocket\n"
        "IngestSocket.reader.read_all({'log': 'I0504 16:34:50.000000  1 a.go:1] b', "
        "'date': 1.5})\n"
        "print(compiled())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert before == 0 < after


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="/proc is Linux's")
def test_server_at_work_has_loaded_nothing_heavy(server: ServerProcess) -> None:
    with connected(server) as producer, connected(server, server.live):
        producer.send(log())
        receive(producer)
        server.get("/metrics")
        server.get("/health")
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    folders = set(re.findall(r"/site-packages/(\w+)", mapped))
    assert "msgspec" in folders
    assert not folders & HEAVY
