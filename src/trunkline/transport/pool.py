"""Outbound connections (RFC 3261 §18.1.1), opened on first use and again after a loss.

One for each flow, and a flow says transport, addresses, server name and TLS profile: two trunks on one address never
share a certificate. What is given while a connection opens waits for it, in order and bounded.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from contextlib import suppress

from trunkline.sip.flow import Flow, host_port
from trunkline.transport.accept import prepare
from trunkline.transport.connections import Connections
from trunkline.transport.errors import CertificateError, in_words
from trunkline.transport.limits import Limits
from trunkline.transport.sink import Sink
from trunkline.transport.stream import Connection
from trunkline.transport.tls import ClientContexts, why_no_tls, why_untrusted

_IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h: the port is chosen at connect, by the whole pair of addresses, so that ports do not run out."""


class _Opening:
    """A connection that is being opened, and what waits for it."""

    __slots__ = ("messages", "task")

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, str]] = []
        self.task: asyncio.Task[None] | None = None


class Pool:
    """Opens outbound connections. Connections that are open are in the table that all share."""

    __slots__ = ("_connections", "_contexts", "_limits", "_loop", "_openings", "_sink", "failed")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        contexts: ClientContexts,
        sink: Sink,
        limits: Limits,
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._contexts = contexts
        self._sink = sink
        self._limits = limits
        self._openings: dict[Flow, _Opening] = {}
        self.failed = 0
        """Connections that could not be opened."""

    @property
    def opening(self) -> int:
        return len(self._openings)

    @property
    def buffered(self) -> int:
        return sum(len(data) for each in self._openings.values() for data, _ in each.messages)

    def send(self, flow: Flow, data: bytes, transaction: str) -> str | None:
        """Write over the flow's connection, or open it first. None when the message was taken; else why not."""
        opening = self._openings.get(flow)
        if opening is None:
            connection = self._connections.get(flow)
            if connection is not None and connection.usable:
                return connection.send(data, transaction)
            if len(self._openings) + self._connections.outbound >= self._limits.connections_outbound:
                return "too many outbound connections are open"
            opening = self._openings[flow] = _Opening()
            opening.task = self._loop.create_task(self._open(flow, opening))
        elif len(opening.messages) >= self._limits.queued_messages:
            return f"too many messages wait for a connection to {host_port(flow.remote)}"
        opening.messages.append((data, transaction))
        return None

    async def _open(self, flow: Flow, opening: _Opening) -> None:
        connection = Connection(self._loop, flow, self._connections, self._sink, self._limits)
        try:
            async with asyncio.timeout(self._limits.connect_time):
                await self._connect(flow, connection)
            reason = ""
        except TimeoutError:
            reason = f"no connection to {host_port(flow.remote)} within {self._limits.connect_time:g} s"
        except (OSError, ValueError, CertificateError) as error:
            reason = _why(error, flow)
        finally:
            del self._openings[flow]
        failures: dict[str, str] = {}
        if reason:
            self.failed += 1
            failures = dict.fromkeys((transaction for _, transaction in opening.messages), reason)
        else:
            for data, transaction in opening.messages:
                refused = connection.send(data, transaction)
                if refused is not None:
                    failures.setdefault(transaction, refused)
            if connection.usable:
                self._connections.add(connection)
        failures.pop("", None)
        for transaction, why in failures.items():
            self._sink.failed(flow, transaction, why)

    async def _connect(self, flow: Flow, connection: Connection) -> None:
        context: ssl.SSLContext | None = None
        name: str | None = None
        if flow.transport == "tls":
            name, _, key = flow.connection.removeprefix("out:").rpartition(":")
            context = self._contexts.context(key)
        stream = socket.socket(socket.AF_INET6 if ":" in flow.remote[0] else socket.AF_INET, socket.SOCK_STREAM)
        handed = False
        try:
            stream.setblocking(False)
            prepare(stream)
            if sys.platform == "linux":
                with suppress(OSError):
                    stream.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            stream.bind((flow.local[0], 0))
            await self._loop.sock_connect(stream, flow.remote)
            handed = True
            await self._loop.create_connection(
                lambda: connection,
                sock=stream,
                ssl=context,
                server_hostname=name,
                ssl_handshake_timeout=self._limits.connect_time if context is not None else None,
                ssl_shutdown_timeout=self._limits.linger_time if context is not None else None,
            )
        finally:
            if not handed:
                stream.close()

    async def close(self) -> None:
        """Give up what is being opened; nobody is told."""
        tasks = [each.task for each in self._openings.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._openings.clear()


def _why(error: OSError | ValueError | CertificateError, flow: Flow) -> str:
    peer = host_port(flow.remote)
    name = flow.connection.removeprefix("out:").rpartition(":")[0]
    if isinstance(error, CertificateError):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{peer}: {why_untrusted(error, name)}"
    if isinstance(error, ssl.SSLError):
        return f"{peer}: {why_no_tls(error, name)}"
    return f"no connection to {peer}: {in_words(error) if isinstance(error, OSError) else error}"
