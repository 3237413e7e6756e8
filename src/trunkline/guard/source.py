"""Who a sender is held to be, where it is counted and banned: its IPv4 address, or the /64 of its IPv6 address, within
which one host has as many addresses as it likes (RFC 4291 §2.5.4, RFC 8981)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Final

_PREFIX: Final = 64
_REMEMBERED: Final = 4096


@lru_cache(maxsize=_REMEMBERED)
def source_of(host: str) -> str:
    """The source that a literal address belongs to: `192.0.2.7`, or `2001:db8:0:1::/64`. What is no address is its own
    source."""
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address) >> _PREFIX << _PREFIX, _PREFIX)))


def source_named(text: str) -> str:
    """The source that an operator means by an address, or by a block no larger than one source. Raises ValueError."""
    try:
        return source_of(str(ip_address(text.strip())))
    except ValueError:
        network = ip_network(text.strip(), strict=False)
    if network.prefixlen < (32 if isinstance(network, IPv4Network) else _PREFIX):
        raise ValueError("larger than one source")
    return source_of(str(network.network_address))
