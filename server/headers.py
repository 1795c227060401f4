"""Headers of every answer: what a browser may do with it, and nothing about who made it."""

from typing import Final

import tornado.httputil
import tornado.web

# Answers of ours that are no page: JSON and text, which load nothing and are shown in no frame.
NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def safe_headers(policy: str = NO_PAGE) -> type[tornado.web.OutputTransform]:
    """Return what a Tornado application passes its answers through, refusals and files included.

    Args:
        policy: the Content-Security-Policy.
    """

    class SafeHeaders(tornado.web.OutputTransform):
        def transform_first_chunk(
            self,
            status_code: int,
            headers: tornado.httputil.HTTPHeaders,
            chunk: bytes,
            finishing: bool,  # noqa: ARG002 - Tornado's
        ) -> tuple[int, tornado.httputil.HTTPHeaders, bytes]:
            # Tornado names its version, by which known faults are looked up.
            headers.pop("Server", None)
            headers["Content-Security-Policy"] = policy
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Referrer-Policy"] = "no-referrer"
            headers["X-Content-Type-Options"] = "nosniff"
            return status_code, headers, chunk

    return SafeHeaders
