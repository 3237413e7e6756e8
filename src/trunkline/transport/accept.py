"""A listening TCP or TLS socket.

We accept ourselves rather than let the loop: a banned source or one too many is closed before a handshake costs us
anything, and a reloaded certificate is taken by the very next connection.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress

from trunkline.sip.flow import Address, Transport
from trunkline.transport.banned import Key, key_of
from trunkline.transport.connections import Connections
from trunkline.transport.limits import Limits
from trunkline.transport.sink import Sink
from trunkline.transport.stream import Connection
from trunkline.transport.tls import ServerCertificate

_AT_ONCE = 32
_PAUSE = 0.5
"""Seconds without accepting after the process ran out of descriptors: the backlog holds the callers meanwhile."""
_LIVENESS = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
"""Not every system has them all. The last is in milliseconds."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Accepts connections until it is closed."""

    __slots__ = (
        "_banned", "_connections", "_limits", "_loop", "_pause", "_sink", "_socket", "_transport", "_welcomes",
        "banned", "certificate", "exhausted", "failed", "local",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bound: socket.socket,
        certificate: ServerCertificate | None,
        connections: Connections,
        sink: Sink,
        banned: set[Key],
        limits: Limits,
    ) -> None:
        self._loop = loop
        self._socket = bound
        self._transport: Transport = "tcp" if certificate is None else "tls"
        self._connections = connections
        self._sink = sink
        self._banned = banned
        self._limits = limits
        self._welcomes: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self.certificate = certificate
        host, port = bound.getsockname()[:2]
        self.local: Address = (host, port)
        self.banned = 0
        self.failed = 0
        """Handshakes that failed or took too long."""
        self.exhausted = 0
        """Times that no descriptor was left."""
        loop.add_reader(bound.fileno(), self._readable)

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, source = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._rest()
                    return
                continue
            host = str(source[0])
            if self._banned and key_of(host) in self._banned:
                self.banned += 1
                accepted.close()
            elif not self._connections.admit(host):
                accepted.close()
            else:
                task = self._loop.create_task(self._welcome(accepted, (host, int(source[1]))))
                self._welcomes.add(task)
                task.add_done_callback(self._welcomes.discard)

    def _rest(self) -> None:
        """A readable socket that cannot be accepted from would wake the loop without end."""
        self.exhausted += 1
        self._loop.remove_reader(self._socket.fileno())
        self._pause = self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket.fileno(), self._readable)

    async def _welcome(self, accepted: socket.socket, remote: Address) -> None:
        flow = self._connections.accepted_flow(self._transport, self.local, remote)
        connection = Connection(self._loop, flow, self._connections, self._sink, self._limits)
        context = self.certificate.context if self.certificate is not None else None
        handed = False
        task = asyncio.current_task()
        if context is not None and task is not None:
            self._connections.shaking(flow, task.cancel)
        try:
            accepted.setblocking(False)
            prepare(accepted)
            handed = True
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_time if context is not None else None,
                ssl_shutdown_timeout=self._limits.linger_time if context is not None else None,
            )
        except (OSError, ValueError):
            self.failed += 1
        except asyncio.CancelledError:
            # Given up for want of room, or because the edge stops: either way there is nobody to tell.
            self.failed += 1
        finally:
            self._connections.shaken(flow)
            if not handed:
                accepted.close()
            if not connection.made:
                self._connections.release(remote[0])

    async def close(self) -> None:
        """Accept nothing more; handshakes under way are abandoned."""
        number = self._socket.fileno()
        if number < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(number)
        self._socket.close()
        # A task that is cancelled before its first step never comes to the `finally` that closes what it was given.
        await asyncio.sleep(0)
        for task in tuple(self._welcomes):
            task.cancel()
        await asyncio.gather(*self._welcomes, return_exceptions=True)


def prepare(stream: socket.socket) -> None:
    """SIP messages are small and wait for each other: no Nagle. A peer that vanished is noticed after a minute of
    silence, and before Timer B (32 s) when something is under way to it."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _LIVENESS.items():
        number = getattr(socket, option, None)
        if number is not None:
            with suppress(OSError):
                stream.setsockopt(socket.IPPROTO_TCP, number, value)
