"""TLS context of the server, with errors about certificate and key."""

import ssl
from pathlib import Path

from waterline.errors import SettingsError


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or later, with the ciphers of the system.

    Args:
        certificate: PEM file with the certificate of the server, then the intermediate ones.
        key: PEM file with its unencrypted private key.

    Raises:
        SettingsError: a file cannot be used.
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
    """Check that a file holds a PEM block, as OpenSSL does not say which file is wrong.

    Args:
        path: the file.
        setting: the setting that names it.
        mark: the end of the first line of the block.
        what: the noun for the error.
    """
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
