"""The tables of docs/scale.md: `python -m benchmarks.scale`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from benchmarks.scale.assumptions import Assumptions, Event, Lost, Refusing, Slow, Stopped
from benchmarks.scale.simulation import Simulation

_DAY: Final = 86_400.0
_MONTH: Final = 30 * _DAY
_HOUR: Final = 3_600.0
RATE: Final = 500_000.0
"""Logs a second, over all nodes."""

TEAM: Final = Assumptions(
    nodes=6,
    rate=RATE / 6,
    most_rate=150_000.0,
    hot_bytes=400.0,
    stored_bytes=40.0,
    disk=2e12,
    archive_after=900.0,
    archive_every=300.0,
    batch_rows=400_000,
    record_rate=250_000.0,
    bucket_rate=100e6,
    request_seconds=0.05,
)
"""A team of nodes for that rate."""

COURSES: Final[Sequence[tuple[str, Sequence[Event]]]] = (
    ("nothing happens", ()),
    ("a node is down for 30 min", (Stopped(0, _HOUR, _HOUR / 2),)),
    ("a node is down for 6 h", (Stopped(0, _HOUR, 6 * _HOUR),)),
    ("a disk is lost, replaced in 1 h", (Lost(0, 2 * _HOUR, _HOUR),)),
    ("the bucket refuses for 6 h", (Refusing(_HOUR, 6 * _HOUR),)),
    ("the bucket refuses for 20 h", (Refusing(_HOUR, 20 * _HOUR),)),
    ("the bucket is 10 times as slow for 6 h", (Slow(_HOUR, 6 * _HOUR, 10.0),)),
)
# archive_after and archive_every.
_AGES: Final = ((60.0, 60.0), (300.0, 300.0), (900.0, 300.0), (_HOUR, _HOUR), (_DAY, _HOUR))


def main() -> None:
    """Print the tables."""
    print(courses(TEAM))
    print()
    print(losses(TEAM))
    print()
    print(requests(TEAM))


def courses(given: Assumptions) -> str:
    """Return what each course of events does to the first node."""
    rows = []
    for name, events in COURSES:
        node = Simulation(given, events, 2 * _DAY).run()[0]
        end = max((each.at + each.seconds for each in events), default=0.0)
        late = max(0.0, node.caught_up_at - end)
        rows.append(
            (
                name,
                _millions(node.most_waiting),
                f"{late / 60:,.0f} min" if node.most_waiting > given.rate else "-",
                f"{node.most_disk / 1e9:,.0f} GB",
                f"{node.refused / _HOUR:,.1f} h" if node.refused else "-",
                _millions(node.lost),
            )
        )
    header = ("course", "waits at producers", "caught up after", "disk", "full", "lost")
    return _table(header, rows)


def losses(given: Assumptions) -> str:
    """Return what a lost disk loses, by how soon logs are archived."""
    rows = []
    for after, every in (
        (60.0, 60.0),
        (300.0, 300.0),
        (900.0, 300.0),
        (_HOUR, _HOUR),
        (_DAY, _HOUR),
    ):
        asked = replace(given, archive_after=after, archive_every=every)
        at = max(4 * _HOUR, 1.5 * _DAY if after == _DAY else 0.0)
        found = [
            Simulation(asked, (Lost(0, at + every * part / 4, _HOUR),), at + 2 * _HOUR + every)
            for part in range(4)
        ]
        lost = [each.run()[0].lost for each in found]
        rows.append(
            (
                _duration(after),
                _duration(every),
                f"{min(lost) / 1e6:,.0f} to {max(lost) / 1e6:,.0f} million",
            )
        )
    return _table(("archive_after", "archive_every", "lost with a disk"), rows)


def requests(given: Assumptions) -> str:
    """Return requests and bytes a month, by logs in a batch."""
    logs = given.nodes * given.rate * _MONTH
    rows = []
    for batch in (10_000, 100_000, 400_000, 1_000_000):
        batches = logs / batch
        rows.append(
            (
                f"{batch:,}",
                f"{batch * given.stored_bytes / 1e6:,.1f} MB",
                f"{batches / 1e6:,.1f} million",
                f"{batches * (given.requests - 1) / 1e6:,.1f} million",
                f"{logs * given.stored_bytes / 1e12:,.0f} TB",
            )
        )
    return _table(("logs in a batch", "a batch", "PUT", "HEAD", "stored"), rows)


def _millions(logs: float) -> str:
    return f"{logs / 1e6:,.0f} million" if logs > 1e5 else "-"


def _duration(seconds: float) -> str:
    return f"{seconds / _HOUR:g} h" if seconds >= _HOUR else f"{seconds / 60:g} min"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


if __name__ == "__main__":
    main()
