"""The command as people type it: mistakes, Ctrl-C, closed pipes, and texts that would steer."""

import os
import pty
import signal
import socket
import subprocess
from pathlib import Path

import click
import pytest

import workbench
from tests.support.folders import Batch, fill
from tests.support.forking import WATERLINE, Started
from tests.support.measured import fill_measured
from tests.support.processes import PATIENCE, ServerProcess, create_token, run_waterline
from tests.support.waiting import wait_until
from waterline.clock import now_ms
from workbench.cli.main import main

pytestmark = pytest.mark.slow

STEERING = "\x1b]0;owned\x07\x9b31m\u202egnp\u2066"


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += every_command(command, (*path, name))
    return found


@pytest.mark.parametrize("path", [(), *every_command(main)], ids=" ".join)
def test_help_of_a_command_cuts_nothing_off(path: tuple[str, ...]) -> None:
    done = run_waterline(*path, "--help")
    assert done.returncode == 0
    assert "..." not in done.stdout.replace("FILE...", "").replace("[FILE]...", "").replace(
        "[ARGS]...", ""
    )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["serve", "--port", "x"], 1, r"port (option --port): 'x' is no port"),
        (["serve", "--port", "99999"], 1, "give a number from 0"),
        (["serve", "--data", "file"], 1, "the data folder file is a file"),
        (["up", "--data", "file"], 1, "the data folder file is a file"),
        (["dashboard", "--dashboard-port", "x"], 1, "(option --dashboard-port)"),
        (["token", "create", "a b", "--scope", "read"], 1, "'a b' is no token name"),
        (["token", "create", "x", "--scope", "read", "--data", "file"], 1, "is a file"),
        (["token", "revoke", "x"], 1, "data"),
        (["token", "list"], 0, "waterline token create NAME --scope ingest --data data"),
        (["token", "list", "--data", "file"], 1, "file"),
        (["send", "file"], 2, "WATERLINE_TOKEN"),
        (["send", "file"], 2, "waterline token create NAME --scope ingest"),
        (["tail"], 2, "waterline token create NAME --scope read"),
        (["send", "file", "--token", "t", "--patience", "x"], 1, "--patience"),
        (["send", "file", "--token", "t", "--url", "http://x"], 1, "no WebSocket address"),
        (["tail", "--token", "t", "--url", "ws://127.0.0.1:9/live"], 1, "cannot be reached"),
        (["report", "--data", "file"], 1, "file"),
        (["report", "--data", "none"], 1, "none"),
        (["archive", "run", "--data", "none"], 1, "none"),
        (["archive", "run", "--format", "json.gz", "--level", "15"], 1, "(option --level)"),
        (["archive", "run", "--dest", "ftp://x"], 1, "(option --dest)"),
        (["archive", "list", "--data", "file"], 1, "file"),
        (["archive", "verify", "--data", "file"], 1, "file"),
        (["archive", "export", "x", "--since", "soon"], 1, "since='soon' is no time"),
        (["archive", "export", "x", "--raw"], 1, "--raw is for --format csv"),
        (["archive", "export", "x", "--data", "none"], 1, "name the data folder with --data"),
        (["archive", "restore", "--into", "file"], 1, "data"),
        (["archive", "prune", "--older-than", "1x"], 1, "--older-than"),
        (["archive", "adopt", "nope"], 1, "nope"),
    ],
)  # fmt: skip
def test_mistake_ends_in_one_sentence(
    tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "file").write_text("no folder\n")
    done = run_waterline(*arguments, cwd=tmp_path, WATERLINE_TOKEN="")
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert code == 2 or len(done.stderr.splitlines()) == 1


def test_port_in_use_is_told_with_an_option_that_the_command_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments in (
            ["dashboard", "--port", port],
            ["serve", "--port", port],
            ["serve", "--port", "0", "--monitoring-port", port],
            ["up", "--dashboard-port", port],
        ):
            done = run_waterline(*arguments, "--data", tmp_path / "data")
            assert done.returncode == 1
            option = done.stderr.partition("another port with ")[2].split()[0]
            assert option in run_waterline(arguments[0], "--help").stdout


@pytest.mark.parametrize("age", ["1h", "-1h", "2020-01-01"])
@pytest.mark.parametrize("command", [["report"], ["archive", "export", "-"]], ids=" ".join)
def test_age_has_one_form_everywhere(data: Path, command: list[str], age: str) -> None:
    fill_measured(data, [Batch([{"type": "info", "message": "m"}])], now=now_ms())
    done = run_waterline(*command, "--since", age, "--data", data)
    assert done.returncode == 0
    assert "is no time" not in done.stderr


