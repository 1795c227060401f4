"""TLS: the server's certificate and key, and what is wrong with them."""

import ssl
from pathlib import Path

from waterline.errors import SettingsError


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server listens with: TLS 1.2 or later, ciphers as the system has them.

    Args:
        certificate: a PEM file with the server's certificate first, then those between it and
            its authority.
        key: a PEM file with its private key, not encrypted.

    Raises:
        SettingsError: one of them cannot be used.
    """
    _see(certificate, "tls_cert", "CERTIFICATE-----", "certificate")
    _see(key, "tls_key", "PRIVATE KEY-----", "private key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    try:
        context.load_cert_chain(certificate, key, password=_refuse)
    except _Encrypted as error:
        raise SettingsError(
            f"tls_key: {key} is encrypted, and nobody is there to type its password; "
            "decrypt it with `openssl pkey -in OLD -out NEW`, readable for the server alone"
        ) from error
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"tls_key: {key} is not the key of the certificate {certificate}; "
                "give the two that were made together"
            ) from error
        reason = (error.reason or str(error)).replace("_", " ").lower()
        raise SettingsError(
            f"tls_cert and tls_key: {certificate} and {key} cannot be used ({reason}); "
            "give a certificate and its private key as PEM files"
        ) from error
    return context


def _see(path: Path, setting: str, mark: str, what: str) -> None:
    """See that a file holds what it should: OpenSSL does not say which of two files it means."""
    try:
        content = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(
            f"{setting}: {path} cannot be read: {error.strerror}; give a {what} as a PEM file"
        ) from error
    if mark not in content:
        raise SettingsError(
            f"{setting}: {path} holds no {what} in PEM form; name the file that does"
        )


def _refuse() -> str:
    raise _Encrypted
