"""Origins of browser pages: parsing, formatting, and which are allowed."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from waterline.responses import Fault

ANY: Final = "*"
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)


def parse_origin(text: str) -> str:
    """Parse an origin into the form of browsers: lower case, no default port (RFC 6454, 6.2).

    Raises:
        ValueError: the text is no origin; the sentence gives an example.
    """
    sentence = f"{text!r} is no origin; write one as https://logs.example.com or http://host:8080"
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(sentence) from error
    has_more = text[len(scheme) + 3 :] != parts.netloc or "@" in parts.netloc
    if not scheme or not _HOST.fullmatch(host or "") or has_more:
        raise ValueError(sentence)
    assert host
    host = f"[{host}]" if ":" in host else host
    default = port is None or port == _DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{host}" if default else f"{scheme}://{host}:{port}"


def parse_origins(text: str) -> tuple[str, ...]:
    """Parse origins separated by commas; `*` allows any, `none` allows none.

    Raises:
        ValueError: an entry is no origin.
    """
    if text.strip() in ("", "none"):
        return ()
    parts = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(part if part == ANY else parse_origin(part) for part in parts))


def format_origins(origins: tuple[str, ...]) -> str:
    """Format origins for `parse_origins`."""
    return ",".join(origins) or "none"


def is_allowed(origin: str, host: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a page may connect: the server's own, or of an allowed origin.

    Args:
        origin: the header `Origin` of the request.
        host: the header `Host` of the request.
        allowed: origins from `parse_origins`.
    """
    if ANY in allowed:
        return True
    try:
        normal = parse_origin(origin)
        # A proxy may terminate TLS, so the server does not know its scheme: the page's counts.
        own = parse_origin(f"{normal.partition('://')[0]}://{host}")
    except ValueError:  # "null", from a page without an origin, for one
        return False
    return normal == own or normal in allowed


def is_own_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a `Host` can mean a server on loopback.

    A foreign page can make its name resolve to 127.0.0.1 (DNS rebinding) and then has the same
    origin. Only its `Host` shows that. An address cannot be rebound.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or ANY in allowed:
        return True
    if name in {urlsplit(origin).hostname for origin in allowed}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def host_fault(host: str | None, allowed: tuple[str, ...]) -> Fault | None:
    """Return the fault of a request whose `Host` is not a server on loopback; None if it is.

    This protects pages that need no token there from DNS rebinding.

    Args:
        host: the header `Host` of the request.
        allowed: origins from `parse_origins`.
    """
    if host is None or is_own_host(host, allowed):
        return None
    return Fault(
        "host_not_allowed",
        "this server listens on loopback: ask for it as localhost or by its address, "
        "or name the page's origin in the setting allowed_origins",
    )


def page_fault(headers: Mapping[str, str], allowed: tuple[str, ...]) -> Fault | None:
    """Return the fault of a request that a page of another origin sends; None if none does.

    Programs send no origin and pass. A page of another site may send none, but then its browser
    says so by `Sec-Fetch-Site`.

    Args:
        headers: those of the request.
        allowed: origins from `parse_origins`.
    """
    origin = headers.get("Origin")
    if origin is None:
        is_far = headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        return origin_fault(None) if is_far else None
    return None if is_allowed(origin, headers.get("Host", ""), allowed) else origin_fault(origin)


def origin_fault(origin: str | None) -> Fault:
    """Return the fault of a page of another origin.

    Args:
        origin: the header `Origin` of the request; None if it has only `Sec-Fetch-Site`.
    """
    return Fault(
        "origin_not_allowed",
        f"pages of {origin or 'an unnamed origin'} may not connect; "
        "the server's setting allowed_origins names those that may",
    )
