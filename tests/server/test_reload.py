"""SIGHUP: what a running server takes over from its settings, and what it says of the rest."""

import os
import shutil
import signal
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from server.reload import RELOADED, plan_reload
from tests.support.posting import post
from tests.support.processes import ServerProcess, serving
from tests.support.tls import LOOPBACK, LOOPBACK_KEY, NAMED, NAMED_KEY, start_secure_server
from tests.support.waiting import wait_until
from waterline.settings.model import Settings

LOG = b'{"type":"info","message":"m"}'


def test_only_what_changed_takes_effect_and_the_rest_waits() -> None:
    new = Settings(token_rate=5, port=9, archive_after=None, queue_size=2**20)
    plan = plan_reload(Settings(), new)
    assert plan.changed == ("archive_after", "token_rate")
    assert plan.waiting == ("port", "queue_size")
    assert plan.settings == Settings(token_rate=5, archive_after=None)


def test_another_certificate_takes_effect_but_tls_itself_waits() -> None:
    old = Settings(tls_cert=Path("a"), tls_key=Path("b"))
    plan = plan_reload(old, replace(old, tls_cert=Path("c")))
    assert plan.changed == ("tls_cert",)
    plan = plan_reload(Settings(), old)
    assert plan.changed == ()
    assert plan.waiting == ("tls_cert", "tls_key")
    assert plan.settings == Settings()


def test_reloaded_settings_are_settings() -> None:
    assert {each for each in RELOADED if not hasattr(Settings(), each)} == set()


def reload(server: ServerProcess, content: str, done: Callable[[], object]) -> None:
    """Write a file of settings, have the server read it, and wait until that shows."""
    (server.data / "waterline.toml").write_text(content)
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(done, "it was not taken over")


def scheduled(server: ServerProcess, what: str) -> bool:
    _, health = server.get("/health")
    return msgspec.convert(health[what], dict[str, object])["scheduled"] is True


@pytest.mark.slow
def test_limits_and_jobs_follow_the_file(data: Path, tmp_path: Path) -> None:
    with serving(data, cwd=tmp_path) as server:
        server.expected_errors += ["read again", "nothing was reloaded"]
        assert scheduled(server, "archive")
        reload(
            server,
            'archive_after = "never"\ntoken_rate = "10B"\n',
            lambda: not scheduled(server, "archive"),
        )
        assert post(server, LOG).status == 200
        assert post(server, LOG).status == 429
        os.kill(server.process.pid, signal.SIGHUP)
        (data / "waterline.toml").write_text("token_rate = 7\n")
        os.kill(server.process.pid, signal.SIGHUP)
        reload(server, 'token_rate = "10MB"\n', lambda: scheduled(server, "archive"))
        assert post(server, LOG).status == 200


@pytest.mark.slow
def test_what_needs_a_restart_is_named(data: Path, tmp_path: Path) -> None:
    with serving(data, cwd=tmp_path) as server:
        server.expected_errors += [
            r"read again: tokens, certificates, alerts, backup_every$",
            r"changed, and in force after a restart: queue_size, metrics_seconds$",
        ]
        (data / "waterline.toml").write_text(
            'queue_size = "1MiB"\nbackup_every = "2d"\nmetrics_seconds = "2d"\n'
        )
        os.kill(server.process.pid, signal.SIGHUP)
        assert server.get("/livez")[0] == 200


@pytest.mark.slow
def test_option_wins_over_a_file_that_was_changed(data: Path, tmp_path: Path) -> None:
    with serving(data, "--archive-after", "9d", cwd=tmp_path) as server:
        server.expected_errors += ["read again"]
        reload(
            server,
            'archive_after = "never"\nbackup_to = "backups"\n',
            lambda: scheduled(server, "backup"),
        )
        assert scheduled(server, "archive")


def served_certificate(server: ServerProcess) -> str:
    address = urlsplit(server.ingest)
    assert address.hostname is not None
    assert address.port is not None
    return ssl.get_server_certificate((address.hostname, address.port))


@pytest.mark.slow
def test_renewed_certificate_is_served_and_a_damaged_one_is_not(data: Path, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copyfile(LOOPBACK, cert)
    shutil.copyfile(LOOPBACK_KEY, key)
    server = start_secure_server(data, "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        server.expected_errors += ["read again", "nothing was reloaded"]
        cert.write_text("no certificate")
        os.kill(server.process.pid, signal.SIGHUP)
        assert served_certificate(server) == LOOPBACK.read_text()
        shutil.copyfile(NAMED, cert)
        shutil.copyfile(NAMED_KEY, key)
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(
            lambda: served_certificate(server) == NAMED.read_text(), "the old one is still served"
        )
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.communicate()
