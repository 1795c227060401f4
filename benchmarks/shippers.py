"""The same logs posted in each shipper's protocol and in loggers' forms, beside our own form."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import msgspec

from benchmarks import shipped
from benchmarks.rows import Row, compared
from benchmarks.servers import MeasuredServer, measured_server
from benchmarks.shipped import Log
from benchmarks.sizes import Sizes
from workbench.bench.errors import BenchmarkError
from workbench.bench.logs import made_logs, take

_LOGS_A_BODY: Final = 1_000
_CONNECTIONS: Final = 2
_STALL_SECONDS: Final = 60.0
_JSON: Final = "application/json"
_PROTOBUF: Final = "application/x-protobuf"
_LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class _Way:
    """How logs are posted."""

    name: str
    path: str
    content_type: str
    body: Callable[[Sequence[Log]], bytes]
    target: float
    """Its rate as a share of our own form's."""


_OURS: Final = _Way("POST /ingest", "/ingest", _LINES, shipped.in_our_form, 1.0)
_WAYS: Final = (
    _Way("objects of pino", "/ingest", _LINES, shipped.by_pino, 0.6),
    _Way("objects of zap", "/ingest", _LINES, shipped.by_zap, 0.6),
    _Way("objects of ECS", "/ingest", _LINES, shipped.in_ecs, 0.6),
    _Way("objects of Docker", "/ingest", _LINES, shipped.by_docker, 0.6),
    _Way("objects of GELF", "/ingest", _LINES, shipped.in_gelf, 0.6),
    _Way("OTLP, protobuf", "/v1/logs", _PROTOBUF, shipped.in_otlp, 0.5),
    _Way("OTLP, JSON", "/v1/logs", _JSON, shipped.in_otlp_json, 0.5),
    _Way("Loki, JSON", "/loki/api/v1/push", _JSON, shipped.by_loki, 0.5),
    _Way("Loki, snappy", "/loki/api/v1/push", _PROTOBUF, shipped.by_loki_protobuf, 0.5),
    _Way("bulk", "/_bulk", _LINES, shipped.in_bulk, 0.5),
    _Way("Splunk's events", "/services/collector", _JSON, shipped.as_events, 0.5),
)


@dataclass(slots=True)
class _Measured:
    """Of each round: logs a second, and microseconds of the server's CPU a log."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


def measure_shippers(sizes: Sizes) -> list[Row]:
    """Post the same logs in every way, in turn, each to a fresh server."""
    logs = [msgspec.json.decode(each) for each in take(made_logs(), sizes.shipped_logs)]
    bodies = {way: [way.body(each) for each in _batched(logs)] for way in (_OURS, *_WAYS)}
    measured = {way: _Measured() for way in bodies}
    for _ in range(sizes.rounds):
        for way, posted in bodies.items():
            with measured_server() as server:
                seconds, cpu = _post(server, way, posted, len(logs))
            measured[way].rates.append(len(logs) / seconds)
            measured[way].costs.append(1e6 * cpu / len(logs))
    return [row for way in _WAYS for row in _rows(way, measured[way], measured[_OURS])]


def _rows(way: _Way, measured: _Measured, ours: _Measured) -> Iterator[Row]:
    yield compared(way.name, measured.rates, _OURS.name, ours.rates, way.target)
    yield Row(
        name=f"server CPU a log, {way.name}",
        unit="µs",
        values=measured.costs,
        beside=_OURS.name,
        references=ours.costs,
    )


def _batched(logs: Sequence[Log]) -> Iterator[Sequence[Log]]:
    for begin in range(0, len(logs), _LOGS_A_BODY):
        yield logs[begin : begin + _LOGS_A_BODY]


def _post(
    server: MeasuredServer, way: _Way, bodies: Sequence[bytes], logs: int
) -> tuple[float, float]:
    """Post over several connections at once; return seconds, and seconds of the server's CPU.

    Raises:
        BenchmarkError: the server refused a body, or did not store each log.
    """
    begun, cpu = perf_counter(), server.cpu_seconds()
    refused: list[str] = []
    threads = [
        threading.Thread(
            target=_post_in_turn, args=(server, way, bodies[own::_CONNECTIONS], refused)
        )
        for own in range(_CONNECTIONS)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seconds, spent = perf_counter() - begun, server.cpu_seconds() - cpu
    stored = server.health("last_seq")
    if refused or stored != logs:
        raise BenchmarkError(f"{way.name}: stored {stored} of {logs} logs {''.join(refused[:1])}")
    return seconds, spent


def _post_in_turn(
    server: MeasuredServer, way: _Way, bodies: Iterable[bytes], refused: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": way.content_type}
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=60)) as peer:
        for body in bodies:
            peer.request("POST", way.path, body, headers)
            answer = peer.getresponse()
            said = answer.read()
            if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
                refused.append(f"{answer.status} {said[:300]!r}")
                return
