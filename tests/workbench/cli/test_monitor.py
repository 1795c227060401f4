"""`waterline monitor` in a real terminal, in a pipe, and when its server goes and comes."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.forking import PATIENCE, WATERLINE, Started
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: str, columns: int = 100, **environment: str) -> None:
        self._ours, self.theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self.resize(columns)
        self.modes = termios.tcgetattr(self.theirs)
        plain = {
            name: each
            for name, each in os.environ.items()
            if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        self.process = Started(
            [WATERLINE, "monitor", *arguments],
            stdin=self.theirs, stdout=self.theirs, stderr=subprocess.PIPE,
            env=plain | {"TERM": "xterm", **environment},
        )  # fmt: skip
        self.said = ""

    def resize(self, columns: int) -> None:
        size = struct.pack("HHHH", 48, columns, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def screen(self) -> str:
        """Return what is on the screen now."""
        with suppress(BlockingIOError):
            self.said += os.read(self._ours, 2**20).decode(errors="replace")
        shown = self.said.rpartition("\x1b[H")[2].replace("\x1b[K", "")
        return re.sub(r"\r+\n", "\n", shown)

    def shows(self, text: str) -> None:
        """Wait until the screen has a text."""
        wait_until(lambda: re.search(text, self.screen()), f"{text} in {self.screen()!r}")

    def end(self) -> int:
        """Return the exit code; the terminal must be as it was."""
        code = self.process.wait(PATIENCE)
        self.screen()
        assert self.said.count(ENTER) == self.said.count(LEAVE)
        assert self.said.rstrip().endswith(LEAVE)
        assert termios.tcgetattr(self.theirs) == self.modes
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self._ours)
        os.close(self.theirs)


@contextmanager
def terminal(*arguments: str, columns: int = 100, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(*arguments, columns=columns, **environment)
    try:
        yield opened
    finally:
        opened.close()


def test_screen_is_drawn_until_q(server: ServerProcess) -> None:
    with terminal(server.monitoring) as shown:
        shown.shows(r"healthy (?s:.)*queue\S* +0 B of 32\.0 MiB(?s:.)*q ends it, p pauses it")
        assert "\x1b[32m" in shown.said
        shown.press(b"q")
        assert shown.end() == 0


def test_pause_keeps_the_figures_and_goes_on(server: ServerProcess) -> None:
    with terminal(server.monitoring) as shown:
        shown.shows("q ends it, p pauses it")
        shown.press(b"p")
        shown.shows("paused; p goes on, q ends it")
        shown.press(b" ")
        shown.shows("q ends it, p pauses it")
        shown.press(b"q")
        assert shown.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_and_leaves_the_terminal_as_it_was(
    server: ServerProcess, number: signal.Signals
) -> None:
    with terminal(server.monitoring) as shown:
        shown.shows("healthy")
        shown.process.send_signal(number)
        assert shown.end() == 128 + number
        assert shown.process.stderr is not None
        assert shown.process.stderr.read() == b""


def test_stopped_one_gives_the_terminal_back_and_takes_it_again(server: ServerProcess) -> None:
    with terminal(server.monitoring) as shown:
        shown.shows("healthy")
        shown.process.send_signal(signal.SIGTSTP)
        wait_until(lambda: LEAVE in (shown.screen() and shown.said), "the screen is left")
        wait_until(lambda: state_of(shown.process.pid) == "T", "it is stopped")
        assert termios.tcgetattr(shown.theirs) == shown.modes
        shown.process.send_signal(signal.SIGCONT)
        wait_until(lambda: (shown.screen() and shown.said).count(ENTER) == 2, "it goes on")
        shown.shows("healthy")
        shown.press(b"q")
        assert shown.end() == 0


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_narrow_terminal_without_colours_is_not_exceeded(server: ServerProcess) -> None:
    with terminal(server.monitoring, columns=24, NO_COLOR="1") as shown:
        shown.shows("sources")
        assert max(map(len, shown.screen().replace("\x1b[J", "").split("\n"))) <= 24
        assert not re.search(r"\x1b\[\d*m", shown.said)
        shown.resize(60)
        shown.shows(r"up \d+ .* UTC\n")
        shown.press(b"q")
        assert shown.end() == 0


def test_server_that_goes_is_said_and_comes_back(data: Path) -> None:
    with serving(data) as server:
        port = server.monitoring.rpartition(":")[2]
        with terminal(server.monitoring) as shown:
            shown.shows("healthy")
            assert server.stop() == 0
            shown.shows(r"NO ANSWER.*Connection refused(?s:.)*as it was at")
            with serving(data, "--monitoring-port", port, token=server.token):
                shown.shows(r"status   \S*healthy")
            shown.press(b"q")
            assert shown.end() == 0


def test_pipe_gets_one_plain_screen(server: ServerProcess) -> None:
    done = run_waterline("monitor", server.monitoring)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "sources  none sent" in done.stdout


def test_dumb_terminal_gets_one_plain_screen(server: ServerProcess) -> None:
    with terminal(server.monitoring, TERM="dumb") as shown:
        assert shown.process.wait(PATIENCE) == 0
        assert "healthy" in shown.screen()
        assert "\x1b" not in shown.said


def test_address_is_that_of_the_settings(server: ServerProcess) -> None:
    port = server.monitoring.rpartition(":")[2]
    done = run_waterline("monitor", "--once", WATERLINE_MONITORING_PORT=port)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_waterline("monitor", "--once", WATERLINE_MONITORING_PORT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("waterline: monitoring_port is 0, so that only the server knows")


def test_server_that_is_not_there_is_one_sentence() -> None:
    done = run_waterline("monitor", "http://127.0.0.1:9", "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "waterline: no server answers at http://127.0.0.1:9 (Connection refused)\n"
    )


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(each, type=dict[str, Any]) for each in lines]


def test_json_is_an_object_a_look_also_while_the_server_is_gone(data: Path) -> None:
    with serving(data) as server:
        process = Started(
            [WATERLINE, "monitor", server.monitoring, "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert server.stop() == 0
        while "error" not in objects(lines)[-1]:
            lines.append(process.stdout.readline())
    found = objects(lines)
    assert (found[0]["sources"], found[1]["sources"], found[0]["status"]) == ([], [], "healthy")
    assert "Connection refused" in found[-1]["error"]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, "")


def test_json_once_is_one_object(server: ServerProcess) -> None:
    done = run_waterline("monitor", server.monitoring, "--once", "--json")
    (found,) = objects(done.stdout.splitlines())
    assert (done.returncode, found["status"], found["queue_limit_bytes"]) == (0, "healthy", 2**25)
