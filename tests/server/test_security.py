"""Secrets and exposure, with real processes: who may listen where, and no token in any trace."""

import http.client
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.forking import WATERLINE, Started
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    create_token,
    run_waterline,
    serving,
    start_server,
)
from tests.support.sockets import break_off, log, receive, refused, wire
from tests.support.waiting import wait_until
from waterline.errors import DeliveryError, TokenError, UsageError
from workbench.clients.producer import Producer

FREE_PORTS = ("--port", "0", "--monitoring-port", "0")


# Beyond loopback


@pytest.mark.slow
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_token_refuses_to_listen_beyond_loopback(data: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    done = run_waterline("serve", "--data", data, *FREE_PORTS, "--port", port, "--host", host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: {host} is reached from beyond this machine and there is no token yet; "
        f"make one with `waterline token create NAME --scope ingest --data {data}` "
        "or listen on 127.0.0.1\n"
    )


@pytest.mark.slow
def test_damaged_tokens_refuse_to_listen_beyond_loopback(data: Path) -> None:
    data.mkdir()
    (data / "tokens.toml").write_text("[web")
    done = run_waterline("serve", "--data", data, *FREE_PORTS, "--host", "0.0.0.0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"waterline: {data / 'tokens.toml'} is damaged (")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_without_tls_beyond_loopback_one_line_warns(data: Path) -> None:
    token = create_token(data)
    process = Started(
        [WATERLINE, "serve", "--data", data, *FREE_PORTS, "--host", "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("waterline serves ws://")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert errors.partition(" ")[2] == (
        "WARNING server: tokens and logs travel to 0.0.0.0 in the clear; give --tls-cert and "
        "--tls-key, or listen on loopback behind a proxy that speaks TLS\n"
    )
    assert token not in errors


@pytest.mark.slow
def test_on_loopback_no_token_is_needed_to_start_and_nothing_warns(data: Path) -> None:
    with serving(data, token="none") as server:
        assert not (data / "tokens.toml").exists()
        assert server.get("/health")[0] == 200


# No token in any trace


def ask(url: str, path: str, method: str = "GET", **headers: str) -> int:
    """Send a request with these headers; return the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def say(url: str, words: bytes) -> None:
    """Send bytes that may be no HTTP, and wait until the server has had enough of them."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def provoke(server: ServerProcess, token: str, origin: str) -> None:
    """Make every mistake there is with a token in the query and in the header."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": "a" * 24}
    bearer = {"Authorization": f"Bearer {token}"}
    query = f"?token={token}"
    for base in (server.ingest, server.monitoring):
        for headers in ({}, bearer, {**bearer, **upgrade}):
            for path in ("/nothing", "/ingest", "/live", "/health", "/metrics", f"/{token}"):
                ask(base, path + query, **headers)
                ask(base, path + query, "PUT", **headers)
                ask(base, f"{path}{query}%ff%00", **headers)
            ask(base, f"/ingest{query}", **headers, Sec_WebSocket_Version="99")
            ask(base, f"/ingest{query}", **headers, Sec_WebSocket_Version="13", Origin=origin)
            ask(
                base,
                f"/ingest{query}",
                **headers,
                Sec_WebSocket_Version="13",
                Sec_WebSocket_Extensions=f"permessage-deflate; server_max_window_bits={token}",
            )
        say(base, f"GET /ingest?token={token}\r\n\r\n".encode())
        say(base, f"GET /?token={token} HTTP/9.9\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        say(base, f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n no:\x00\r\n\r\n".encode())
        say(base, f"Bearer {token}\r\n\r\n".encode())


def misbehave(server: ServerProcess, url: str, token: str) -> None:
    """Send what is no log and what is no WebSocket over connections that were let in."""
    for frame in ("{", "[]", '{"type":"info"}', "[7]"):
        connection = server.connect(url, token)
        connection.send(frame)
        receive(connection)
        connection.send(log())
        receive(connection)
        connection.close()
    for damage in (b"\x83\x00" * 20, b"\xff" * 64, b"\x81\x05hello", b"\x81\x82\0\0\0\0\xff\xff"):
        connection = server.connect(url, token)
        wire(connection).sendall(damage)
        break_off(connection)


@pytest.mark.slow
def test_token_is_in_no_output_no_file_and_no_answer(data: Path) -> None:
    server = start_server(data)
    token, gone, wrong = server.token, create_token(data, "gone"), "wl_wrong-" + "x" * 34
    for text in (token, gone):
        misbehave(server, f"{server.ingest}?token={text}", text)
    run_waterline("token", "revoke", "gone", "--data", data)
    for text in (token, gone, wrong):
        provoke(server, text, "https://evil.example")
    for text in (gone, wrong):
        for url, headers in (
            (f"{server.ingest}?token={text}", []),
            (server.ingest, [f"Authorization: Bearer {text}"]),
        ):
            answer = refused(url, *headers)
            assert answer.status == 401
            assert text not in answer.text + str(answer.headers)
    (data / "tokens.toml").write_text("[damaged")
    assert refused(f"{server.ingest}?token={token}").status == 503
    # The file is looked at once a second, and that is what tells of the damage.
    wait_until(lambda: server.get("/health")[0] == 503)
    server.process.send_signal(signal.SIGTERM)
    printed, errors = server.process.communicate(timeout=PATIENCE)
    assert "tokens.toml is damaged" in errors
    kept = {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert {"logs.db", "metrics.db", "server.lock"} <= set(kept)
    for text in (token, gone, wrong):
        assert text not in printed
        assert text not in errors
        assert [name for name, content in kept.items() if text.encode() in content] == []


@pytest.mark.slow
def test_token_in_url_is_in_no_error_of_producer(server: ServerProcess) -> None:
    secret = "wl_secret-" + "x" * 33
    for url, error in (
        (f"http://127.0.0.1:9/ingest?token={secret}", UsageError),
        (f"{server.ingest}?token={secret}", TokenError),
        (f"ws://127.0.0.1:9/ingest?token={secret}", DeliveryError),
        (f"{server.monitoring.replace('http', 'ws')}/nothing?token={secret}", DeliveryError),
    ):
        with pytest.raises(error) as raised, Producer(url, secret, patience=0.2) as producer:
            producer.send({"type": "info", "message": "m"})
        assert secret not in str(raised.value)
        assert "127.0.0.1" in str(raised.value)


@pytest.mark.slow
def test_command_prints_no_token_that_it_was_given(tmp_path: Path) -> None:
    secret = "wl_secret-" + "x" * 33
    file = tmp_path / "a.log"
    file.write_text("one\n")
    for scheme in ("ws", "wss", "http"):
        url = f"{scheme}://127.0.0.1:9/ingest?token={secret}"
        done = run_waterline(
            "send", file, "--url", url, "--patience", "10ms", WATERLINE_TOKEN=secret
        )
        assert done.returncode == 1
        assert secret not in done.stdout + done.stderr
