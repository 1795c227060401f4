"""Security headers of every response of a Tornado application."""

import tornado.httputil
import tornado.web

from waterline.responses import NO_PAGE, UNSAFE_HEADER, safe_headers


def safe_headers_of(policy: str = NO_PAGE) -> type[tornado.web.OutputTransform]:
    """Return the output transform that sets them, on Tornado's own responses too.

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
            headers.pop(UNSAFE_HEADER, None)
            headers.update(safe_headers(policy))
            return status_code, headers, chunk

    return SafeHeaders
