"""The token file: readable, whole, and with what the settings need."""

from collections.abc import Iterator

from waterline.addresses import is_loopback
from waterline.errors import TokenError
from waterline.tokens import Scope, Token, TokenFile
from waterline.units import counted
from workbench.doctor.finding import Finding, Verdict, fault, ok, told, warning
from workbench.doctor.subject import Subject


def tokens(subject: Subject) -> Iterator[Finding]:
    """Look at tokens.toml, and at the token of the environment; no token is shown."""
    file = TokenFile(subject.folder.tokens)
    try:
        known = file.tokens()
        own = None if subject.token is None else file.find(subject.token)
    except TokenError as error:
        yield told(Verdict.FAULT, str(error))
        return
    found = [*_missing(subject, known)]
    if subject.token is not None and own is None:
        found.append(
            warning(
                "WATERLINE_TOKEN holds a token that this folder does not know",
                "set it to one of this folder, or make one: waterline token create",
            )
        )
    yield from found or [ok(f"{counted(len(known), 'token')}, told apart by hashes alone")]


def _missing(subject: Subject, known: list[Token]) -> Iterator[Finding]:
    """Yield what no token allows, though the settings want it."""
    command = f"waterline token create NAME --scope ingest --data {subject.folder.path}"
    is_open = not is_loopback(subject.settings.host)
    if not known:
        verdict = fault if is_open else warning
        yield verdict(
            f"there is no token, so that nobody can send"
            f"{', and beyond loopback the server does not start' if is_open else ''}",
            command,
        )
    elif not any(Scope.INGEST in each.scopes for each in known):
        yield warning("no token has the scope ingest, so that nobody can send", command)
    elif is_open and not any(Scope.READ in each.scopes for each in known):
        yield warning(
            "no token has the scope read, and beyond loopback /health and /metrics want one",
            command.replace("ingest", "read"),
        )
