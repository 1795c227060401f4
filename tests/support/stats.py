"""Statistics of decoded logs, which are measured later if the logs are few."""

from server.decode.decoded_logs import DecodedLogs
from waterline.metrics.log_stats import Gathered, TypeStats, measure_gathered


def stats_of(decoded: DecodedLogs) -> dict[str, TypeStats]:
    """Return the statistics by type of log."""
    stats = decoded.stats
    return dict(measure_gathered([stats]) if isinstance(stats, Gathered) else stats)
