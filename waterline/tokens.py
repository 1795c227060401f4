"""Tokens to push and read logs: stored hashed, compared in constant time."""

import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import tomli_w

from waterline.errors import TokenError

logger = logging.getLogger(__name__)

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Name of a token, which is the source of its logs."""
# 256 random bits cannot be guessed, so a plain hash is enough.
_SECRET_BYTES: Final = 32
_PREFIX: Final = "wl_"
# Also in a file without tokens, as an empty file is one that an editor is just saving.
_HEADING: Final = b"# The tokens of this data folder, by name; `waterline token` changes them.\n"


class Scope(StrEnum):
    """Rights of a token."""

    INGEST = "ingest"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Token:
    """Stored token; only its holder knows the text.

    Attributes:
        name: the `source` of its logs.
        scopes: its rights.
        sha256: hash of the text.
        created_at: milliseconds UTC.
    """

    name: str
    scopes: frozenset[Scope]
    sha256: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Admission of a connection: the token at that time, and the requested scope."""

    token: Token
    scope: Scope


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class TokenFile:
    """Tokens of a data folder, read again when the file changes.

    A file that had tokens and is now missing or empty is an error, not a revocation: an editor that
    saves in place leaves it so for a moment.

    Args:
        path: tokens.toml.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def tokens(self) -> list[Token]:
        """Return all tokens, oldest first.

        Raises:
            TokenError: the file is damaged or cannot be read.
        """
        self._refresh()
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.name))

    def find(self, text: str) -> Token | None:
        """Return the token with this text; None if there is none."""
        self._refresh()
        digest, found = _hash(text), None
        for token in self._tokens.values():
            # All are compared, so that the time does not show which one matches.
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def withdrawn(self, grants: Iterable[Grant]) -> set[Grant]:
        """Return the grants whose token was revoked or renewed, or lost the scope.

        Raises:
            TokenError: the file is damaged or cannot be read.
        """
        self._refresh()
        return {grant for grant in grants if not self._allows(grant)}

    def _allows(self, grant: Grant) -> bool:
        token = self._tokens.get(grant.token.name)
        if token is None or token.sha256 != grant.token.sha256:
            return False
        return grant.scope in token.scopes

    def create(self, name: str, scopes: Iterable[Scope], created_at: int) -> str:
        """Create a token and return its text, which is stored nowhere.

        Args:
            name: a new name.
            scopes: its rights.
            created_at: milliseconds UTC.

        Raises:
            TokenError: the name is taken or invalid.
        """
        if not NAME.fullmatch(name):
            raise TokenError(
                f"{name!r} is no token name; use up to 64 letters, digits, '.', '_' and '-'"
            )
        with self._changing():
            if name in self._tokens:
                raise TokenError(
                    f"a token {name} exists already; revoke it first or choose a new name"
                )
            return self._put(name, scopes, created_at)

    def renew(self, name: str, scopes: Iterable[Scope], created_at: int) -> str:
        """Create a token, or replace the text of an existing one; return the text.

        Args:
            name: the name.
            scopes: its rights.
            created_at: milliseconds UTC.
        """
        with self._changing():
            return self._put(name, scopes, created_at)

    def revoke(self, name: str) -> None:
        """Remove a token.

        Raises:
            TokenError: the name is unknown.
        """
        with self._changing():
            if name not in self._tokens:
                known = ", ".join(sorted(self._tokens)) or "none"
                raise TokenError(f"there is no token {name}; the tokens are: {known}")
            self._write({key: token for key, token in self._tokens.items() if key != name})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Lock out other processes during a change, which would otherwise be lost."""
        try:
            descriptor = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise TokenError(
                f"the data folder {self._path.parent} cannot be read: {error.strerror}"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._refresh()
            yield
            os.fsync(descriptor)  # a power cut must not bring back a revoked token
        finally:
            os.close(descriptor)

    def _put(self, name: str, scopes: Iterable[Scope], created_at: int) -> str:
        text = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        token = Token(name, frozenset(scopes), _hash(text), created_at)
        self._write(self._tokens | {name: token})
        return text

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            if self._tokens:
                raise TokenError(
                    f"{self._path} is gone; put it back, or make the tokens anew"
                ) from error
            self._seen = None
            return
        except OSError as error:
            raise TokenError(f"{self._path} cannot be read: {error.strerror}") from error
        # A rename gives a new inode, which tells two writes within one clock tick apart.
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            tokens = _read_tokens(self._path)
            if tokens is None and self._tokens:
                raise TokenError(
                    f"{self._path} is empty; put back what was in it, or make the tokens anew"
                )
            self._tokens, self._seen = tokens or {}, seen

    def _write(self, tokens: dict[str, Token]) -> None:
        document = {
            token.name: {
                "scopes": sorted(token.scopes),
                "sha256": token.sha256,
                "created_at": token.created_at,
            }
            for token in tokens.values()
        }
        try:
            _replace(self._path, _HEADING + tomli_w.dumps(document).encode())
        except OSError as error:
            raise TokenError(f"{self._path} cannot be written: {error.strerror}") from error
        self._refresh()


def _replace(path: Path, content: bytes) -> None:
    """Replace the content of a file atomically; links, mode and owner stay.

    Raises:
        OSError: the file cannot be written.
    """
    target = path.resolve()
    temporary = target.with_name(f"{target.name}.new")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                before = target.stat()
                if os.geteuid() == 0:  # only root may change the owner
                    os.fchown(descriptor, before.st_uid, before.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class GrantWatch:
    """Watches for withdrawn grants in use.

    An unreadable file withdraws nothing, as a typo in it must not cut off every producer; it is
    logged once. A grant counts as withdrawn after two checks in a row, as a file that is saved
    piece by piece lacks tokens for a moment.

    Args:
        tokens: the tokens.
    """

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens
        self._doubted: set[Grant] = set()
        self.failure: str | None = None
        """Why the tokens cannot be read, in one sentence; None if they can."""

    def withdrawn(self, in_use: Iterable[Grant]) -> set[Grant]:
        """Return the withdrawn grants; costs one `stat` if the file is unchanged."""
        try:
            gone = self._tokens.withdrawn(in_use)
        except TokenError as error:
            if self.failure is None:
                logger.error("%s; until then connections stay open and none is let in", error)
            self.failure = str(error)
            return set()
        self.failure = None
        confirmed, self._doubted = gone & self._doubted, gone
        return confirmed


class _Entry(msgspec.Struct):
    """Token in the file, below its name."""

    scopes: frozenset[Scope]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created_at: int


def _read_tokens(path: Path) -> dict[str, Token] | None:
    """Return the tokens in a file by name; None if the file is empty.

    Raises:
        TokenError: the file is damaged or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            return None
        document = tomllib.loads(text)
        entries = msgspec.convert(document, dict[str, _Entry])
    except OSError as error:
        raise TokenError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise TokenError(f"{path} is damaged ({error}); mend it or make the tokens anew") from error
    return {
        name: Token(name, entry.scopes, entry.sha256, entry.created_at)
        for name, entry in entries.items()
    }
