"""Settings: values that contradict each other, beyond those that no command starts with."""

from collections.abc import Iterator
from typing import Final

from waterline.addresses import is_loopback
from waterline.origins import ANY
from waterline.units import format_duration
from workbench.doctor.finding import Finding, fault, ok, warning
from workbench.doctor.subject import Subject

_USUAL_CUT: Final = 60_000
"""Milliseconds after which most proxies cut a quiet connection."""


def sources(subject: Subject) -> Iterator[Finding]:
    """Say where the settings come from; that they have a meaning was seen before."""
    given = [name for name, source in subject.sources.items() if source != "default"]
    told = f"{len(given)} given: {', '.join(given)}" if given else "all are the defaults"
    yield ok(f"each has a meaning; {told}")


def contradictions(subject: Subject) -> Iterator[Finding]:
    """Look for settings that work against each other."""
    found = [*_of_ports(subject), *_of_archives(subject), *_of_connections(subject)]
    yield from found or [ok("no two of the settings contradict each other")]


def _of_ports(subject: Subject) -> Iterator[Finding]:
    settings = subject.settings
    named = [("port", settings.port), ("monitoring_port", settings.monitoring_port)]
    named.append(("dashboard_port", settings.dashboard_port))
    named.append(("query_port", settings.query_port))
    if settings.syslog_tcp is not None:
        named.append(("syslog_tcp", settings.syslog_tcp.port))
    for place, (name, port) in enumerate(named):
        for other, other_port in named[:place]:
            if port and port == other_port:
                yield fault(
                    f"{other} and {name} are both {port}, and one port has one listener",
                    f"give {name} another",
                )


def _of_archives(subject: Subject) -> Iterator[Finding]:
    settings = subject.settings
    after, keep = settings.archive_after, settings.archive_keep
    if not settings.archive_keep_local and settings.archive_dest is None:
        yield warning(
            "archive_keep_local is no, and without archive_dest batches are nowhere else, so that "
            "they stay here",
            "set archive_dest, or archive_keep_local to yes",
        )
    if settings.node_name is not None and settings.archive_dest is None:
        yield warning(
            "node_name is set, and without archive_dest there is no lake that it names a node of",
            "set archive_dest to the address of the lake, or node_name to none",
        )
    if after is None and (keep is not None or settings.archive_dest is not None):
        name = "archive_keep" if keep is not None else "archive_dest"
        yield warning(
            f"{name} is set and archive_after is never, so that nothing new is archived by itself",
            "set archive_after, or run `waterline archive run` from time to time",
        )
    shortest = None if keep is None else keep.shortest
    if after is not None and shortest is not None and shortest < after:
        yield warning(
            f"archive_keep has {format_duration(shortest)}, shorter than archive_after with "
            f"{format_duration(after)}: such logs are removed as soon as they are archived",
            "raise archive_keep, or lower archive_after",
        )
    longest = max((each.over + each.lasting for each in subject.alerts), default=0)
    if after is not None and after < longest:
        yield warning(
            f"archive_after is {format_duration(after)}, and an alert looks back "
            f"{format_duration(longest)}: logs are archived before it has looked at them",
            f"raise archive_after to {format_duration(longest)} or more",
        )


def _of_connections(subject: Subject) -> Iterator[Finding]:
    settings = subject.settings
    secure = settings.tls_cert is not None
    if not is_loopback(settings.host) and not secure:
        yield warning(
            f"host is {settings.host} without TLS: tokens and logs travel in the clear",
            "give tls_cert and tls_key, or listen on 127.0.0.1 behind a proxy that speaks TLS",
        )
    if ANY in settings.allowed_origins:
        yield warning(
            "allowed_origins has *: any page that someone here opens may read the dashboard",
            "name the origins that may, such as https://logs.example.com",
        )
    if settings.ping_every >= settings.idle_timeout / 2:
        yield warning(
            f"ping_every ({format_duration(settings.ping_every)}) is more than half of "
            f"idle_timeout ({format_duration(settings.idle_timeout)}), which counts then",
            "lower ping_every",
        )
    if min(settings.ping_every or settings.idle_timeout, settings.idle_timeout / 2) > _USUAL_CUT:
        yield warning(
            f"ping_every is {format_duration(settings.ping_every)}, and most proxies cut what is "
            "quiet for 60 s",
            "set ping_every to 20s",
        )
    for name in ("syslog_tcp", "syslog_udp"):
        address = getattr(settings, name)
        if address is not None and not is_loopback(address.host) and not settings.syslog_from:
            yield fault(
                f"{name} listens on {address.host} and syslog_from names nobody who may send, so "
                "that the server does not start",
                "name the networks that may send in syslog_from",
            )
    if settings.syslog_from and settings.syslog_tcp is None and settings.syslog_udp is None:
        yield warning(
            "syslog_from names who may send syslog, and syslog is taken nowhere",
            "set syslog_tcp or syslog_udp",
        )
