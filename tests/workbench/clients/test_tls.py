"""Producers and TLS: who is trusted, what is said of who is not, one socket for two threads."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from server.tls import server_context
from tests.support.processes import ServerProcess, run_waterline
from tests.support.tls import (
    LOOPBACK,
    LOOPBACK_KEY,
    NAMED,
    WITH_LOOPBACK,
    WITH_NAMED,
    start_secure_server,
)
from waterline.errors import DeliveryError, UsageError
from workbench.clients.producer import Producer
from workbench.clients.tls import SharedSocket, client_options


@pytest.fixture(scope="module")
def for_loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose certificate is for loopback."""
    yield from _running(tmp_path_factory.mktemp("loopback") / "data", WITH_LOOPBACK)


@pytest.fixture(scope="module")
def for_a_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose certificate is for another name than it is reached by."""
    yield from _running(tmp_path_factory.mktemp("named") / "data", WITH_NAMED)


def _running(data: Path, options: tuple[str, ...]) -> Iterator[ServerProcess]:
    server = start_secure_server(data, *options)
    # Clients that do not trust it tell it so.
    server.expected_errors.append(r"^waterline: WARNING: SSL Error on ")
    try:
        yield server
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.communicate()


def push(server: ServerProcess, count: int = 1, certificate: Path | None = None) -> int:
    """Send logs; return how many were acked."""
    with Producer(server.ingest, server.token, patience=20, certificate=certificate) as producer:
        for number in range(count):
            producer.send({"type": "info", "message": f"{number}"})
    return producer.counts.acked


# Whom to trust


@pytest.mark.slow
def test_authority_is_named_by_the_usual_variable(
    for_loopback: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(LOOPBACK))
    assert push(for_loopback, 20_000) == 20_000


@pytest.mark.slow
def test_certificate_that_nobody_vouches_for_is_told_at_once(for_loopback: ServerProcess) -> None:
    with pytest.raises(DeliveryError) as raised:
        push(for_loopback)
    assert str(raised.value) == (
        f"the certificate of {for_loopback.ingest} is not trusted (self-signed certificate); use "
        "the name that it was made for, and let SSL_CERT_FILE name the PEM file of its authority "
        "where the system does not know it"
    )


@pytest.mark.slow
def test_certificate_for_another_name_is_told(
    for_a_name: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(NAMED))
    with pytest.raises(DeliveryError, match=r"not trusted \(IP address mismatch, .*\); use the"):
        push(for_a_name)


@pytest.mark.slow
def test_certificate_that_is_shown_to_the_producer_is_enough_whatever_its_name(
    for_a_name: ServerProcess,
) -> None:
    assert push(for_a_name, certificate=NAMED) == 1


@pytest.mark.slow
def test_pinned_client_refuses_another_certificate_even_a_trusted_one(
    for_loopback: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(LOOPBACK))
    with pytest.raises(DeliveryError, match="is not trusted"):
        push(for_loopback, certificate=NAMED)


@pytest.mark.slow
def test_pinned_client_minds_only_the_first_certificate_of_a_file(
    for_loopback: ServerProcess, tmp_path: Path
) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(NAMED.read_text() + LOOPBACK.read_text())
    with pytest.raises(DeliveryError, match="is not trusted"):
        push(for_loopback, certificate=chain)


@pytest.mark.slow
def test_command_sends_to_a_server_with_tls(for_loopback: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\ntwo\n")

    def send(trusted: Path) -> subprocess.CompletedProcess[str]:
        return run_waterline(
            *("send", file, "--url", for_loopback.ingest),
            WATERLINE_TOKEN=for_loopback.token,
            SSL_CERT_FILE=str(trusted),
        )

    done = send(LOOPBACK)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "sent 2, stored 2, duplicates 0, rejected 0",
    )
    distrusted = send(NAMED)
    assert distrusted.returncode == 1
    (sentence,) = [x for x in distrusted.stderr.splitlines() if x.startswith("waterline: ")]
    assert sentence.startswith(f"waterline: the certificate of {for_loopback.ingest} is not truste")


def test_file_without_a_certificate_is_refused_at_once(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text(LOOPBACK.read_text().replace("M", "A"))
    for certificate, reason in (
        (tmp_path / "none.pem", "cannot be read: No such file"),
        (LOOPBACK_KEY, "holds no certificate in PEM form"),
        (damaged, "is damaged"),
    ):
        with pytest.raises(UsageError, match=reason):
            Producer("wss://127.0.0.1:9/ingest", "t", certificate=certificate)


# One socket for two threads


@pytest.fixture
def pair() -> Iterator[tuple[SharedSocket, ssl.SSLSocket]]:
    """The two ends of a TLS connection, the first of them shared."""
    near, far = socket.socketpair()
    near.settimeout(30)
    far.settimeout(30)
    answered: list[ssl.SSLSocket] = []

    def answer() -> None:
        context = server_context(LOOPBACK, LOOPBACK_KEY)
        answered.append(context.wrap_socket(far, server_side=True))

    thread = threading.Thread(target=answer)
    thread.start()
    options = client_options(LOOPBACK)
    shared = cast(SharedSocket, options["context"].wrap_socket(near))
    thread.join()
    shared.share()
    with closing(shared), closing(answered[0]):
        yield shared, answered[0]


def test_shared_socket_is_read_by_one_thread_while_another_writes(
    pair: tuple[SharedSocket, ssl.SSLSocket],
) -> None:
    shared, peer = pair
    sent, size = bytes(range(256)) * 4096, 2**20
    echoed, received = bytearray(), bytearray()

    def echo() -> None:
        while len(echoed) < size:
            part = peer.recv(50_000)
            echoed.extend(part)
            peer.sendall(part)

    def read() -> None:
        while len(received) < size:
            received.extend(shared.recv(7_777))

    threads = [threading.Thread(target=each) for each in (echo, read)]
    for thread in threads:
        thread.start()
    rest = memoryview(sent)
    while rest:
        rest = rest[shared.send(rest[:60_000]) :]
    for thread in threads:
        thread.join(60)
    assert received == echoed == sent


def test_silent_peer_ends_in_a_time_out(pair: tuple[SharedSocket, ssl.SSLSocket]) -> None:
    shared, _ = pair
    assert shared.gettimeout() == 30
    shared.settimeout(0.01)
    with pytest.raises(TimeoutError):
        shared.recv(1)

    def fill() -> None:
        while True:
            shared.send(b"x" * 60_000)

    with pytest.raises(TimeoutError):
        fill()


def test_thread_that_reads_sees_the_end_when_another_cuts_the_connection(
    pair: tuple[SharedSocket, ssl.SSLSocket],
) -> None:
    shared, peer = pair
    peer.sendall(b"last words")
    assert shared.recv(4) == b"last"
    got: list[bytes] = []

    def read() -> None:
        while part := shared.recv(100):
            got.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    shared.shutdown(socket.SHUT_RDWR)
    reader.join(30)
    assert not reader.is_alive()
    assert b"".join(got) in (b" words", b"")


def test_shared_socket_never_gives_out_encrypted_bytes_after_the_cut(
    pair: tuple[SharedSocket, ssl.SSLSocket],
) -> None:
    shared, peer = pair
    peer.sendall(b"secret")
    shared.shutdown(socket.SHUT_WR)
    assert shared.recv(100) == b"secret"
