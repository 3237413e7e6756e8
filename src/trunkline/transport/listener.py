"""Where we listen, and what we tell others of it.

A wildcard becomes one socket for each address of the host: an answer then leaves from the address that was asked,
without a control message per datagram, and each has its own Via and Contact.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Literal

import msgspec

from trunkline.sip.flow import Address, Transport
from trunkline.transport.errors import ListenError, in_words
from trunkline.transport.interfaces import addresses

DEFAULT_PORTS: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
Family = Literal[4, 6]
"""A version of the Internet protocol."""
_STREAMS: tuple[Transport, ...] = ("tcp", "tls")


class ListenerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One listener as it is configured."""

    transport: Transport
    host: str = "0.0.0.0"
    """A literal address without brackets; `0.0.0.0` and `::` mean every address of the host of that family."""
    port: int | None = None
    """None: the default of the transport. 0: any free port."""
    external_address: Address | None = None
    """What Via and Contact bear instead of the socket's address. The host may be a name; port 0 is the listener's."""
    certificate: str | None = None
    """Path of a PEM chain, ours first. A TLS listener without one is for outbound connections only."""
    private_key: str | None = None
    """Path of its PEM key; None when it is in the same file."""
    client_ca: str | None = None
    """Path of PEM certificates: a peer must show one that these signed."""
    asks: bool = False
    """It may show none as well."""


class Listener(msgspec.Struct, frozen=True):
    """One address that messages leave from, and come to when `accepts`."""

    transport: Transport
    address: Address
    """Concrete: the `local` of every flow over it."""
    advertised: Address
    """Host and port for Via, Contact and routes."""
    accepts: bool = True
    """False: it only names outbound connections of a stream transport that nobody listens on."""


def expand(spec: ListenerSpec) -> tuple[tuple[str, int], ...]:
    """The host and port of each socket of a listener. Raises ListenError."""
    port = DEFAULT_PORTS[spec.transport] if spec.port is None else spec.port
    try:
        literal = ipaddress.ip_address(spec.host)
    except ValueError:
        raise ListenError(f"{spec.host!r} is not a literal IPv4 or IPv6 address to listen on") from None
    if not 0 <= port <= 65535:
        raise ListenError(f"{port} is not a port to listen on")
    if not literal.is_unspecified:
        return ((str(literal), port),)
    hosts = addresses(socket.AF_INET if literal.version == 4 else socket.AF_INET6)
    if not hosts:
        raise ListenError(f"this host has no address for {spec.host}")
    return tuple((host, port) for host in hosts)


def bind(spec: ListenerSpec, host: str, port: int) -> socket.socket:
    """A bound non-blocking socket, listening when it is a stream's. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if spec.transport == "udp" else socket.SOCK_STREAM
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # Not on UDP, where it would let a second process take half of our datagrams.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if kind == socket.SOCK_STREAM:
            bound.listen(1024)
    except OSError as error:
        bound.close()
        raise ListenError(f"cannot listen on {spec.transport} {host} port {port}: {in_words(error)}") from None
    return bound


def listener_of(spec: ListenerSpec, address: Address, accepts: bool = True) -> Listener:
    """The listener of `spec` whose socket got `address`."""
    if spec.external_address is None:
        return Listener(spec.transport, address, address, accepts)
    host, port = spec.external_address
    return Listener(spec.transport, address, (host.strip("[]"), port or address[1]), accepts)


def families(bound: Iterable[Listener]) -> tuple[Family, ...]:
    """The families that messages can leave from. IPv4 first: of a host that has both it is the one more often right."""
    found = {6 if ":" in each.address[0] else 4 for each in bound}
    order: tuple[Family, ...] = (4, 6)
    return tuple(family for family in order if family in found)


def outbound_only(bound: Iterable[Listener]) -> tuple[Listener, ...]:
    """For each stream transport that nobody listens on: an address for its outbound connections beside each address
    that is listened on, known outside by the same host. So a trunk may be met over TLS without our having a
    certificate."""
    found: dict[tuple[Transport, Address], Listener] = {}
    known = tuple(bound)
    for transport in _STREAMS:
        if any(each.transport == transport for each in known):
            continue
        port = DEFAULT_PORTS[transport]
        for each in known:
            address = (each.address[0], port)
            found.setdefault((transport, address), Listener(transport, address, (each.advertised[0], port), False))
    return tuple(found.values())
