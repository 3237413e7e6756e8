"""The transport layer (RFC 3261 §18): every socket of the edge behind `send` and a sink.

It is opened once, by the composition root, and belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Address, Flow, Transport
from trunkline.transport.interfaces import SourceAddresses
from trunkline.transport.limits import Limits
from trunkline.transport.listener import Listener, ListenerSpec, bind, expand, listener_of
from trunkline.transport.sink import Sink
from trunkline.transport.udp import UdpSocket


class TransportLayer:
    """Opens listeners, sends over flows, finds the flow to an address, refuses banned sources."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._udp: dict[Address, UdpSocket] = {}
        self._banned: set[str] = set()
        self._sources = SourceAddresses()
        self.bound: tuple[Listener, ...] = ()
        """What is open. Empty before `open` and after `close`."""

    async def open(self, specs: Iterable[ListenerSpec], sink: Sink) -> None:
        """Open every listener, or none: raises ListenError or CertificateError."""
        loop = asyncio.get_running_loop()
        try:
            for spec in specs:
                free = 0
                for host, port in expand(spec):
                    opened = UdpSocket(loop, bind(spec, host, port or free), sink, self._banned, self._limits)
                    self._udp[opened.local] = opened
                    free = opened.local[1]
                    self.bound += (listener_of(spec, opened.local),)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every socket. Nothing reaches the sink afterwards."""
        for opened in self._udp.values():
            opened.close()
        self._udp.clear()
        self.bound = ()

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None:
        """Send one message. None when it was taken; else why it cannot be sent, and then nothing more comes of it."""
        if flow.transport == "udp":
            opened = self._udp.get(flow.local)
            return opened.send(data, flow.remote) if opened is not None else "this address is not listened on any more"
        return "not open"

    def flow_to(
        self, transport: Transport, remote: Address, server_name: str = "", tls: TlsProfile | None = None
    ) -> Flow | None:
        """The flow that a new dialog or probe takes to `remote`, a literal address: over the listener whose address the
        kernel would send from, else another of that family that can reach it. None: no listener can."""
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
        return Flow(transport, chosen.address, remote) if chosen is not None else None

    def refuse(self, source: str) -> None:
        """Hear nothing more from this literal address, until `allow`."""
        self._banned.add(source)

    def allow(self, source: str) -> None:
        self._banned.discard(source)

    def counts(self) -> dict[str, int]:
        """What stands open now, and what passed since the start."""
        sockets = self._udp.values()
        return {
            "descriptors": len(sockets),
            "buffered": sum(each.buffered for each in sockets),
            "banned_sources": len(self._banned),
            "udp_received": sum(each.received for each in sockets),
            "udp_sent": sum(each.sent for each in sockets),
            "udp_ignored": sum(each.ignored for each in sockets),
            "udp_banned": sum(each.banned for each in sockets),
            "udp_dropped": sum(each.dropped for each in sockets),
            "udp_refused": sum(each.refused for each in sockets),
        }


def _loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")