def test_output_of_commands_never_steers_a_terminal(server: ServerProcess, tmp_path: Path) -> None:
    with workbench.Producer(server.ingest, server.token) as producer:
        producer.send({"id": STEERING, "type": STEERING, "message": STEERING, STEERING: STEERING})
    with workbench.connect(server.data) as wb:
        wait_until(lambda: wb.count() == 1)
        assert repr(wb).replace("\n", "").isprintable()
        assert wb.holdings().to_html().isprintable()
        assert str(wb.explain(type=STEERING)).replace("\n", "").isprintable()
    odd = tmp_path / f"{STEERING}.log"
    odd.write_text(f'{{"type":5,"message":"{STEERING[1:3]}"}}\n{STEERING}\n{{"type":"a"}}\n')
    addressed = ("--token", server.token, "--url", server.ingest)
    printed = [
        run_waterline("report", "--data", server.data),
        run_waterline("send", odd, "--format", "jsonl", *addressed),
        run_waterline("send", f"{odd}.none", *addressed),
        run_waterline("archive", "export", "-", "--data", server.data),
        run_waterline("archive", "run", "--older-than", "0s", "--data", server.data),
        run_waterline("archive", "list", "--data", server.data),
        run_waterline("archive", "list", "--data", odd),
        run_waterline("archive", "export", "x", "--since", STEERING, "--data", server.data),
        run_waterline("token", "revoke", STEERING, "--data", server.data),
    ]  # fmt: skip
    for done in printed:
        assert (done.stdout + done.stderr).replace("\n", "").isprintable(), done.args


def test_tail_escapes_what_steers_and_ends_with_the_pipe(server: ServerProcess) -> None:
    environment = os.environ | {"WATERLINE_TOKEN": server.token}
    with workbench.Producer(server.ingest, server.token) as producer:
        for number in range(3):
            producer.send({"type": "a", "message": f"{STEERING}{number}"})
        producer.flush()
        tail = Started(
            [WATERLINE, "tail", "--after", "0", "--url", server.live],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert tail.stdout is not None
        line = tail.stdout.readline()
        tail.stdout.close()  # as `| head -1` does
        assert line.rstrip("\n").isprintable()

        def ended() -> bool:
            producer.send({"type": "a", "message": "more"})
            return tail.poll() is not None

        wait_until(ended)
    assert tail.stderr is not None
    with tail.stderr:
        assert tail.stderr.read() == ""


def test_ctrl_c_in_send_says_what_is_acked(server: ServerProcess) -> None:
    process = Started(
        [WATERLINE, "send", "-", "--format", "lines", "--url", server.ingest],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"WATERLINE_TOKEN": server.token}, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("one\ntwo\n" + "x" * 2_000_000 + "\n")
    process.stdin.flush()
    wait_until(lambda: int(str(server.get("/health")[1]["last_seq"])) >= 2)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert printed.startswith("sent ")
    assert "waterline: interrupted: of " in errors
    assert "are acked; send the same again" in errors
    assert "Aborted" not in errors
    assert "Traceback" not in errors


def test_ctrl_c_at_a_question_removes_nothing(data: Path) -> None:
    fill(data, [{"type": "a", "message": "b"}], received_at=1_700_000_000_000)
    assert run_waterline("archive", "run", "--older-than", "1d", "--data", data).returncode == 0
    prune = ["archive", "prune", "--older-than", "1d", "--data", str(data)]
    no = run_waterline(*prune, stdin="n\n")
    assert (no.returncode, no.stderr) == (1, "waterline: nothing was removed\n")
    assert "--yes does not ask" in run_waterline(*prune, stdin="").stderr
    listed = run_waterline("archive", "list", "--data", data).stdout
    assert "1 log in 1 batch" in listed


def test_csv_and_parquet_are_not_poured_into_a_terminal(data: Path) -> None:
    fill(data, [{"type": "a", "message": STEERING}])
    ours, theirs = pty.openpty()
    try:
        for form in ("csv", "parquet"):
            done = subprocess.run(
                [WATERLINE, "archive", "export", "-", "--format", form, "--data", str(data)],
                stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE,
            )  # fmt: skip
            assert done.returncode == 1
            assert "is not for a terminal" in done.stderr
    finally:
        os.close(ours)
        os.close(theirs)


def test_token_of_the_wrong_scope_is_told(server: ServerProcess, tmp_path: Path) -> None:
    reader, sender = (create_token(server.data, name, (name,)) for name in ("read", "ingest"))
    log = tmp_path / "a.log"
    log.write_text("x\n")
    for arguments in (
        ["send", str(log), "--url", server.ingest, "--token", reader],
        ["tail", "--url", server.live, "--token", sender],
    ):
        done = run_waterline(*arguments)
        assert done.returncode == 1
        assert "lacks the scope" in done.stderr
        assert reader not in done.stderr
        assert sender not in done.stderr
