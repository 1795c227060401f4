"""TLS of clients: the trust in a server."""

import re
import ssl
from pathlib import Path
from typing import Any, Final

from waterline.errors import UsageError

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def client_options(certificate: Path | None) -> dict[str, Any]:
    """Return the `sslopt` of a WebSocket that always verifies the server.

    Args:
        certificate: a PEM file; the server must show the first certificate in it, and its name
            does not matter then. None trusts the authorities of the system, or those in the
            file that the variable SSL_CERT_FILE names, and wants the right name.

    Raises:
        UsageError: the file has no certificate.
    """
    context = ssl.create_default_context() if certificate is None else _pin(certificate)
    return {"context": context}


def _pin(certificate: Path) -> ssl.SSLContext:
    try:
        text = certificate.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise UsageError(f"{certificate} cannot be read: {error.strerror}") from error
    found = _CERTIFICATE.search(text)
    if found is None:
        raise UsageError(f"{certificate} holds no certificate in PEM form")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The certificate itself is trusted, without its authorities.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=found[0])
    except ssl.SSLError as error:
        raise UsageError(f"the certificate in {certificate} is damaged ({error.reason})") from error
    return context
