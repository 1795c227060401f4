"""TLS: certificate and key of the server, their dates and rights, and what is shown to clients."""

import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from waterline.addresses import loopback_host
from waterline.errors import SettingsError
from waterline.server_tls import server_context
from workbench.doctor.certificate import first_certificate, validity
from workbench.doctor.client_address import PATIENCE_SECONDS
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told, warning
from workbench.doctor.subject import Subject

SOON: Final = timedelta(days=21)
"""Time before its end from which on a certificate is warned of: most are renewed a month before."""


def tls(subject: Subject) -> Iterator[Finding]:
    """Look at the certificate and its key, and at what the server shows."""
    certificate, key = subject.settings.tls_cert, subject.settings.tls_key
    if certificate is None or key is None:
        yield skipped("tls_cert is none: there is no TLS")
        return
    try:
        server_context(certificate, key)
        shown = first_certificate(certificate.read_text(encoding="ascii", errors="replace"))
        assert shown is not None, "the context was made of it"
        begin, end = validity(shown)
    except SettingsError as error:
        yield told(Verdict.FAULT, str(error))
        return
    except ValueError as error:
        yield fault(f"{certificate} is no certificate: {error}", "name the file that has one")
        return
    found = [*_dates(certificate, begin, end), *_rights(key), *_served(subject, shown)]
    yield from found or [
        ok(f"certificate and key belong together, valid until {end:%Y-%m-%d %H:%M} UTC")
    ]


def _dates(path: Path, begin: datetime, end: datetime) -> Iterator[Finding]:
    now = datetime.now(UTC)
    renew = "renew it, and have the server read it by SIGHUP"
    if now > end:
        yield fault(f"the certificate {path} has expired at {end:%Y-%m-%d %H:%M} UTC", renew)
    elif now < begin:
        yield fault(
            f"the certificate {path} is valid from {begin:%Y-%m-%d %H:%M} UTC on, which is to come",
            "set the clock right, or give one that is valid already",
        )
    elif end - now < SOON:
        days = max(0, (end - now).days)
        yield warning(
            f"the certificate {path} expires in {days} days, at {end:%Y-%m-%d %H:%M} UTC", renew
        )


def _rights(key: Path) -> Iterator[Finding]:
    if key.stat().st_mode & stat.S_IROTH:
        yield warning(f"all users of this machine can read {key}", f"chmod 600 {key}")


def _served(subject: Subject, shown: bytes) -> Iterator[Finding]:
    """Yield a warning if the running server shows another certificate than the file has."""
    settings = subject.settings
    ports = subject.server_ports or [settings.port]
    port = settings.port if settings.port in ports else ports[0]
    if subject.server is None or not port:
        return
    host = loopback_host(settings.host)
    try:
        served = ssl.PEM_cert_to_DER_cert(
            ssl.get_server_certificate((host, port), timeout=PATIENCE_SECONDS)
        )
    except ssl.SSLError:
        yield fault(
            f"the server does not speak TLS at {host}:{port}, though tls_cert is set",
            "start it again with these settings",
        )
        return
    except OSError:
        return  # the check of the server tells that it does not answer
    if served != shown:
        yield warning(
            f"the server shows another certificate than {settings.tls_cert} has now",
            "have the server read it by SIGHUP",
        )
