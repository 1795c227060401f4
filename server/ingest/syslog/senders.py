"""Who may send syslog, which has no tokens: this machine, and the networks that are named."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from waterline.addresses import is_loopback


class Senders:
    """Addresses and networks that may send.

    Args:
        networks: networks besides loopback, as `10.0.0.0/8`.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self.allow = lru_cache(maxsize=1000)(self._allow)
        """Return whether an address may send."""

    def _allow(self, host: str) -> bool:
        if is_loopback(host):
            return True
        try:
            # An address of a link names its interface behind a percent sign.
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in each for each in self._networks)
