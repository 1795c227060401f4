"""Client for object storage that verifies every write and never returns a partial read."""

import hashlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import obstore
from obstore.store import S3Store

from waterline.archive.object_store.address import (
    BucketAddress,
    Patience,
    open_store,
    parse_address,
)
from waterline.archive.object_store.errors import NO_STORE, Kind, Refusal, attempt
from waterline.errors import ObjectMissing, RemoteError

if TYPE_CHECKING:  # obstore has it for type checkers only
    from obstore import ObjectMeta

PART: Final = 8 * 2**20
"""Bytes of a part. Longer objects go in several parts, all of this size but the last."""
_AT_ONCE: Final = 2
"""Concurrent parts, so that an upload leaves bandwidth for others."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Metadata of an object: size in bytes, and entity tag without quotes."""

    size: int
    etag: str


class Bucket:
    """Objects below a prefix of a bucket. After a fork none works (`attempt`).

    Operations are retried a bounded number of times, with random pauses, if the store is busy or
    the connection breaks. Refusals are not retried. Errors name operation, object and reason, and
    never hold a credential.

    Args:
        address: bucket and prefix.
        store: a client for the bucket.
        patience: timeouts and retries.
    """

    def __init__(self, address: BucketAddress, store: S3Store, patience: Patience) -> None:
        self._address = address
        self._store = store
        self._patience = patience

    def __repr__(self) -> str:
        return f"<Bucket {self._address}>"

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`, without a trailing slash."""
        return str(self._address)

    def url(self, key: str) -> str:
        """Return `s3://bucket/prefix/key`."""
        return f"s3://{self._address.path(key)}"

    def put(self, key: str, content: bytes) -> StoredObject:
        """Write or replace an object, and verify what the store has then.

        In transit the signature covers the SHA-256 of each request body. So no checksum header is
        added, as not every store knows the newer ones. The stored object is verified by its entity
        tag: the MD5, or for parts the MD5 of the MD5s. If the tag means something else, as with
        customer-provided keys, the object is read back and compared.

        Raises:
            RemoteError: the store refuses, cannot be reached, or has another content afterwards.
        """
        path = self._address.object_key(key)
        self._do("write", key, lambda: self._upload(path, content))
        return self._checked(key, content)

    def put_new(self, key: str, content: bytes) -> StoredObject:
        """Write an object unless it is there with the same content.

        A write in one request never replaces another object. A write in parts may, if another
        client writes the key during the upload.

        Raises:
            RemoteError: as for `put`; or another object has the key.
        """
        stored = self.head(key)
        if stored is None:
            path = self._address.object_key(key)
            outcome = self._create(path, content)
            if not isinstance(outcome, Refusal):
                return self._checked(key, content)
            if outcome.kind is not Kind.EXISTS:
                raise self._error("write", key, outcome)
            stored = self.head(key)
        if stored is None or not self._holds(key, stored, content):
            raise RemoteError(
                f"cannot write {self.url(key)}: there is another object, so the address belongs to "
                "another data folder; choose another prefix"
            )
        return stored

    def get(self, key: str) -> bytes:
        """Return the whole content of an object.

        Raises:
            ObjectMissing: the object is missing.
            RemoteError: the store refuses or cannot be reached.
        """
        path = self._address.object_key(key)
        outcome = attempt(lambda: self._download(path))
        if not isinstance(outcome, Refusal):
            content, meta = outcome
            if len(content) == meta["size"] and meta["e_tag"]:
                return content
            outcome = NO_STORE  # such as the page of a proxy that asks for a password
        if outcome.kind is Kind.MISSING:
            raise ObjectMissing(
                f"cannot read {self.url(key)}: it is missing; put a copy in its place, "
                "or check the address"
            )
        raise self._error("read", key, outcome)

    def get_part(self, key: str, offset: int, size: int) -> bytes:
        """Return a part of an object, in one request; the caller verifies it.

        Args:
            key: the object.
            offset: where the part begins, in bytes.
            size: number of bytes, at least one.

        Raises:
            RemoteError: the object is missing or shorter, or the store refuses.
        """
        path = self._address.object_key(key)
        return self._do(
            "read",
            key,
            lambda: bytes(obstore.get_range(self._store, path, start=offset, length=size)),
        )

    def head(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it or the bucket is missing.

        Raises:
            RemoteError: the store refuses or cannot be reached.
        """
        path = self._address.object_key(key)
        outcome = attempt(lambda: obstore.head(self._store, path))
        if not isinstance(outcome, Refusal):
            return StoredObject(outcome["size"], _plain(outcome["e_tag"]))
        if outcome.kind is Kind.MISSING:
            return None
        raise self._error("look for", key, outcome)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted keys of all objects, or of those below a folder such as `2026-11-23`.

        Raises:
            RemoteError: the store refuses or cannot be reached.
        """
        return [*self.objects(prefix)]

    def objects(self, prefix: str = "") -> dict[str, StoredObject]:
        """Return the metadata of the same objects by key, sorted.

        Raises:
            RemoteError: the store refuses or cannot be reached.
        """
        folder = prefix.rstrip("/")
        below = self._address.object_key(folder) if folder else self._address.prefix
        found = self._do("list", folder, lambda: obstore.list(self._store, below or None).collect())
        own = f"{self._address.prefix}/" if self._address.prefix else ""
        kept = {
            each["path"].removeprefix(own): StoredObject(each["size"], _plain(each["e_tag"]))
            for each in found
        }
        return dict(sorted(kept.items()))

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error.

        Raises:
            RemoteError: the store refuses or cannot be reached.
        """
        path = self._address.object_key(key)
        outcome = attempt(lambda: obstore.delete(self._store, path))
        if isinstance(outcome, Refusal) and outcome.kind is not Kind.MISSING:
            raise self._error("remove", key, outcome)

    def _upload(self, path: str, content: bytes) -> None:
        obstore.put(
            self._store,
            path,
            content,
            use_multipart=len(content) > PART,
            chunk_size=PART,
            max_concurrency=_AT_ONCE,
        )

    def _download(self, path: str) -> tuple[bytes, "ObjectMeta"]:
        """Return content and metadata of an object."""
        result = obstore.get(self._store, path)
        return bytes(result.bytes()), result.meta

    def _create(self, path: str, content: bytes) -> Refusal | None:
        """Create an object, with a retry after each broken connection.

        The client itself does not retry this, as it cannot know whose object is there then. The
        caller finds out by comparing.
        """
        if len(content) > PART:
            return attempt(lambda: self._upload(path, content))
        until = time.monotonic() + self._patience.retrying.total_seconds()
        pause = self._patience.first_pause
        for _ in range(self._patience.retries):
            outcome = self._create_once(path, content)
            if outcome is None or outcome.kind is not Kind.BROKEN_OFF or time.monotonic() > until:
                return outcome
            time.sleep(random.uniform(0, pause.total_seconds()))
            pause = min(2 * pause, self._patience.longest_pause)
        return self._create_once(path, content)

    def _create_once(self, path: str, content: bytes) -> Refusal | None:
        outcome = attempt(
            lambda: obstore.put(self._store, path, content, mode="create", use_multipart=False)
        )
        return outcome if isinstance(outcome, Refusal) else None

    def _checked(self, key: str, content: bytes) -> StoredObject:
        """Return the metadata of an uploaded object after a check of its content."""
        stored = self.head(key)
        if stored is None or not self._holds(key, stored, content):
            raise RemoteError(
                f"cannot write {self.url(key)}: the store has something else than was sent; "
                "look what else writes there, and try again"
            )
        return stored

    def _holds(self, key: str, stored: StoredObject, content: bytes) -> bool:
        """Return whether an object has this content."""
        if stored.size != len(content):
            return False
        if stored.etag == entity_tag(content):
            return True
        return hashlib.sha256(self.get(key)).digest() == hashlib.sha256(content).digest()

    def _do(self, operation: str, key: str, call: Callable[[], _T]) -> _T:
        outcome = attempt(call)
        if isinstance(outcome, Refusal):
            raise self._error(operation, key, outcome)
        return outcome

    def _error(self, operation: str, key: str, refusal: Refusal) -> RemoteError:
        return RemoteError(
            f"cannot {operation} {self.url(key)}: {refusal.reason}; {refusal.advice}"
        )


def open_bucket(
    address: str, environment: Mapping[str, str] = os.environ, patience: Patience | None = None
) -> Bucket:
    """Return a bucket, without sending anything.

    Profiles in ~/.aws are not read. Without keys in the environment, the provider for a container
    or machine is asked, unless AWS_EC2_METADATA_DISABLED is true.

    Args:
        address: `s3://bucket/prefix`.
        environment: credentials, region and endpoint: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
            AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or
            AWS_ENDPOINT_URL.
        patience: timeouts and retries.

    Raises:
        UsageError: the address or a variable is invalid, or credentials are missing.
    """
    where, patience = parse_address(address), patience or Patience()
    return Bucket(where, open_store(where.bucket, environment, patience), patience)


def _plain(entity_tag: str | None) -> str:
    return (entity_tag or "").strip('"')


def entity_tag(content: bytes) -> str:
    """Return the entity tag that S3 gives to an object of `Bucket.put`.

    MD5 finds accidental damage. The SHA-256 in the catalog guards against forgery.
    """
    if len(content) <= PART:
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
    view = memoryview(content)
    parts = [
        hashlib.md5(view[start : start + PART], usedforsecurity=False).digest()
        for start in range(0, len(content), PART)
    ]
    whole = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(parts)}"
