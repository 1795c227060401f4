"""A sound data folder for the doctor, and what a test changes about it."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.archive_runs import archive
from tests.support.folders import DAY, NOON, Batch
from tests.support.measured import fill_measured
from tests.support.ports import lasting_port
from tests.support.processes import ServerProcess, create_token, serving
from waterline.clock import now_ms
from waterline.settings.model import load_settings
from waterline.storage.folder import DataFolder
from workbench.doctor.examine import Examination, examine
from workbench.doctor.finding import Verdict
from workbench.doctor.subject import Subject


@dataclass
class Patient:
    """A folder, and how it is examined."""

    data: Path
    opened: ExitStack
    options: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    is_full: bool = False
    token: str = ""

    @property
    def folder(self) -> DataFolder:
        """The data folder."""
        return DataFolder(self.data)

    @property
    def beside(self) -> Path:
        """A folder for other files."""
        return self.data.parent

    def serve(self, *options: str) -> ServerProcess:
        """Start a server on the folder, which ends with the test."""
        server = self.opened.enter_context(serving(self.data, *options, token=self.token))
        self.options |= {"port": server.ingest.rpartition(":")[2].partition("/")[0]}
        self.options |= {"monitoring_port": server.monitoring.rpartition(":")[2]}
        return server

    def examined(self) -> Examination:
        """Return what the doctor finds."""
        loaded = load_settings(
            {"data": str(self.data), **self.options}, {}, self.beside, check_queries=False
        )
        return examine(
            Subject(
                loaded.settings,
                loaded.sources,
                loaded.alerts,
                self.url,
                self.is_full,
                self.environment,
            )
        )


def make_sound(data: Path) -> str:
    """Make a folder with archived, hot and measured logs, and a token; return that."""
    old = [{"id": f"old-{each}", "type": "info", "message": f"old {each}"} for each in range(6)]
    new = [{"id": f"{each}", "type": "info", "message": "x" * 500} for each in range(400)]
    now = now_ms()
    fill_measured(data, [Batch(old, "web", NOON), Batch(new, "web", now - DAY)], now=now)
    archive(data, now=now)
    return create_token(data)


def patient_of(sound: Path, token: str, folder: Path, opened: ExitStack) -> Patient:
    """Return a patient with a copy of a sound folder, and ports that nobody listens on.

    Args:
        sound: the folder to copy.
        token: its token.
        folder: where the copy is put.
        opened: closes what a test opens.
    """
    shutil.copytree(sound, folder / "data")
    ports = {
        each: str(lasting_port())
        for each in ("port", "monitoring_port", "dashboard_port", "query_port")
    }
    return Patient(folder / "data", opened, ports, token=token)


def told(found: Examination, check: str) -> list[tuple[Verdict, str]]:
    """Return verdict and sentence of all that a check found."""
    return [
        (each.finding.verdict, each.finding.sentence) for each in found.found if each.check == check
    ]


def bad(found: Examination) -> list[str]:
    """Return all that is not well."""
    return [
        f"{each.finding.verdict} {each.check}: {each.finding.sentence}"
        for each in found.found
        if each.finding.verdict in (Verdict.WARNING, Verdict.FAULT)
    ]
