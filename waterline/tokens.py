"""Tokens: who may push logs and who may read; stored hashed, compared in constant time."""

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
"""Of a token, and so the source of the logs that come with it."""
# 256 random bits cannot be guessed, so a plain hash is enough and costs a request nothing.
_SECRET_BYTES: Final = 32
_PREFIX: Final = "wl_"
# A file without tokens has it too: an empty one is a file that somebody is just saving.
_HEADING: Final = b"# The tokens of this data folder, by name; `waterline token` changes them.\n"


class Scope(StrEnum):
    """What a token allows."""

    INGEST = "ingest"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is stored; its text is known to its holder alone.

    `created_at` is milliseconds UTC; `name` becomes the `source` of the logs that come with it.
    """

    name: str
    scopes: frozenset[Scope]
    sha256: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What let a connection in: a token as it was then, and the scope that was asked of it."""

    token: Token
    scope: Scope


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class TokenFile:
    """The tokens of a data folder, read again whenever the file has changed.

    A file that had tokens and is missing or empty now cannot be read: an editor that saves it in
    place leaves it so for a moment, and nobody's token is revoked by that.
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
        """Return the token with this text, if there is one."""
        self._refresh()
        digest, found = _hash(text), None
        for token in self._tokens.values():
            # Every one is compared, so that the time tells nothing of which fits.
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def withdrawn(self, grants: Iterable[Grant]) -> set[Grant]:
        """Return the grants that would not be given again: revoked, renewed, or scope taken.

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
        """Add a token and return its text, which is stored nowhere.

        Raises:
            TokenError: the name is taken or not fit for one.
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
        """Make a token, or give the one of this name a new text; return the text."""
        with self._changing():
            return self._put(name, scopes, created_at)

    def revoke(self, name: str) -> None:
        """Remove a token.

        Raises:
            TokenError: there is none of that name.
        """
        with self._changing():
            if name not in self._tokens:
                known = ", ".join(sorted(self._tokens)) or "none"
                raise TokenError(f"there is no token {name}; the tokens are: {known}")
            self._write({key: token for key, token in self._tokens.items() if key != name})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep other processes from changing the tokens meanwhile, which would lose one change."""
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
            os.fsync(descriptor)  # a revoked token must not come back after a power cut
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
        # A rename gives a new inode, so that two writes within one clock tick are told apart.
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
    """Write a file anew, all of it or nothing; a link to it, its rights and its owner stay.

    Raises:
        OSError: it cannot be written.
    """
    target = path.resolve()
    temporary = target.with_name(f"{target.name}.new")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                before = target.stat()
                if os.geteuid() == 0:  # nobody else may give a file away
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
    """Tells which grants in use were withdrawn since they were given.

    A file that cannot be read withdraws nothing: a typing mistake in it must not cut off every
    producer. It is told in one log line, once, until it can be read again. What is withdrawn is
    so at two looks in a row: a file that is saved piece by piece lacks tokens for a moment.
    """

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens
        self._doubted: set[Grant] = set()
        self.failure: str | None = None
        """Why the tokens cannot be read now, in one sentence; None where they can."""

    def withdrawn(self, in_use: Iterable[Grant]) -> set[Grant]:
        """Return the grants that are allowed no more; one `stat` where nothing has changed."""
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
    """One token as the file holds it, below its name."""

    scopes: frozenset[Scope]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created_at: int


def _read_tokens(path: Path) -> dict[str, Token] | None:
    """Return the tokens in a file by name; None where nothing at all is in it.

    Raises:
        TokenError: it is damaged or cannot be read.
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
