"""Ingest: durable logs a second over WebSockets, beside raw inserts and a plain handler."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.follower import Told, following
from benchmarks.raw_inserts import insert_raw
from benchmarks.rows import Row, compared
from benchmarks.servers import measured_server, plain_server
from benchmarks.sizes import Sizes
from workbench.bench.load import connected, send_all
from workbench.bench.logs import made_logs, take

LOGS_A_FRAME = 100


@dataclass(slots=True)
class _Rates:
    """Logs a second of each way, a value a round."""

    raw: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    followed: list[float] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)


def measure_ingest(sizes: Sizes) -> list[Row]:
    """Measure all ways in turn, so that a machine that slows down slows all of them."""
    logs = take(made_logs(), sizes.ingest_logs)
    few = logs[: sizes.plain_logs]
    rates, told = _Rates(), Told(0, 0)
    for _ in range(sizes.rounds):
        rates.raw.append(len(logs) / insert_raw(logs))
        rates.plain.append(len(few) / _send_to_plain_handler(few))
        rates.single.append(len(logs) / _send(logs, 1))
        seconds, heard = _send_followed(logs)
        rates.followed.append(len(logs) / seconds)
        told = Told(told.logs + heard.logs, told.skipped + heard.skipped)
        rates.batched.append(len(logs) / _send(logs, LOGS_A_FRAME))
    return _rows(rates, told, len(logs) * sizes.rounds)


def _rows(rates: _Rates, told: Told, sent: int) -> list[Row]:
    single, batched = "single-log frames", f"frames of {LOGS_A_FRAME} logs"
    raw = "raw inserts"
    followed = compared(f"{single}, live reader", rates.followed, "no reader", rates.single, 0.6)
    return [
        compared(f"{single}, each acked", rates.single, raw, rates.raw),
        compared(f"{single}, each acked", rates.single, "plain handler", rates.plain),
        replace(
            followed,
            is_whole=told.logs == sent,
            note=f"the reader got {told.logs:,} of {sent:,} logs",
        ),
        compared(f"{batched}, ack=batch", rates.batched, raw, rates.raw, 0.8),
    ]


def _send(logs: Sequence[bytes], logs_a_frame: int) -> float:
    with measured_server() as server:
        return server.take(logs, logs_a_frame)


def _send_followed(logs: Sequence[bytes]) -> tuple[float, Told]:
    with measured_server() as server, following(server.live, server.token, len(logs)) as reader:
        seconds = server.take(logs)
        return seconds, reader.end()


def _send_to_plain_handler(logs: Sequence[bytes]) -> float:
    with plain_server() as url, connected(url, "none", logs) as connections:
        return send_all(connections)
