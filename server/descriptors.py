"""File descriptors: how many this process may have open, and how many of them connections get."""

import resource
import sys
from typing import Final

# What else needs descriptors while every connection is taken: databases and their WALs, tokens,
# archive processes with their pipes, and whoever asks /health.
RESERVE: Final = 64
# macOS lets no process have more, whatever its hard limit says (sys/syslimits.h, OPEN_MAX).
_MOST_ON_DARWIN: Final = 10_240


def raise_limit() -> int:
    """Let this process open as many files as the system allows it; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard
    if sys.platform == "darwin" and (hard == resource.RLIM_INFINITY or hard > _MOST_ON_DARWIN):
        wanted = _MOST_ON_DARWIN
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return sys.maxsize if wanted == resource.RLIM_INFINITY else wanted


def for_connections(limit: int) -> int:
    """Return the number of descriptors below which a new connection's must lie.

    The system gives out the lowest one that is free, so a number tells how many are taken.

    Args:
        limit: how many this process may have open.
    """
    return limit - min(RESERVE, limit // 4)
