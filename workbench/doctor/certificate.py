"""The dates of a certificate out of its DER form, which `ssl` tells only of trusted ones."""

import re
import ssl
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_EXPLICIT_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def first_certificate(text: str) -> bytes | None:
    """Return the first certificate of a PEM file, as DER; None if there is none."""
    found = _PEM.search(text)
    return None if found is None else ssl.PEM_cert_to_DER_cert(found[0])


def validity(certificate: bytes) -> tuple[datetime, datetime]:
    """Return from when to when a certificate is valid (RFC 5280, 4.1).

    Raises:
        ValueError: it is no certificate.
    """
    try:
        _, at, _ = _element(certificate, 0)
        _, at, _ = _element(certificate, at)  # what is signed
        tag, _, end = _element(certificate, at)
        if tag == _EXPLICIT_VERSION:
            at = end
        for _ in range(3):  # serial number, algorithm, issuer
            _, _, at = _element(certificate, at)
        _, at, _ = _element(certificate, at)
        first, begin, end = _element(certificate, at)
        second, last, over = _element(certificate, end)
    except IndexError as error:
        raise ValueError("it is cut off") from error
    return _time(first, certificate[begin:end]), _time(second, certificate[last:over])


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, begin and end of the content of the element at a place."""
    tag, length, begin = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(data[begin : begin + size]), begin + size
    if begin + length > len(data):
        raise IndexError
    return tag, begin, begin + length


def _time(tag: int, text: bytes) -> datetime:
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    moment = datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC)
    # Two digits are of 1950 to 2049; Python takes those up to 68 for the years from 2000 on.
    is_before = tag == _UTC_TIME and moment.year >= 2050
    return moment.replace(year=moment.year - 100) if is_before else moment
