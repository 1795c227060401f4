"""Reasons why object storage refuses, in our own words.

Answers of a store and errors of the client can hold the access key or a signature. So neither is
passed on, as text or as the cause of our error.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar

from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError, PreconditionError

FAILURES: Final = (BaseError, OSError, ValueError)
"""Exceptions that obstore raises."""

_T = TypeVar("_T")
_STATUS: Final = re.compile(r"status code: (\d{3})\b", re.ASCII)
_CODE: Final = re.compile(r"<Code>(\w{1,64})</Code>", re.ASCII)
_DETAILS: Final = "Debug source:"


class Kind(Enum):
    """Class of a refusal, for callers to act on."""

    MISSING = auto()
    EXISTS = auto()
    BROKEN_OFF = auto()
    """The connection broke, so the outcome is unknown."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason of a failed operation, and advice."""

    reason: str
    advice: str
    kind: Kind = Kind.OTHER


_KEYS: Final = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_TOKEN: Final = "set AWS_SESSION_TOKEN to a new one, or unset it"
_REGION: Final = "set AWS_REGION to that of the bucket"
_ENDPOINT: Final = "check AWS_ENDPOINT_URL and the network"
_LATER: Final = "try again later"

NO_STORE: Final = Refusal(
    "the answer is not that of a store",
    "check that AWS_ENDPOINT_URL is that of an S3-compatible store",
)
"""The endpoint is no object storage, or one with other answers than S3."""
_NO_CREDENTIALS: Final = Refusal(
    "there are no credentials",
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as profiles in ~/.aws are not read",
)
_FORKED: Final = Refusal(
    "this process was forked off one that had used object storage",
    "start it by `spawn`, as multiprocessing.get_context has it",
)
_users: Final[set[int]] = set()
"""Processes that have used a store: this one, or those that it was forked off."""
_ELSEWHERE: Final = Refusal("the bucket is in another region", _REGION)
_MISSING: Final = Refusal("it is missing", "check the address", Kind.MISSING)
_EXISTS: Final = Refusal("there is another object", "choose another prefix", Kind.EXISTS)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_BY_CODE: Final = {
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "ExpiredToken": Refusal("the session token has expired", _TOKEN),
    "InvalidAccessKeyId": Refusal("access denied (403), the access key is not known there", _KEYS),
    "InvalidToken": Refusal("the session token is not valid", _TOKEN),
    "NoSuchBucket": Refusal("there is no such bucket", "create it, or correct the address"),
    "PermanentRedirect": _ELSEWHERE,
    "RequestTimeTooSkewed": Refusal("this machine's clock is wrong", "set the clock"),
    "SignatureDoesNotMatch": Refusal(
        "access denied (403), the secret does not belong to the access key", _KEYS
    ),
}
_BY_STATUS: Final = {
    401: Refusal("access denied (401)", "check the credentials and what they may do"),
    403: Refusal("access denied (403)", "check the credentials and what they may do"),
    404: _MISSING,
    429: Refusal("the store is too busy (429)", _LATER),
    503: Refusal("the store is too busy (503)", _LATER),
}
# Words in the client's report of a request without an answer, the most specific first.
_BY_CAUSE: Final = {
    "BareRedirect": _ELSEWHERE,
    "ConnectionRefused": Refusal("it cannot be reached: connection refused", _ENDPOINT),
    "dns error": Refusal("it cannot be reached: its name is not known", _ENDPOINT),
    "certificate": Refusal("it cannot be trusted: its certificate is not valid", _ENDPOINT),
    "Timeout": Refusal("it timed out", _ENDPOINT, Kind.BROKEN_OFF),
    "TimedOut": Refusal("it timed out", _ENDPOINT, Kind.BROKEN_OFF),
    "kind: Connect,": Refusal("it cannot be reached", _ENDPOINT),
    "kind: Interrupted": Refusal("the connection was cut", _LATER, Kind.BROKEN_OFF),
    "kind: Request": Refusal("the connection was cut", _LATER, Kind.BROKEN_OFF),
    "kind: Body": Refusal("the connection was cut", _LATER, Kind.BROKEN_OFF),
}
_BY_TYPE: Final = (
    (FileNotFoundError, _MISSING),
    (
        (InvalidPathError, ValueError),
        Refusal("its name is invalid there", "correct the address"),
    ),
)


def attempt(call: Callable[[], _T]) -> _T | Refusal:
    """Return the result of an operation on a store, or its refusal."""
    here = os.getpid()
    if _users and here not in _users:
        return _FORKED  # the threads of its client are not in this process; it would wait for ever
    _users.add(here)
    try:
        return call()
    except FAILURES as error:
        return explain(error)


def explain(error: Exception) -> Refusal:
    """Return the refusal behind an error of the client, without any of its text."""
    if isinstance(error, (AlreadyExistsError, PreconditionError)):
        return _EXISTS
    summary, _, details = str(error).partition(_DETAILS)
    if "/latest/api/token" in summary or "/latest/meta-data/" in summary:
        return _NO_CREDENTIALS
    if found := _STATUS.search(summary):
        code = _CODE.search(summary, found.end())
        return _answered(int(found[1]), code[1] if code else "")
    for word, refusal in _BY_CAUSE.items():
        if word in details:
            return refusal
    for kind, refusal in _BY_TYPE:
        if isinstance(error, kind):
            return refusal
    return NO_STORE


def _answered(status: int, code: str) -> Refusal:
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return Refusal(f"the store failed ({status})", _LATER)
    return Refusal(f"the store refused ({status})", "check AWS_ENDPOINT_URL and the address")
