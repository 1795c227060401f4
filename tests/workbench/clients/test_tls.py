"""Producers and TLS: who is trusted, and what is said of who is not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    server.expected_errors.append(r" WARNING server: SSL Error on ")
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
            Producer("wss://127.0.0.1:9/ingest", "t", certificate=str(certificate))
