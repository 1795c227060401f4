"""An examination: every check once, none of which ends the others."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import apsw

from waterline.errors import WaterlineError
from waterline.storage.sqlite import sqlite_errors
from workbench.doctor.databases import UnreadableDatabase
from workbench.doctor.finding import Finding, Verdict, skipped, told, worst
from workbench.doctor.registry import CHECKS, Check
from workbench.doctor.subject import Subject

_SERVER: Final = "server"

Told = Callable[[Check], object]


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding and the name of its check."""

    check: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings, in the order of the checks."""

    found: tuple[Examined, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return worst([each.finding.verdict for each in self.found])

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """Number of findings by verdict."""
        given = [each.finding.verdict for each in self.found]
        return {verdict: given.count(verdict) for verdict in Verdict}


def _quiet(_: Check) -> None:
    """Tell nothing."""


def examine(subject: Subject, before: Told = _quiet) -> Examination:
    """Do every check; nothing is changed.

    Args:
        subject: what is examined.
        before: called with each check before it is done.
    """
    found = []
    for check in CHECKS:
        before(check)
        found += [Examined(check.name, each) for each in _findings(check, subject)]
    return Examination(tuple(_once(found)))


def _findings(check: Check, subject: Subject) -> list[Finding]:
    """Return what a check finds; where it cannot look, that is a fault."""
    found: list[Finding] = []
    try:
        with sqlite_errors(subject.folder.logs):
            found += check.examine(subject)
    except UnreadableDatabase as error:
        found.append(replace(told(Verdict.FAULT, str(error)), database=error.path.name))
    except WaterlineError as error:
        found.append(told(Verdict.FAULT, str(error)))
    except apsw.Error as error:
        found.append(told(Verdict.FAULT, f"{subject.folder.logs} cannot be read: {error}"))
    except OSError as error:
        where = f"{os.fspath(error.filename)!s} " if error.filename else ""
        found.append(
            told(
                Verdict.FAULT,
                f"{where}cannot be looked at: {error.strerror}",
                "run as the user of the server",
            )
        )
    return found


def _once(found: list[Examined]) -> list[Examined]:
    """Leave out what a check of its own says too: of the server, and of a database."""
    others = {each.finding.sentence for each in found if each.check != _SERVER}
    faulty = {each.check for each in found if each.finding.verdict is Verdict.FAULT}
    return [
        _referred(each) if each.finding.database in faulty - {each.check} else each
        for each in found
        if each.check != _SERVER or each.finding.sentence not in others
    ]


def _referred(found: Examined) -> Examined:
    """Return that a check could not look, with the check that tells why."""
    database = found.finding.database
    return replace(found, finding=skipped(f"{database} cannot be read: see the check {database}"))
