"""Limit of open files: raised for a server, and what it leaves for connections."""

import resource
import sys
from collections.abc import Sequence
from typing import Final

# Descriptors for all else: databases and their WALs, tokens, archive processes with their pipes,
# and requests for /health.
RESERVE: Final = 64
# Limit of a process on macOS, whatever its hard limit (sys/syslimits.h, OPEN_MAX).
_MOST_ON_DARWIN: Final = 10_240


def raise_limit() -> int:
    """Raise the limit of open files to the hard limit and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = highest_limit(hard)
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return limit_of(wanted)


def highest_limit(hard: int) -> int:
    """Return the limit that a process with this hard limit can have."""
    if sys.platform == "darwin" and (hard == resource.RLIM_INFINITY or hard > _MOST_ON_DARWIN):
        return _MOST_ON_DARWIN
    return hard


def limit_of(limit: int) -> int:
    """Return a limit as a number; no limit is the largest one."""
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def for_connections(limit: int) -> int:
    """Return an exclusive upper bound for the descriptors of connections.

    The system assigns the lowest free descriptor, so its number tells how many are used.

    Args:
        limit: open files that this process may have.
    """
    return limit - min(RESERVE, limit // 4)


def few_descriptors(most: int, token_connections: int) -> Sequence[str]:
    """Return a warning if descriptors run out before the limit of a token.

    Args:
        most: descriptors for connections.
        token_connections: connections that a token may hold.
    """
    if most >= token_connections:
        return ()
    sentence = (
        f"only about {most:,} connections can be open at once, fewer than token_connections "
        f"({token_connections:,}): raise the limit of open files (ulimit -Hn)"
    )
    return (sentence,)
