"""Who may send syslog: this machine, and the networks that are named."""

import pytest

from server.ingest.syslog.senders import Senders


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("fd00::1", True),
        ("fe80::1%eth0", False),
        ("fd00::1%eth0", True),
        ("", False),
        ("no address", False),
    ],
)
def test_named_networks_and_this_machine_may_send(host: str, allowed: bool) -> None:
    senders = Senders(("10.0.0.0/8", "192.0.2.7/32", "fd00::/8"))
    assert senders.allow(host) is allowed
    assert Senders(()).allow(host) is (host in {"127.0.0.1", "::1"})
