"""One UDP socket (RFC 3261 §18): drained in batches, written without a copy or a queue.

The loop's own datagram transports cost an object and two calls per datagram; a readable socket that is drained costs
one system call each. At most one batch is taken per turn of the loop, so that other descriptors are heard too; what is
left makes the socket readable again at the next turn.

What the network says of datagrams that did not arrive is read too, where the system keeps it (`unreached`). Until it is
read, the next call on the socket fails with it, whatever that call is about: such a call is made again.

Keep-alives (RFC 5626 §3.5: CRLF, or STUN), empty and foreign datagrams end here: none of them begins like a SIP
message.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections import deque

from trunkline.sip.flow import Address, Flow
from trunkline.transport.banned import Key, key_of
from trunkline.transport.errors import in_words
from trunkline.transport.limits import Limits
from trunkline.transport.sink import Sink
from trunkline.transport.unreached import ask_for_errors, take_errors
from trunkline.transport.watch import Watch

_LARGEST = 65_535
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
"""asm-generic/socket.h; Python does not name them."""
_SMALLEST = 20
"""No SIP message is shorter: `A b SIP/2.0`, a Via."""
_MOST_ERRORS = 4
"""How often a call that fails with an error of another is made again."""


class UdpSocket:
    """A bound socket and its counters. The owner closes it."""

    __slots__ = (
        "_backlog", "_banned", "_batch", "_blocks", "_errors", "_flows", "_known_sources", "_receive", "_room", "_send",
        "_sink", "_socket", "_watch", "banned", "dropped", "ignored", "local", "received", "refused", "sent",
        "unreached",
    )  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, bound: socket.socket, sink: Sink, banned: set[Key], limits: Limits
    ) -> None:
        self._socket = bound
        self._receive = bound.recvfrom
        self._send = bound.sendto
        self._sink = sink
        self._banned = banned
        self._batch = limits.batch
        self._known_sources = limits.known_sources
        self._flows: dict[tuple[str | int, ...], Flow] = {}
        self._backlog: deque[tuple[bytes, Address]] = deque()
        self._room = limits.backlog
        self._blocks = bound.family == socket.AF_INET6
        """Whether sources are banned by block."""
        host, port = bound.getsockname()[:2]
        self.local: Address = (host, port)
        self.received = 0
        """Datagrams handed to the sink."""
        self.sent = 0
        """Datagrams the kernel took."""
        self.ignored = 0
        """Keep-alives and what cannot be SIP."""
        self.banned = 0
        """Datagrams of banned sources."""
        self.dropped = 0
        """Datagrams dropped because the backlog was full."""
        self.refused = 0
        """Datagrams the kernel would not send: no route, too large, a firewall."""
        self.unreached = 0
        """Requests that did not arrive, by what the network says."""
        _enlarge(bound, socket.SO_RCVBUF, _SO_RCVBUFFORCE, limits.receive_buffer)
        _enlarge(bound, socket.SO_SNDBUF, _SO_SNDBUFFORCE, limits.send_buffer)
        self._errors = ask_for_errors(bound)
        self._watch = Watch(loop, bound.fileno(), self._ready, errors=self._errors)

    def _ready(self) -> None:
        if self._backlog:
            self._writable()
        self._readable()

    def _readable(self) -> None:
        receive = self._receive
        known = self._flows.get
        banned = self._banned
        batch: list[tuple[bytes, Flow]] = []
        left = self._batch
        while left:
            try:
                while left:
                    left -= 1
                    data, source = receive(_LARGEST)
                    if banned and (key_of(str(source[0])) if self._blocks else source[0]) in banned:
                        self.banned += 1
                    elif len(data) >= _SMALLEST and (33 <= data[0] < 127 or _begins_late(data)):
                        flow = known(source)
                        if flow is None:
                            flow = self._remember(source)
                        batch.append((data, flow))
                    else:
                        self.ignored += 1
            except BlockingIOError:
                if left == self._batch - 1 and self._errors:
                    # Ready by an error alone, and one of those that no call fails with.
                    self._unreached()
                left = 0
            except OSError:
                if not self._errors or not self._unreached():
                    self.refused += 1
                    left = 0
        if batch:
            self.received += len(batch)
            self._sink.received(batch)

    def _remember(self, source: tuple[str | int, ...]) -> Flow:
        if len(self._flows) >= self._known_sources:
            self._flows.clear()
        flow = Flow("udp", self.local, (str(source[0]), int(source[1])))
        self._flows[source] = flow
        return flow

    def send(self, data: bytes, remote: Address) -> str | None:
        """Send one datagram. None when it is sent, waits, or is lost as the network loses them (the transaction's
        timers mend that); else why it cannot be sent at all."""
        if self._backlog:
            self._wait(data, remote)
            return None
        try:
            self._send(data, remote)
        except BlockingIOError:
            self._begin_to_wait(data, remote)
            return None
        except OSError as error:
            refused = self._again(error, data, remote)
            if isinstance(refused, BlockingIOError):
                self._begin_to_wait(data, remote)
                return None
            if refused is not None:
                self.refused += 1
                return "message too large for UDP" if refused.errno == errno.EMSGSIZE else in_words(refused)
        self.sent += 1
        return None

    def _again(self, error: OSError, data: bytes, remote: Address) -> OSError | None:
        """Send what was refused again, for as long as that was on account of another datagram; why it cannot be."""
        for _ in range(_MOST_ERRORS):
            if not self._errors or not self._unreached():
                break
            try:
                self._send(data, remote)
            except OSError as again:
                error = again
            else:
                return None
        return error

    def _unreached(self) -> bool:
        """Take what the network says of datagrams that did not arrive; whether it said anything."""
        taken, found = take_errors(self._socket)
        self.unreached += len(found)
        for each in found:
            self._sink.unreached(Flow("udp", self.local, each.remote), each.transaction, each.reason)
        return taken > 0

    def _begin_to_wait(self, data: bytes, remote: Address) -> None:
        self._watch.write(True)
        self._wait(data, remote)

    def _wait(self, data: bytes, remote: Address) -> None:
        if len(self._backlog) < self._room:
            self._backlog.append((data, remote))
        else:
            self.dropped += 1

    def _writable(self) -> None:
        backlog = self._backlog
        while backlog:
            data, remote = backlog[0]
            try:
                self._send(data, remote)
                self.sent += 1
            except BlockingIOError:
                return
            except OSError as error:
                refused = self._again(error, data, remote)
                if isinstance(refused, BlockingIOError):
                    return
                if refused is None:
                    self.sent += 1
                else:
                    self.refused += 1
            backlog.popleft()
        self._watch.write(False)

    @property
    def descriptors(self) -> int:
        """How many are open for it."""
        return 1 + self._watch.descriptors

    @property
    def buffered(self) -> int:
        """Bytes that wait for the kernel."""
        return sum(len(data) for data, _ in self._backlog)

    def close(self) -> None:
        """Stop reading and close the socket; what waits is dropped. Closing twice does nothing."""
        if self._socket.fileno() < 0:
            return
        self._watch.close()
        self._backlog.clear()
        self._socket.close()


def _begins_late(data: bytes) -> bool:
    """Whether a message follows the line ends that peers put before one (RFC 3261 §7.5)."""
    return data[0] in b"\r\n" and len(data.lstrip(b"\r\n")) >= _SMALLEST


def _enlarge(target: socket.socket, option: int, forced: int, size: int) -> None:
    """Ask for a buffer beyond the system's limit when privileged, else for what the limit allows."""
    if sys.platform == "linux":
        try:
            target.setsockopt(socket.SOL_SOCKET, forced, size)
        except OSError:
            pass
        else:
            return
    target.setsockopt(socket.SOL_SOCKET, option, size)
