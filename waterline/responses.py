"""HTTP responses of both halves: security headers, and one shape of errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

# For JSON and text, which load nothing and belong into no frame.
NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Tornado puts its version there, which helps attackers.
UNSAFE_HEADER: Final = "Server"


def safe_headers(policy: str = NO_PAGE) -> Mapping[str, str]:
    """Return the security headers of every response, refusals and files included.

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
    """Refusal of a request: a code for programs, and a sentence for people."""

    error: str
    message: str

    def body(self) -> bytes:
        """Return the JSON body of the response."""
        return msgspec.json.encode({"type": "error", "error": self.error, "message": self.message})
