"""Where a browser's page comes from: origins as people write them and as browsers send them."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from waterline.responses import Fault

ANY: Final = "*"
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)


def parse_origin(text: str) -> str:
    """Return an origin as browsers send it: small letters, no default port (RFC 6454, 6.2).

    Raises:
        ValueError: it is none; the sentence says how one looks.
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
    """Return the origins in a list with commas; `*` is any of them, and `none` is none.

    Raises:
        ValueError: one of them is no origin.
    """
    if text.strip() in ("", "none"):
        return ()
    parts = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(part if part == ANY else parse_origin(part) for part in parts))


def format_origins(origins: tuple[str, ...]) -> str:
    """Return the text that `parse_origins` reads back as these origins."""
    return ",".join(origins) or "none"


def is_allowed(origin: str, host: str, allowed: tuple[str, ...]) -> bool:
    """Say whether a page may connect: it is the server's own, or comes from an allowed origin.

    Args:
        origin: what the browser sent as `Origin`.
        host: what it sent as `Host`, the server as the browser knows it.
        allowed: origins from `parse_origins`.
    """
    if ANY in allowed:
        return True
    try:
        normal = parse_origin(origin)
        # A proxy may speak TLS for us, so the server cannot tell its own scheme: the page's counts.
        own = parse_origin(f"{normal.partition('://')[0]}://{host}")
    except ValueError:  # "null", from a page without an origin, for one
        return False
    return normal == own or normal in allowed


def is_own_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Say whether a `Host` can be meant for a server that listens on loopback.

    A page of a foreign name can have that name resolve to 127.0.0.1 and then counts as of the
    same origin; only its `Host` gives it away. An address cannot be made to point elsewhere.
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
    """Return why a request is not meant for a server that listens on loopback, None where it is.

    For what asks for no token there: a page whose name was made to resolve to 127.0.0.1 counts as
    of the same origin and could read it.

    Args:
        host: what it sent as `Host`.
        allowed: origins from `parse_origins`.
    """
    if host is None or is_own_host(host, allowed):
        return None
    return Fault(
        "host_not_allowed",
        "this server listens on loopback: ask for it as localhost or by its address, "
        "or name the page's origin in the setting allowed_origins",
    )


def origin_fault(origin: str | None) -> Fault:
    """Return why a page of another origin is refused.

    Args:
        origin: what the browser sent as `Origin`; None where it only said that it is another.
    """
    return Fault(
        "origin_not_allowed",
        f"pages of {origin or 'an unnamed origin'} may not connect; "
        "the server's setting allowed_origins names those that may",
    )
