"""TLS of clients: the trust in a server, and a socket that two threads may share."""

import re
import select
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Final

from waterline.errors import UsageError

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


class SharedSocket(ssl.SSLSocket):
    """A TLS socket that one thread may read while another writes, after `share`.

    OpenSSL allows one thread at a time in a connection, which Python before 3.13 does not ensure.
    So a lock is held while OpenSSL works, never while waiting for the network.
    """

    _lock: "threading.Lock | None" = None
    _patience: float | None = None

    def share(self) -> None:
        """Let two threads use the socket from now on; its time-out stays in force."""
        self._patience = self.gettimeout()
        super().settimeout(0)
        self._lock = threading.Lock()

    def gettimeout(self) -> float | None:
        """Return the time-out of a call in seconds, or None."""
        return super().gettimeout() if self._lock is None else self._patience

    def settimeout(self, value: float | None) -> None:
        """Set the time-out of a call in seconds."""
        if self._lock is None:
            super().settimeout(value)
        else:
            self._patience = value

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Return received bytes, at most `buflen`; empty at the end.

        Raises:
            TimeoutError: no bytes came in time.
        """
        if self._lock is None:
            return super().recv(buflen, flags)
        deadline = self._deadline()
        while True:
            with self._lock:
                try:
                    return super().recv(buflen, flags)
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                except ssl.SSLWantWriteError:
                    event = select.POLLOUT
            self._wait(event, deadline)

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - any buffer
        """Send bytes; return the number taken.

        Raises:
            TimeoutError: none were taken in time.
        """
        if self._lock is None:
            return super().send(data, flags)
        deadline = self._deadline()
        while True:
            with self._lock:
                try:
                    return super().send(data, flags)
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                except ssl.SSLWantWriteError:
                    event = select.POLLOUT
            self._wait(event, deadline)

    def shutdown(self, how: int) -> None:
        """Shut the connection down; a reading thread sees its end.

        It stays a TLS socket, lest that thread reads encrypted bytes as plain.
        """
        super(ssl.SSLSocket, self).shutdown(how)

    def _deadline(self) -> float | None:
        return None if self._patience is None else time.monotonic() + self._patience

    def _wait(self, event: int, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self.fileno(), event)
        left = None if deadline is None else max(deadline - time.monotonic(), 0) * 1000
        if not poll.poll(left):
            raise TimeoutError("the server took too long")


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
    context.sslsocket_class = SharedSocket
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
