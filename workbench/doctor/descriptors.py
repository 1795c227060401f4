"""Descriptors: how many files and connections the server may have open."""

import resource
from collections.abc import Iterator
from typing import Final

from waterline.descriptors import few_descriptors, for_connections, highest_limit, limit_of
from workbench.doctor.finding import Finding, Verdict, ok, told, warning
from workbench.doctor.kernel import file_limit, open_files
from workbench.doctor.subject import Subject

_NEARLY: Final = 0.8


def descriptors(subject: Subject) -> Iterator[Finding]:
    """Compare the limit with what a token may hold, and with what is open now."""
    limit, whose = limit_for(subject.server)
    most = for_connections(limit)
    used = open_files(subject.server) if subject.server else None
    few = few_descriptors(most, subject.settings.token_connections)
    for sentence in few:
        reason, _, advice = sentence.partition(": ")
        yield told(Verdict.WARNING, f"{reason}; {advice}")
    if used is not None and used > _NEARLY * most:
        yield warning(
            f"the server has {used:,} files and connections open, of {most:,} at most",
            "raise its limit of open files (LimitNOFILE, ulimit -Hn), or close connections",
        )
    elif not few:
        now = "" if used is None else f"; {used:,} are open now"
        yield ok(f"{whose} may have {limit:,} files and connections open{now}")


def limit_for(server: int | None) -> tuple[int, str]:
    """Return the limit of the server, or of one started from here, and whose it is.

    Args:
        server: its process id; None without one, 0 if unknown.
    """
    found = file_limit(server) if server else None
    if found is not None:
        return found, "the server"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit_of(highest_limit(hard)), "a server started from here"
