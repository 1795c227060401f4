"""Our own clients beside a load that costs nothing: `waterline send`, and `Producer` in a loop."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.ingest import LOGS_A_FRAME
from benchmarks.rows import Row, compared, limited
from benchmarks.servers import MeasuredServer, measured_server
from benchmarks.sizes import Sizes
from waterline.processes import python_command
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import made_logs, take
from workbench.clients.producer import Producer

# Share of the logs that are sent as lines of text, which take longer.
_TEXT_SHARE = 4
# Microseconds of the client's own CPU a log.
_JSON_LIMIT = 10.0
_TEXT_LIMIT = 20.0


@dataclass(slots=True)
class _Client:
    """What a client made of each round: logs a second, and microseconds of its CPU a log.

    The rate includes the start of a process, the CPU does not.
    """

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def add(self, logs: int, seconds: float, cpu: float) -> None:
        """Add a round."""
        self.rates.append(logs / seconds)
        self.costs.append(1e6 * cpu / logs)


def measure_clients(sizes: Sizes) -> list[Row]:
    """Send the same logs in every way, in turn, each to a fresh server."""
    logs = take(made_logs(), sizes.client_logs)
    values = [msgspec.json.decode(each) for each in logs]
    for each in values:
        del each["id"]
    peer: list[float] = []
    lines, text, loop = _Client(), _Client(), _Client()
    with tempfile.TemporaryDirectory() as path:
        json_file, text_file = Path(path, "logs.jsonl"), Path(path, "logs.log")
        json_file.write_bytes(b"\n".join(map(msgspec.json.encode, values)))
        one_file = Path(path, "one.log")
        one_file.write_text("one line")
        few = values[: len(values) // _TEXT_SHARE]
        text_file.write_text("\n".join(map(_as_text, few)))
        for _ in range(sizes.rounds):
            with measured_server() as server:
                peer.append(len(logs) / server.take(logs, LOGS_A_FRAME))
            _, start = _measured(1, _sending(one_file))
            seconds, cpu = _measured(len(values), _sending(json_file))
            lines.add(len(values), seconds, cpu - start)
            seconds, cpu = _measured(len(few), _sending(text_file))
            text.add(len(few), seconds, cpu - start)
            loop.add(len(values), *_measured(len(values), _producing(values)))
    beside = f"frames of {LOGS_A_FRAME} logs"
    return [
        compared("waterline send, JSON lines", lines.rates, beside, peer, 0.5),
        limited("client CPU a log, JSON lines", lines.costs, "µs", _JSON_LIMIT),
        compared("waterline send, lines of text", text.rates, beside, peer),
        limited("client CPU a log, lines of text", text.costs, "µs", _TEXT_LIMIT),
        compared("Producer.send in a loop", loop.rates, beside, peer, 0.5),
        limited("client CPU a log, Producer", loop.costs, "µs", _JSON_LIMIT),
    ]


_Work = Callable[[MeasuredServer], float]
"""Sends logs to a server, and returns the seconds of CPU that it took."""


def _measured(count: int, send: _Work) -> tuple[float, float]:
    """Let a client send to a fresh server; return seconds, and seconds of CPU.

    Raises:
        BenchmarkError: the server did not store each log.
    """
    with measured_server() as server:
        begun = time.perf_counter()
        cpu = send(server)
        seconds = time.perf_counter() - begun
        stored = server.health("last_seq")
    if stored != count:
        raise BenchmarkError(f"of {count} logs the server stored {stored}")
    return seconds, cpu


def _sending(file: Path) -> _Work:
    """Send a file by the command, with its start."""

    def send(server: MeasuredServer) -> float:
        command = python_command("workbench", "send", str(file), "--url", server.ingest)
        with subprocess.Popen(
            command,
            env=os.environ | {"WATERLINE_TOKEN": server.token},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    return send


def _producing(logs: Sequence[dict[str, object]]) -> _Work:
    """Send logs one by one from this process."""

    def send(server: MeasuredServer) -> float:
        begun = time.process_time()
        with Producer(server.ingest, server.token) as producer:
            for each in logs:
                producer.send(each)
        return time.process_time() - begun

    return send


def _as_text(log: dict[str, object]) -> str:
    at = datetime.fromtimestamp(int(str(log["timestamp"])) / 1000, UTC)
    level = str(log["type"]).upper()
    return f"{at.isoformat(sep=' ', timespec='milliseconds')} {level} {log['message']}"
