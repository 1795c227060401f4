"""Addresses of object storage, and the client settings in the environment."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.store import S3Store

from waterline.errors import UsageError

if TYPE_CHECKING:  # obstore has them for type checkers only
    from obstore.store import S3Config, S3Credential

_NAME: Final = r"(?!\.\.?(?:/|$))[\w.=-]+"  # a part of a key; `.` and `..` are none
_KEY: Final = re.compile(rf"{_NAME}(?:/{_NAME})*", re.ASCII)
_ADDRESS: Final = re.compile(
    rf"s3://([a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9])(?:/({_NAME}(?:/{_NAME})*))?/?", re.ASCII
)
_REGION: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Each announces a provider of credentials on this machine.
_PROVIDERS: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_DEFAULT_REGION: Final = "us-east-1"
_R2: Final = ".r2.cloudflarestorage.com"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Bucket, and a prefix within it that may be empty."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.path('')}" if self.prefix else f"s3://{self.bucket}"

    def path(self, key: str) -> str:
        """Return bucket, prefix and key joined by slashes; empty parts are left out."""
        return "/".join(part for part in (self.bucket, self.prefix, key) if part)

    def object_key(self, key: str) -> str:
        """Return the key within the whole bucket.

        Raises:
            UsageError: the key has characters that some stores change.
        """
        if not _KEY.fullmatch(key):
            raise UsageError(
                f"{key!r} cannot be the name of an object; "
                "give parts of letters, digits and _ . = - with / between them"
            )
        return f"{self.prefix}/{key}" if self.prefix else key


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Timeouts and retries of an operation.

    The pause before a retry is random, below a bound that doubles each time.
    """

    retries: int = 5
    first_pause: timedelta = timedelta(milliseconds=100)
    longest_pause: timedelta = timedelta(seconds=5)
    retrying: timedelta = timedelta(seconds=60)
    """After this time no further try is begun."""
    connecting: timedelta = timedelta(seconds=5)
    request: timedelta = timedelta(seconds=120)
    """One request with its answer. A part of 8 MiB needs 70 kB/s."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    """Keys from the environment, hidden from repr."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(repr=False)

    def __call__(self) -> "S3Credential":
        return {
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
            "token": self.token,
            "expires_at": None,
        }


def parse_address(text: str) -> BucketAddress:
    """Parse `s3://bucket/prefix`; a trailing slash is ignored.

    Raises:
        UsageError: the text is no such address.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no address of object storage; give one such as s3://bucket/prefix, "
            "with letters, digits and _ . = - in the prefix"
        )
    return BucketAddress(found[1], found[2] or "")


def open_store(bucket: str, environment: Mapping[str, str], patience: Patience) -> S3Store:
    """Return a client for a bucket, without sending anything.

    Args:
        bucket: name of the bucket.
        environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
            AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL. Without keys, the provider
            for a container or machine is asked, as the process's own environment names it.
        patience: timeouts and retries.

    Raises:
        UsageError: a variable is invalid, or credentials are missing.
    """
    credentials = _credentials(environment)
    if credentials is None and not any(map(environment.get, _PROVIDERS)):
        # Only the metadata service of the machine is left, which is near or missing.
        patience = replace(patience, retries=1, connecting=timedelta(seconds=1))
    endpoint = _endpoint(environment)
    config: S3Config = {
        "region": _region(environment, endpoint),
        "virtual_hosted_style_request": False,
        # One request an object, as not every store has bulk deletes.
        "disable_bulk_delete": True,
    }
    if endpoint is not None:
        config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint
    if metadata := environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        config["metadata_endpoint"] = metadata
    return S3Store(
        bucket,
        config=config,
        credential_provider=credentials,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": patience.connecting,
            "timeout": patience.request,
        },
        retry_config={
            "max_retries": patience.retries,
            "retry_timeout": patience.retrying,
            "backoff": {
                "init_backoff": patience.first_pause,
                "max_backoff": patience.longest_pause,
            },
        },
    )


def _credentials(environment: Mapping[str, str]) -> _Credentials | None:
    """Return the keys; None if a provider may hand them out."""
    given = [name for name in _KEYS if environment.get(name)]
    for name in (*given, "AWS_SESSION_TOKEN"):
        if not _VISIBLE.fullmatch(environment.get(name) or "-"):
            raise UsageError(f"{name} holds a space or another sign that no key has; set it anew")
    if len(given) == len(_KEYS):
        key_id, secret = map(environment.__getitem__, _KEYS)
        return _Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)
    if given:
        missing = next(name for name in _KEYS if name not in given)
        raise UsageError(f"{given[0]} is set without {missing}; set both")
    is_metadata_off = environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    if is_metadata_off and not any(map(environment.get, _PROVIDERS)):
        raise UsageError(
            "there are no credentials for object storage; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, as profiles in ~/.aws are not read"
        )
    return None


def _endpoint(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the store without a trailing slash; None for AWS."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if url := environment.get(name):
            return _checked_endpoint(name, url).rstrip("/")
    return None


def _checked_endpoint(name: str, url: str) -> str:
    example = f"{name} is no URL of a store; give one such as https://s3.example.org"
    if not _VISIBLE.fullmatch(url):
        raise UsageError(example)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(example) from None  # its text holds the URL, which may hold a password
    # A name and password would be shown wherever the URL is.
    if parts.scheme not in ("http", "https") or not host or re.search("[@?#]", url):
        raise UsageError(example)
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(
            f"{name} is http:// to another machine, so logs would travel in the clear; "
            "give an https:// URL"
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _region(environment: Mapping[str, str], endpoint: str | None) -> str:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if region := environment.get(name):
            if not _REGION.fullmatch(region):
                raise UsageError(f"{name} is no region; give one such as {_DEFAULT_REGION}")
            return region
    # Cloudflare R2 has a single region of this name.
    host = urlsplit(endpoint).hostname if endpoint else None
    return "auto" if host and host.endswith(_R2) else _DEFAULT_REGION
