"""The server: whether it runs, answers, and what its /health says."""

from collections.abc import Iterator, Mapping
from typing import Final

from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told, warning
from workbench.doctor.subject import Subject
from workbench.snapshots.server_health import ServerHealth

_ADVICE: Final[Mapping[str, str]] = {
    "logs are not stored": "make room on its disk, and see the check logs.db",
    "no new": "raise its limit of open files (ulimit -n), or close connections",
    "the server has taken nothing": "start it again",
    "measurements": "see to the disk of metrics.db; logs are stored meanwhile",
    "old logs are not archived": "mend what is named; local logs are safe",
    "archiving failed": "mend what is named; it is tried again",
    "source ": "see to the sender",
}
"""Begin of a sentence of /health that does not say what to do, and what that is."""
_ELSE: Final = "see the table below /health in docs/operate.md"


def server(subject: Subject) -> Iterator[Finding]:
    """Ask the server, if one holds the folder."""
    if subject.server is None:
        yield skipped(f"no server holds {subject.folder.path}")
        return
    health = subject.health
    name = f"the server (process {subject.server})" if subject.server else "the server"
    if not isinstance(health, ServerHealth):
        yield _silent(name, health.why)
        return
    for each in health.reasons:
        yield _said(Verdict.FAULT, each)
    for each in health.warnings:
        yield _said(Verdict.WARNING, each)
    if not health.reasons and not health.warnings:
        yield ok(f"{name} is healthy, and has no warning, {health.uptime:,.0f} s after its start")


def _silent(name: str, why: str) -> Finding:
    """Return what to say of a server that holds the folder and tells nothing."""
    if "wants a token" in why:
        return warning(
            f"{name} holds the folder, and tells its health only with a token",
            "set WATERLINE_TOKEN to one with the scope read",
        )
    return fault(
        f"{name} holds the folder, and {why}",
        "give the options that it was started with, such as --monitoring-port; if they are right, "
        "it hangs: start it again",
    )


def _said(verdict: Verdict, sentence: str) -> Finding:
    advice = next((text for begin, text in _ADVICE.items() if sentence.startswith(begin)), _ELSE)
    return told(verdict, sentence, advice)
