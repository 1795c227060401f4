"""TLS: what a server speaks, and what is said of a certificate or key that cannot be used."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.processes import ServerProcess, run_waterline
from tests.support.sockets import connected, log, receive
from tests.support.tls import (
    ENCRYPTED_KEY,
    LOOPBACK,
    LOOPBACK_KEY,
    NAMED_KEY,
    WITH_LOOPBACK,
    start_secure_server,
)
from waterline.errors import SettingsError
from waterline.server_tls import server_context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients trust the certificate for loopback, by the usual variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(LOOPBACK))


@pytest.fixture
def secure_server(data: Path) -> Iterator[ServerProcess]:
    """A server with TLS on loopback, stopped at the end."""
    server = start_secure_server(data, *WITH_LOOPBACK)
    try:
        yield server
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.communicate()


# Certificates and keys


def test_certificate_with_its_key_is_fine_and_old_protocols_are_not_spoken() -> None:
    assert server_context(LOOPBACK, LOOPBACK_KEY).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        (
            LOOPBACK,
            ENCRYPTED_KEY,
            f"tls_key: {ENCRYPTED_KEY} is encrypted, and nobody is there to type its password; ",
        ),
        (
            LOOPBACK,
            NAMED_KEY,
            f"tls_key: {NAMED_KEY} is not the key of the certificate {LOOPBACK}; give the two",
        ),
        (LOOPBACK_KEY, LOOPBACK_KEY, f"tls_cert: {LOOPBACK_KEY} holds no certificate in PEM form"),
        (LOOPBACK, LOOPBACK, f"tls_key: {LOOPBACK} holds no private key in PEM form; name the"),
        (
            Path("none.pem"),
            LOOPBACK_KEY,
            "tls_cert: none.pem cannot be read: No such file or directory; give a certificate as",
        ),
        (LOOPBACK, Path("/"), "tls_key: / cannot be read: Is a directory; give a private key as"),
    ],
)
def test_unusable_certificate_or_key_is_one_sentence(
    certificate: Path, key: Path, sentence: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        server_context(certificate, key)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_damaged_certificate_is_told_in_one_sentence(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    lines = LOOPBACK.read_text().splitlines()
    for content in (lines[:2] + lines[3:], lines[:3], [lines[0], "???", lines[-1]]):
        damaged.write_text("\n".join(content) + "\n")
        with pytest.raises(SettingsError) as raised:
            server_context(damaged, LOOPBACK_KEY)
        sentence = str(raised.value)
        assert sentence.startswith(f"tls_cert and tls_key: {damaged} and {LOOPBACK_KEY} cannot be ")
        assert sentence.endswith("); give a certificate and its private key as PEM files")


@pytest.mark.slow
def test_key_that_does_not_fit_ends_server_with_its_sentence(data: Path) -> None:
    done = run_waterline(
        *("serve", "--data", data, "--port", "0", "--monitoring-port", "0"),
        *("--tls-cert", LOOPBACK, "--tls-key", NAMED_KEY),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: tls_key: {NAMED_KEY} is not the key of the certificate {LOOPBACK}; "
        "give the two that were made together\n"
    )


# What is spoken


@pytest.mark.slow
@pytest.mark.usefixtures("trusted")
def test_both_ports_speak_tls_and_say_so(secure_server: ServerProcess) -> None:
    assert secure_server.ingest.startswith("wss://127.0.0.1:")
    assert secure_server.monitoring.startswith("https://127.0.0.1:")
    with connected(secure_server) as producer, connected(secure_server, secure_server.live):
        producer.send(log())
        assert receive(producer)["type"] == "ack"
    status, health = secure_server.get("/health")
    assert (status, health["status"]) == (200, "healthy")


@pytest.mark.slow
def test_client_that_does_not_know_certificate_is_not_connected(
    secure_server: ServerProcess,
) -> None:
    # The client says so to the server, which tells it.
    secure_server.expected_errors.append(r" WARNING server: SSL Error on ")
    with pytest.raises(ssl.SSLCertVerificationError):
        secure_server.connect()


@pytest.mark.slow
def test_tls_1_1_is_not_spoken(secure_server: ServerProcess) -> None:
    secure_server.expected_errors.append(r" WARNING server: SSL Error on ")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(LOOPBACK)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    port = urlsplit(secure_server.ingest).port
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol"),
    ):
        old.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.slow
@pytest.mark.usefixtures("trusted")
def test_plain_client_on_tls_port_harms_nobody(secure_server: ServerProcess) -> None:
    secure_server.expected_errors.append(r" WARNING server: SSL Error on ")
    port = urlsplit(secure_server.ingest).port
    for words in (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b""):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(words)
    assert secure_server.get("/health")[0] == 200
