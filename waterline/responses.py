"""HTTP responses of both halves: their safe headers, and errors in one shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

# Answers of ours that are no page: JSON and text, which load nothing and are shown in no frame.
NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Tornado names its version, by which known faults are looked up.
UNSAFE_HEADER: Final = "Server"


def safe_headers(policy: str = NO_PAGE) -> Mapping[str, str]:
    """Return the headers that every response has, refusals and files included.

    Args:
        policy: the Content-Security-Policy.
    """
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is refused: a word for programs, and a sentence for people."""

    error: str
    message: str

    def body(self) -> bytes:
        """Return the body of the response, JSON."""
        return msgspec.json.encode({"type": "error", "error": self.error, "message": self.message})
