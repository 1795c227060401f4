"""Refusals of logs and of whole bodies: their causes as labels of metrics, and what they mean."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Self

from waterline.metrics.recorder import OTHER
from waterline.recognition.own_logs import MAX_TYPE_LENGTH
from waterline.records import MAX_DEPTH, MAX_ID_LENGTH, Rule

NO_SOURCE: Final = "(none)"
"""Source of a body without a valid token; no token has that name."""


ELSEWHERE: Final = "another path"
"""Endpoint of bodies for unknown paths, which anyone may make up."""


NO_LOG: Final = "no_log"
"""Why an item of a bulk request was refused that is no log, such as a deletion."""


class BodyFault(StrEnum):
    """Why a whole body was refused, by the codes of its answer."""

    TOO_LARGE = "too_large"
    ENCODING = "unsupported_encoding"
    DAMAGED = "damaged_body"
    UNREADABLE = "unreadable_body"
    REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    ORIGIN = "origin_not_allowed"
    PATH = "not_found"
    TOO_MANY_BYTES = "too_many_bytes"
    BUSY = "busy"
    TIMEOUT = "timeout"
    TOKENS = "tokens_unreadable"
    METHOD = "method_not_allowed"
    FAILED = "http_error"


class Drop(StrEnum):
    """Why a message of syslog was dropped, whose sender hears no answer."""

    QUEUE_FULL = "queue_full"
    KERNEL_FULL = "kernel_full"
    NOT_STORED = "not_stored"


MEANINGS: Final[Mapping[str, str]] = {
    Rule.IS_JSON: "is no JSON",
    Rule.IS_OBJECT: "is no JSON object",
    Rule.ID: f"the id is no text of 1 to {MAX_ID_LENGTH} characters",
    Rule.TYPE: f"the type is no text of 1 to {MAX_TYPE_LENGTH} characters",
    Rule.MESSAGE: "the message is no text",
    Rule.TIMESTAMP: "the timestamp is no time that can be kept",
    Rule.DEPTH: f"attributes are nested more than {MAX_DEPTH} levels deep",
    Rule.NOT_EMPTY: "holds no log",
    NO_LOG: "is an update or a deletion of a bulk request, and logs stay",
    "storage_full": "the disk is full; senders are told to send again",
    "storage_failed": "the disk fails; senders are told to send again",
    BodyFault.TOO_LARGE: "is larger than a body may be; less must be sent at once",
    BodyFault.ENCODING: "has a Content-Encoding that is not taken",
    BodyFault.DAMAGED: "does not decompress",
    BodyFault.UNREADABLE: "is not of the protocol of its address",
    BodyFault.REQUEST: "has a header or parameter that is wrong",
    BodyFault.UNAUTHORIZED: "comes without a token, or with one that is unknown",
    BodyFault.FORBIDDEN: "comes with a token that lacks the scope ingest",
    BodyFault.ORIGIN: "comes from a page that allowed_origins does not name",
    BodyFault.PATH: "is for a path at which nothing is taken",
    BodyFault.TOO_MANY_BYTES: "is more than token_rate allows; senders are told to send again",
    BodyFault.BUSY: "came when there was no room; senders are told to send again",
    BodyFault.TIMEOUT: "stopped before its end",
    BodyFault.TOKENS: "came while tokens.toml could not be read",
    BodyFault.METHOD: "came by another method than the one that its address takes",
    BodyFault.FAILED: "met an error, which the server has written to its standard error",
    Drop.QUEUE_FULL: "came by UDP faster than logs can be stored; it is lost",
    Drop.KERNEL_FULL: "came by UDP faster than the server reads, so the kernel dropped it",
    Drop.NOT_STORED: "could not be stored before the server stopped; it is lost",
    OTHER: "one of many further causes",
}
"""What is wrong, by reason; the subject is the log or the body."""


class Cause(NamedTuple):
    """Cause of refusals."""

    reason: str
    source: str
    endpoint: str = ""
    """Path of the bodies, or ELSEWHERE; empty for logs."""

    @classmethod
    def of(cls, label: str) -> Self:
        """Return the cause that a label names."""
        reason, _, rest = label.partition(" ")
        if not rest:
            return cls(reason, OTHER)  # of more causes than there are labels
        first, _, source = rest.rpartition(" ")
        return cls(reason, source, first)

    @property
    def label(self) -> str:
        """Label of metrics; reason and source have no space."""
        return " ".join(filter(None, (self.reason, self.endpoint, self.source)))

    @property
    def meaning(self) -> str:
        """What is wrong with the logs or bodies."""
        return MEANINGS.get(self.reason, self.reason)
