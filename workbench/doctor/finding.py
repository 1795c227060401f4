"""What a check finds: a verdict, a reason, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Verdict of a check, the best first."""

    OK = "ok"
    SKIPPED = "skipped"
    """Nothing to look at, or it cannot be seen from here."""
    WARNING = "warning"
    """Worth a look; everything works, or soon will not."""
    FAULT = "fault"
    """Something does not work, or is lost."""


_RANKS = {each: rank for rank, each in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check."""

    verdict: Verdict
    reason: str
    advice: str = ""
    """What to do; empty where there is nothing to do."""
    database: str = ""
    """Name of a database that could not be read for this check, whose own check tells why."""

    @property
    def sentence(self) -> str:
        """Reason and advice as one sentence."""
        return f"{self.reason}; {self.advice}" if self.advice else self.reason


def ok(reason: str) -> Finding:
    """Return that all is well."""
    return Finding(Verdict.OK, reason)


def skipped(reason: str) -> Finding:
    """Return that there is nothing to look at, and why."""
    return Finding(Verdict.SKIPPED, reason)


def warning(reason: str, advice: str) -> Finding:
    """Return something that is worth a look."""
    return Finding(Verdict.WARNING, reason, advice)


def fault(reason: str, advice: str) -> Finding:
    """Return something that does not work."""
    return Finding(Verdict.FAULT, reason, advice)


def told(verdict: Verdict, sentence: str, advice: str = "") -> Finding:
    """Return a sentence as a finding; what follows its last semicolon is what to do.

    Args:
        verdict: the verdict.
        sentence: a sentence of an error or of the server.
        advice: what to do where the sentence does not say it.
    """
    reason, mark, said = sentence.rpartition("; ")
    if mark:
        return Finding(verdict, reason, said)
    return Finding(verdict, sentence, advice)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst verdict; OK if there is none, or only skipped ones."""
    found = max(verdicts, key=_RANKS.__getitem__, default=Verdict.OK)
    return Verdict.OK if found is Verdict.SKIPPED else found
