"""How much each benchmark does: what fits into five minutes, and the long forms."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Counts of logs, connections and rounds."""

    rounds: int
    """How often most of them are measured; the table has medians."""
    ingest_logs: int
    """Logs of one figure of ingest."""
    plain_logs: int
    """The same for the plain Tornado handler, which takes a tenth as many in that time."""
    client_logs: int
    """Logs that each of our own clients sends; a quarter of them as lines of text."""
    shipped_logs: int
    """Logs that are posted in each shipper's protocol."""
    warm_up_logs: int
    """Logs that a fresh server takes before latency and growth are measured."""
    steady_rate: int
    """Logs a second while latency is measured."""
    steady_logs: int
    """Logs sent at that rate."""
    growth_logs: int
    """Rows that a table grows to."""
    growth_parts: int
    """Into so many parts its growth is cut; the last is set beside the first."""
    growth_rounds: int
    """How often a table is grown by ids that sort by time."""
    memory_logs: int
    """Logs that a server takes before its memory is looked at."""
    idle_connections: int
    """Connections that are held while nothing is sent."""
    passing_connections: int
    """Connections that come and go before that."""
    attack_seconds: float
    """For how long each attack on a server goes on."""
    attack_share: float
    """Of the peers that an attack has: 1 but for a try."""
    archive_logs: int
    """Logs that are archived."""
    archive_rate: int
    """Logs a second that producers send beside an archive run."""
    archive_seconds: int
    """For how long they do."""
    analyst_rate: int
    """Logs a second that producers send beside analysts."""
    analyst_seconds: int
    """For how long they do."""
    question_logs: int
    """Logs that questions are asked about."""
    spread_logs: int
    """Logs that are asked about with a cluster and without."""
    scraped_logs: int
    """Logs that are sent as fast as they are acked while a server is scraped."""
    scraped_seconds: int
    """Seconds that a server has measured before it is scraped."""
    sketch_values: int
    """Values of each distribution whose percentiles are estimated."""
    measured_days: int
    """Days that reports from the measurements go over."""


SHORT: Final = Sizes(
    rounds=5,
    ingest_logs=200_000,
    plain_logs=30_000,
    client_logs=200_000,
    shipped_logs=50_000,
    warm_up_logs=20_000,
    steady_rate=10_000,
    steady_logs=50_000,
    growth_logs=2_000_000,
    growth_parts=10,
    growth_rounds=3,
    memory_logs=1_000_000,
    idle_connections=1_000,
    passing_connections=5_000,
    attack_seconds=5,
    attack_share=1,
    archive_logs=300_000,
    archive_rate=5_000,
    archive_seconds=6,
    analyst_rate=20_000,
    analyst_seconds=6,
    question_logs=1_000_000,
    spread_logs=2_000_000,
    scraped_logs=500_000,
    scraped_seconds=3_600,
    sketch_values=1_000_000,
    measured_days=30,
)
FULL: Final = Sizes(
    rounds=9,
    ingest_logs=1_000_000,
    plain_logs=100_000,
    client_logs=1_000_000,
    shipped_logs=500_000,
    warm_up_logs=20_000,
    steady_rate=10_000,
    steady_logs=600_000,
    growth_logs=10_000_000,
    growth_parts=10,
    growth_rounds=3,
    memory_logs=1_000_000,
    idle_connections=1_000,
    passing_connections=5_000,
    attack_seconds=30,
    attack_share=1,
    archive_logs=1_000_000,
    archive_rate=5_000,
    archive_seconds=20,
    analyst_rate=20_000,
    analyst_seconds=20,
    question_logs=1_000_000,
    spread_logs=2_000_000,
    scraped_logs=500_000,
    scraped_seconds=3_600,
    sketch_values=10_000_000,
    measured_days=30,
)
