"""Sources that are not heard: one look-up for each datagram and each accept.

A source is an IPv4 address, or the /64 block of an IPv6 address: of that, only the first eight bytes are compared.
"""

from __future__ import annotations

import socket

Key = str | bytes


def key_of(host: str) -> Key:
    """What a literal address, or the source it belongs to, is looked up by."""
    if ":" not in host:
        return host
    try:
        return socket.inet_pton(socket.AF_INET6, host.partition("/")[0].partition("%")[0])[:8]
    except OSError:
        return host


class Banned:
    """Two sets, shared with the sockets."""

    __slots__ = ("streams", "udp")

    def __init__(self) -> None:
        self.udp: set[Key] = set()
        self.streams: set[Key] = set()

    def refuse(self, source: str, everywhere: bool) -> None:
        self.udp.add(key_of(source))
        if everywhere:
            self.streams.add(key_of(source))

    def allow(self, source: str) -> None:
        self.udp.discard(key_of(source))
        self.streams.discard(key_of(source))

    def __len__(self) -> int:
        return len(self.udp)
