"""Ports: free, held by a process of ours, or by another program."""

import http.client
import socket
from collections.abc import Iterator

from waterline.addresses import explained, loopback_host
from waterline.errors import AddressError
from workbench.clients.tls import client_options
from workbench.doctor.client_address import PATIENCE_SECONDS
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told
from workbench.doctor.kernel import Holder, listener_of
from workbench.doctor.subject import Subject
from workbench.running.panel import LIVENESS
from workbench.running.questions import LIVENESS as QUESTIONS_LIVENESS


def ports(subject: Subject) -> Iterator[Finding]:
    """Look at each port of the server."""
    settings = subject.settings
    wanted = [
        ("port", settings.host, settings.port),
        ("monitoring_port", settings.host, settings.monitoring_port),
    ]
    if settings.syslog_tcp is not None:
        wanted.append(("syslog_tcp", *settings.syslog_tcp))
    for name, host, port in wanted:
        yield _port(subject, name, host, port)


def dashboard(subject: Subject) -> Iterator[Finding]:
    """Look at the port of the dashboard, and ask it for a sign of life."""
    host, port = loopback_host(subject.settings.host), subject.settings.dashboard_port
    if not port:
        yield skipped("dashboard_port is 0, so that only the dashboard knows its address")
        return
    refused = _refused(host, port, "dashboard_port")
    if refused is None:
        yield skipped(f"it does not run: nobody listens at {host}:{port}")
    elif _is_ours(http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS), LIVENESS):
        yield ok(f"it answers at {host}:{port}")
    else:
        yield _held(f"dashboard_port {port}", listener_of(port), refused)


def questions(subject: Subject) -> Iterator[Finding]:
    """Look at the port of questions, and ask the process there for a sign of life."""
    settings = subject.settings
    host, port = settings.host, settings.query_port
    if not port:
        yield skipped("query_port is 0, so that only the process of questions knows its address")
        return
    refused = _refused(host, port, "query_port")
    if refused is None:
        yield skipped(f"it does not run: nobody listens at {host}:{port}")
        return
    near = loopback_host(host)
    connection = http.client.HTTPConnection(near, port, timeout=PATIENCE_SECONDS)
    if settings.tls_cert is not None:
        tls = client_options(settings.tls_cert)["context"]
        connection = http.client.HTTPSConnection(near, port, timeout=PATIENCE_SECONDS, context=tls)
    if _is_ours(connection, QUESTIONS_LIVENESS):
        yield ok(f"it answers at {host}:{port}")
    else:
        yield _held(f"query_port {port}", listener_of(port), refused)


def _port(subject: Subject, name: str, host: str, port: int) -> Finding:
    if not port:
        return ok(f"{name} is 0: the server picks a free one")
    refused = _refused(host, port, name)
    if refused is None:
        if subject.server is None:
            return ok(f"{name} {port} is free")
        return _elsewhere(subject, name, port)
    holder = listener_of(port)
    if holder is not None and holder.pid == subject.server:
        return ok(f"{name} {port} is held by our own server (process {holder.pid})")
    if holder is None and subject.server is not None:
        return skipped(f"{name} {port} is held, and this user cannot see by which process")
    return _held(f"{name} {port}", holder, refused)


def _elsewhere(subject: Subject, name: str, port: int) -> Finding:
    """Return what to say of a free port while the server runs."""
    if not subject.server_ports:
        return skipped(f"{name} {port} is free, and where the server listens cannot be seen")
    listens = ", ".join(map(str, subject.server_ports))
    return skipped(
        f"{name} {port} is free: the server has other settings, and listens at {listens}"
    )


def _held(name: str, holder: Holder | None, refused: AddressError) -> Finding:
    found = told(Verdict.FAULT, str(refused))
    if holder is None:
        return found
    return fault(f"{name} is held by another program, {holder}", found.advice)


def _refused(host: str, port: int, setting: str) -> AddressError | None:
    """Return why a port cannot be bound; None if it can. Nobody is listened to meanwhile."""
    try:
        with explained(host, port, setting):
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
    except AddressError as error:
        return error
    return None


def _is_ours(connection: http.client.HTTPConnection, liveness: str) -> bool:
    """Return whether a process of ours answers.

    Args:
        connection: to it; it is closed.
        liveness: path of its sign of life, which its answer names.
    """
    try:
        connection.request("GET", liveness)
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and liveness.encode() in answer.read(1_000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
