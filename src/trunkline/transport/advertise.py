"""The start-up self-check: would we tell the outside an address that it cannot reach?

One of the most common causes of one-way audio and lost BYEs: a Contact with an address of the inner network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from trunkline.sip.flow import host_port
from trunkline.transport.listener import Listener

_SHARED = ipaddress.ip_network("100.64.0.0/10")


def warnings(listeners: Iterable[Listener]) -> tuple[str, ...]:
    """A sentence for each listener that advertises an address only this host or its own network can reach. Loopback
    beside other addresses is no mistake (a wildcard includes it), and loopback alone is a trial on one machine."""
    sentences = []
    for listener in listeners:
        host = listener.advertised[0]
        kind = _kind(host)
        if kind is None or not listener.accepts or (kind == "loopback" and listener.advertised == listener.address):
            continue
        where = f"{listener.transport} {host_port(listener.address)}"
        sentences.append(
            f"{where} advertises the {kind} address {host} in Via and Contact: peers outside this network cannot "
            f"answer to it. Set external_address of this listener to the public address or name."
        )
    return tuple(sentences)


def _kind(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.is_loopback:
        return "loopback"
    if address.is_unspecified:
        return "unspecified"
    if address.is_link_local:
        return "link-local"
    if address in _SHARED:
        return "shared (RFC 6598)"
    return "private" if address.is_private else None
