"""Real `waterline` processes: started, spoken to, stopped or killed."""

import os
import re
import resource
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import websocket

from tests.support.forking import PATIENCE as PATIENCE
from tests.support.forking import WATERLINE, Started, run
from tests.support.ports import lasting_port
from waterline.addresses import parse_announcement
from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile


def run_waterline(
    *arguments: str | Path, cwd: Path | None = None, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return run([WATERLINE, *map(str, arguments)], cwd=cwd, stdin=stdin, **environment)


def create_token(
    data: Path, name: str = "test", scopes: tuple[str, ...] = ("ingest", "read")
) -> str:
    """Make a token as the command does, without a process; tests of the command start one."""
    folder = DataFolder(data)
    folder.create()
    return TokenFile(folder.tokens).create(name, map(Scope, scopes), now_ms())


def create_token_by_command(
    data: Path, name: str = "test", scopes: tuple[str, ...] = ("ingest", "read")
) -> str:
    """Make a token with the real command and return its text."""
    wanted = [part for scope in scopes for part in ("--scope", scope)]
    done = run_waterline("token", "create", name, *wanted, "--data", data)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class ServerProcess:
    """A running `waterline serve`."""

    data: Path
    token: str
    process: subprocess.Popen[str]
    ingest: str
    monitoring: str
    expected_errors: list[str] = field(default_factory=list)
    """Regular expressions of lines that it may write to standard error."""
    syslog: tuple[str, ...] = ()
    """URLs at which it takes syslog."""

    @property
    def live(self) -> str:
        """The URL of the live feed."""
        return self.ingest.replace("/ingest", "/live")

    def connect(self, url: str | None = None, token: str | None = None) -> websocket.WebSocket:
        """Open a WebSocket and take its greeting."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        socket = websocket.create_connection(url or self.ingest, header=headers, timeout=PATIENCE)
        assert msgspec.json.decode(socket.recv())["type"] == "connection"
        return socket

    def get(self, path: str, token: str | None = None) -> tuple[int, dict[str, object]]:
        """GET a monitoring page; return its status and its JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(
                Request(self.monitoring + path, headers=headers), timeout=PATIENCE
            ) as page:
                return page.status, msgspec.json.decode(page.read())
        except HTTPError as error:
            with error:
                return error.code, msgspec.json.decode(error.read())

    def stop(self) -> int:
        """End it by SIGTERM; see that it wrote nothing unexpected; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=PATIENCE)
        self._check(errors)
        return self.process.returncode

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self.process.kill()
        _, errors = self.process.communicate(timeout=PATIENCE)
        self._check(errors)

    def _check(self, errors: str) -> None:
        unexpected = [
            line
            for line in errors.splitlines()
            if not any(re.search(pattern, line) for pattern in self.expected_errors)
        ]
        assert not unexpected, "the server wrote:\n" + "\n".join(unexpected)


@contextmanager
def serving(
    data: Path,
    *options: str,
    token: str = "",
    cwd: Path | None = None,
    within: Sequence[str] = (),
) -> Iterator[ServerProcess]:
    """Run a server on free ports; at the end it is stopped, unless it is gone already."""
    server = start_server(data, *options, token=token, cwd=cwd, within=within)
    try:
        yield server
        if server.process.poll() is None:
            assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


def resident_bytes(process: subprocess.Popen[str]) -> int:
    """Return the memory that a process occupies now."""
    statm = Path(f"/proc/{process.pid}/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    command = ["ps", "-o", "rss=", "-p", str(process.pid)]
    return int(subprocess.check_output(command, text=True)) * 1024


@contextmanager
def stalled(process: subprocess.Popen[str]) -> Iterator[None]:
    """Let a process stand still, as one that hangs does."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)  # a busy machine stops its threads later
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def start_server(
    data: Path,
    *options: str,
    token: str = "",
    cwd: Path | None = None,
    within: Sequence[str] = (),
) -> ServerProcess:
    """Start a server on free ports and wait until it accepts.

    `within` is a command that runs another, such as `prlimit --nofile=256:256`.
    """
    port = str(lasting_port())  # so that it can come back there
    serve = [WATERLINE, "serve", "--data", str(data), "--port", port, "--monitoring-port", "0"]
    process = Started(
        [*within, *serve, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"waterline serves (ws://\S+) and (http://\S+) from .*\n", line)
    addresses = parse_announcement(line, "")
    if found is None or addresses is None:
        _, errors = process.communicate(timeout=PATIENCE)
        raise AssertionError(f"the server did not start: {line!r} {errors}")
    token = token or create_token(data)
    return ServerProcess(data, token, process, found[1], found[2], syslog=addresses.syslog)
