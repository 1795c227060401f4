"""The checks of the doctor, in the order in which they are told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from workbench.doctor import (
    alerts,
    archives,
    backups,
    clock,
    databases,
    descriptors,
    disk,
    folder,
    log_file,
    object_storage,
    ports,
    proxy,
    server,
    settings,
    tls,
    tokens,
    versions,
)
from workbench.doctor.finding import Finding
from workbench.doctor.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what it is called, what it looks at, and the function that does."""

    name: str
    about: str
    examine: Callable[[Subject], Iterator[Finding]]


SETTINGS: Final = Check(
    "settings", "each is known and has a meaning; where they come from", settings.sources
)
CHECKS: Final = (
    SETTINGS,
    Check("contradictions", "settings that work against each other", settings.contradictions),
    Check("versions", "Waterline, Python, and those of the running server", versions.versions),
    Check("sqlite", "the library that writes is 3.51.3 or later", versions.sqlite),
    Check("folder", "a folder on a local disk that this user can write", folder.folder),
    Check("rights", "whose files they are, and who may read and write them", folder.rights),
    Check("log file", "whether `log_file` can be written", log_file.log_file),
    Check("disk", "free bytes", disk.disk),
    Check("inodes", "free inodes", disk.inodes),
    Check("descriptors", "files and connections that may be open at once", descriptors.descriptors),
    Check("server", "whether it runs, answers, and what `/health` says", server.server),
    Check("ports", "free, held by our own server, or by another program", ports.ports),
    Check("dashboard", "whether it runs and answers", ports.dashboard),
    Check("questions", "whether the process of questions runs and answers", ports.questions),
    Check("clock", "against the newest log, file and batch; steps back", clock.clock),
    Check("tokens", "the file is whole, and has what the settings need", tokens.tokens),
    Check("logs.db", "kind, version, integrity", databases.logs),
    Check("metrics.db", "the same, and that it counts no log too many", databases.metrics),
    Check("cache.db", "the same; it may be deleted", databases.cache),
    Check("wal", "WALs that grow, and who holds them back", databases.wal),
    Check("archives", "catalog, manifests and files; all content with `--full`", archives.archives),
    Check("archive runs", "logs that are due and not archived, runs that hang", archives.runs),
    Check("object storage", "reachable, with what was uploaded last", object_storage.objects),
    Check("backups", "late or incomplete ones, and whether their place is fit", backups.backups),
    Check("tls", "certificate, key, dates, and what the server shows", tls.tls),
    Check("alerts", "their file, and webhooks that take no event", alerts.alerts),
    Check("address", "`--url` leads to Waterline", proxy.reached),
    Check("origin", "`Host` and `Origin` through `--url`", proxy.origin),
    Check("upload", "large bodies through `--url`", proxy.upload),
    Check("idle", "WebSockets through `--url`, also silent ones", proxy.idle),
)  # fmt: skip
"""All checks."""
