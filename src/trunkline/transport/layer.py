"""The transport layer (RFC 3261 §18): every socket of the edge behind `send` and a sink.

It is opened once, by the composition root, and belongs to one event loop. Network conditions are never exceptions here:
they are reasons that `send` returns, or that the sink's `failed` is told later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.transport.accept import Acceptor
from trunkline.transport.banned import Banned
from trunkline.transport.connections import Connections
from trunkline.transport.errors import CertificateError
from trunkline.transport.interfaces import SourceAddresses
from trunkline.transport.limits import Limits
from trunkline.transport.listener import Listener, ListenerSpec, bind, expand, listener_of, outbound_only
from trunkline.transport.pool import Pool
from trunkline.transport.sink import Sink
from trunkline.transport.tls import ClientContexts, ServerCertificate
from trunkline.transport.udp import UdpSocket

_ORDINARY = TlsProfile()


class TransportLayer:
    """Opens listeners, sends over flows, finds the flow to an address, refuses banned sources."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._udp: dict[Address, UdpSocket] = {}
        self._acceptors: list[Acceptor] = []
        self._connections = Connections(self._limits)
        self._pool: Pool | None = None
        self._contexts = ClientContexts()
        self._certificates: list[ServerCertificate] = []
        self._banned = Banned()
        self._sources = SourceAddresses()
        self.bound: tuple[Listener, ...] = ()
        """What is open, as configured and in that order; then the addresses that outbound connections of a transport
        without a listener leave from. Empty before `open` and after `close`."""

    async def open(self, specs: Iterable[ListenerSpec], sink: Sink) -> None:
        """Open every listener, or none: raises ListenError or CertificateError."""
        loop = asyncio.get_running_loop()
        self._pool = Pool(loop, self._connections, self._contexts, sink, self._limits)
        try:
            for spec in specs:
                self._open_one(loop, spec, sink)
        except BaseException:
            await self.close()
            raise
        self.bound += outbound_only(self.bound)

    def _open_one(self, loop: asyncio.AbstractEventLoop, spec: ListenerSpec, sink: Sink) -> None:
        certificate: ServerCertificate | None = None
        if spec.transport == "tls":
            if spec.certificate is None:
                self.bound += tuple(listener_of(spec, address, accepts=False) for address in expand(spec))
                return
            certificate = ServerCertificate(spec.certificate, spec.private_key, spec.client_ca, asks=spec.asks)
            self._certificates.append(certificate)
        free = 0
        for host, port in expand(spec):
            # A wildcard on any free port has the same port on every address.
            socket = bind(spec, host, port or free)
            if spec.transport == "udp":
                opened = UdpSocket(loop, socket, sink, self._banned.udp, self._limits)
                self._udp[opened.local] = opened
                local = opened.local
            else:
                acceptor = Acceptor(
                    loop, socket, certificate, self._connections, sink, self._banned.streams, self._limits
                )
                self._acceptors.append(acceptor)
                local = acceptor.local
            free = local[1]
            self.bound += (listener_of(spec, local),)

    async def close(self) -> None:
        """Stop listening, let connections send what they hold (at most the linger time), close everything. The sink
        hears of their end as ever, and of nothing once this has returned."""
        for acceptor in self._acceptors:
            await acceptor.close()
        if self._pool is not None:
            await self._pool.close()
        await self._connections.close()
        for opened in self._udp.values():
            opened.close()
        self._udp.clear()
        self._acceptors.clear()
        self._certificates.clear()
        self._pool = None
        self.bound = ()

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None:
        """Send one message. None when it was taken: a later failure comes by the sink's `failed`, with this key. Else
        why it cannot be sent, and then nothing more comes of it."""
        if flow.transport == "udp":
            opened = self._udp.get(flow.local)
            return opened.send(data, flow.remote) if opened is not None else "this address is not listened on"
        if self._pool is None:
            return "the edge stops"
        if flow.pooled:
            return self._pool.send(flow, data, transaction)
        connection = self._connections.get(flow)
        return connection.send(data, transaction) if connection is not None else "the connection is closed"

    def ping(self, flow: Flow) -> None:
        """Send a keep-alive (RFC 5626 §3.5.1) over a flow that is there: none is opened for it."""
        if flow.transport == "udp":
            opened = self._udp.get(flow.local)
            if opened is not None:
                opened.send(b"\r\n\r\n", flow.remote)
            return
        connection = self._connections.get(flow)
        if connection is not None:
            connection.ping()

    def flow_to(
        self, transport: Transport, remote: Address, server_name: str = "", tls: TlsProfile | None = None
    ) -> Flow | None:
        """The flow that a new dialog or probe takes to `remote`, a literal address: over the listener whose address the
        kernel would send from, else another of that family that can reach it. None: no listener can.

        `server_name` is the domain that was asked for, and `tls` the trunk's profile; both matter to TLS only.
        """
        wanted = self._sources.towards(remote[0])
        if wanted is None:
            return None
        chosen: Listener | None = None
        for listener in self.bound:
            if listener.transport == transport:
                host = listener.address[0]
                if host == wanted:
                    chosen = listener
                    break
                reaches = (":" in host) == (":" in wanted) and (not _loopback(host) or _loopback(wanted))
                if chosen is None and reaches:
                    chosen = listener
        if chosen is None:
            return None
        connection = ""
        if transport == "tcp":
            connection = "out:"
        elif transport == "tls":
            profile = tls or _ORDINARY
            name = (profile.server_name or server_name or remote[0]).rstrip(".").lower()
            connection = f"out:{name}:{self._contexts.key(profile)}"
        return Flow(transport, chosen.address, remote, connection)

    def remember(self, profile: TlsProfile) -> None:
        """Know this profile by the key that flows of an earlier process bear, so that their connections can be opened
        again. `flow_to` remembers by itself."""
        self._contexts.key(profile)

    def close_flow(self, flow: Flow) -> None:
        """Close the connection after what was written to it has left. Nothing for UDP, or when it is gone."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.give_up("closed by the edge")

    def refuse(self, source: str, everywhere: bool = True) -> None:
        """Hear nothing more from this IPv4 address, or this /64 block of IPv6 addresses, until `allow`: its datagrams
        end at the socket and, when `everywhere`, its connections end now and at the accept. The caller bounds how many
        there are."""
        self._banned.refuse(source, everywhere)
        if everywhere:
            self._connections.end(source, "the source is banned")

    def allow(self, source: str) -> None:
        self._banned.allow(source)

    def trust(self, flow: Flow) -> None:
        """This accepted connection is a known peer's: it keeps its place, and may be idle, as long as any."""
        self._connections.trust(flow)

    def reload_certificates(self) -> tuple[str, ...]:
        """Read the listeners' certificates again; new connections meet the new ones. A sentence for each that cannot be
        used: it keeps what it had."""
        sentences = []
        for certificate in self._certificates:
            try:
                certificate.reload()
            except CertificateError as error:
                sentences.append(str(error))
        return tuple(sentences)

    def certificates_expire(self) -> dict[str, float]:
        """When each listener's certificate ends (Unix seconds), by `host:port`."""
        return {
            f"{acceptor.local[0]}:{acceptor.local[1]}": acceptor.certificate.expires_at
            for acceptor in self._acceptors
            if acceptor.certificate is not None
        }

    def counts(self) -> dict[str, int]:
        """What stands open now (descriptors, connections, bytes held), and what passed since the start."""
        sockets = self._udp.values()
        acceptors = self._acceptors
        streams = self._connections.counts()
        opening = self._pool.opening if self._pool is not None else 0
        waiting = self._pool.buffered if self._pool is not None else 0
        open_streams = sum(streams[kind] for kind in streams if kind.startswith("connections_"))
        return {
            "listeners": len(sockets) + len(acceptors),
            "descriptors": sum(each.descriptors for each in sockets) + len(acceptors) + opening + open_streams,
            "buffered": streams.pop("buffered") + waiting + sum(each.buffered for each in sockets),
            "banned_sources": len(self._banned),
            "connections_opening": opening,
            **streams,
            "streams_banned": sum(each.banned for each in acceptors),
            "streams_failed_accept": sum(each.failed for each in acceptors),
            "streams_failed_connect": self._pool.failed if self._pool is not None else 0,
            "descriptors_exhausted": sum(each.exhausted for each in acceptors),
            "udp_received": sum(each.received for each in sockets),
            "udp_sent": sum(each.sent for each in sockets),
            "udp_ignored": sum(each.ignored for each in sockets),
            "udp_banned": sum(each.banned for each in sockets),
            "udp_dropped": sum(each.dropped for each in sockets),
            "udp_refused": sum(each.refused for each in sockets),
            "udp_unreached": sum(each.unreached for each in sockets),
        }


def _loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")
