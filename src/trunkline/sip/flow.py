"""A flow: the two ends and the connection that a message travels over, as a value.

RFC 5626 §2 gives the word. Dialogs, transactions and bindings keep the flow they were made over, so that what follows
goes the same way: the same UDP source, the same TCP or TLS connection.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

Transport = Literal["udp", "tcp", "tls"]

Address = tuple[str, int]
"""Host (a literal IPv4 or IPv6 address, without brackets) and port."""


class Flow(NamedTuple):
    """Where a message came from or goes to. Hashable and comparable; it holds no socket."""

    transport: Transport
    local: Address
    """The listener's own address, never a wildcard: what was asked is what answers."""
    remote: Address
    connection: str = ""
    """Empty for UDP. `in:<n>` names one accepted connection. `out:<server name>:<profile>` names the pooled outbound
    connection to `remote`, which the transport opens on first use and again after a loss."""

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 §17)."""
        return self.transport != "udp"

    @property
    def pooled(self) -> bool:
        """Whether the transport may open this connection by itself."""
        return self.connection.startswith("out:")


@lru_cache(1024)
def host_port(address: Address) -> str:
    """`host:port` as a URI or Via writes it, an IPv6 literal in brackets (RFC 3261 §25.1)."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
