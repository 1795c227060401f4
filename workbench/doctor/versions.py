"""Versions: Waterline here and of the running server, Python, and the SQLite that writes."""

import sys
from collections.abc import Iterator
from importlib.metadata import version

import apsw

from waterline.storage.sqlite import OLDEST_WRITER
from workbench.doctor.finding import Finding, fault, ok, warning
from workbench.doctor.subject import Subject
from workbench.snapshots.server_health import ServerHealth


def versions(subject: Subject) -> Iterator[Finding]:
    """Compare this Waterline with the server that runs."""
    here = version("waterline")
    yield ok(f"Waterline {here}, Python {sys.version.split()[0]}, {sys.platform}")
    if subject.server is None or not isinstance(subject.health, ServerHealth):
        return
    for name, own in (("waterline", here), ("sqlite", apsw.sqlite_lib_version())):
        there = subject.health.versions.get(name)
        if there is not None and there != own:
            yield warning(
                f"the server runs with {name} {there}, and {own} is installed here",
                "start the server again, or call the command that belongs to it",
            )


def sqlite(_: Subject) -> Iterator[Finding]:
    """Look at the library that writes logs.db."""
    yield library_finding(apsw.SQLITE_VERSION_NUMBER, apsw.sqlite_lib_version())


def library_finding(number: int, name: str) -> Finding:
    """Return what is to be said of a version of SQLite.

    Args:
        number: the version as SQLite counts it, such as 3051003.
        name: the version as people read it.
    """
    if number < OLDEST_WRITER:
        return fault(
            f"SQLite {name} can lose committed logs in WAL mode",
            "install apsw 3.51.3 or later: pip install --upgrade apsw",
        )
    return ok(f"SQLite {name} writes, which is 3.51.3 or later")
