"""What registrations and certificates tell of requests that come: filled by who keeps them, read by arrival."""

from __future__ import annotations

from trunkline.registrar.bindings import Bindings
from trunkline.registrar.terms import Terms
from trunkline.sip.flow import Flow


class Contacts:
    """Ours at carriers' registrars, and those of phones with us."""

    __slots__ = ("_hosts", "bindings", "certificates", "peers", "said", "users")

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        """Trunk ids by the user of the Contact that we register for them."""
        self.said: dict[str, str] = {}
        """A sentence on the registration of each trunk that registers, by its id."""
        self.peers: dict[str, dict[str, None]] = {}
        """Ids of the trunks whose registrar, or the proxy before it, is at a literal address."""
        self.bindings = Bindings(Terms())
        """Those of the devices that registered with us."""
        self.certificates: dict[Flow, tuple[str, ...]] = {}
        """What the peers of connections have shown: fingerprint and names."""
        self._hosts: dict[str, tuple[str, ...]] = {}

    def lead(self, trunk_id: str, hosts: tuple[str, ...]) -> None:
        """A trunk's registrar is at these literal addresses from now on; none: it registers no more."""
        for host in self._hosts.pop(trunk_id, ()):
            there = self.peers[host]
            there.pop(trunk_id, None)
            if not there:
                del self.peers[host]
        if hosts:
            self._hosts[trunk_id] = hosts
            for host in hosts:
                self.peers.setdefault(host, {})[trunk_id] = None
