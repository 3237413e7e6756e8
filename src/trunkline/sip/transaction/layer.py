"""The transaction layer (RFC 3261 §17): every message finds its machine here, and every timer.

receive   a message; None when no transaction knows it, and the user decides what it is
request   a request of the user's starts a client transaction
open      a request that the user takes starts a server transaction
respond   the user's answer to one
expire    timers due at `now`
deadline  when the next is
"""

from __future__ import annotations

from typing import cast

from trunkline.sip import compose
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse
from trunkline.sip.timers import Timers, Timing
from trunkline.sip.transaction.client import ClientTransaction
from trunkline.sip.transaction.events import Acknowledged, Answered, Failed, TimedOut, Told
from trunkline.sip.transaction.key import astray, client_key, server_key
from trunkline.sip.transaction.server import ServerTransaction
from trunkline.sip.transaction.tables import CLASS, INVITE_CLIENT, TERMINATED, UNRELIABLE_ONLY, ZERO_WHEN_RELIABLE
from trunkline.sip.transmit import Transmit


class TransactionLayer:
    """All transactions of one worker."""

    __slots__ = ("clients", "servers", "timers", "timing")

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.clients: dict[str, ClientTransaction] = {}
        self.servers: dict[str, ServerTransaction] = {}
        self.timers: Timers[tuple[str, str]] = Timers()

    def receive(self, message: Request | Response, now: float) -> list[Told] | None:
        """What a known transaction makes of a message. None: there is none, and nothing was done."""
        if type(message) is Response:
            client = self.clients.get(client_key(message))
            if client is None or astray(message):
                return None
            return self._client(client, CLASS[message.status // 100], now, message)
        assert type(message) is Request
        server = self.servers.get(server_key(message))
        if server is None or (message.method == "ACK" and server.state == "proceeding"):
            return None
        return self._server(server, "ACK" if message.method == "ACK" else "request", now, message)

    def request(
        self, data: bytes, method: str, branch: str, flow: Flow, owner: str, call: str, now: float
    ) -> tuple[str, list[Transmit]]:
        """Send a request of ours (not an ACK); the key of its transaction, and what to send."""
        key = f"{branch} {method}"
        client = ClientTransaction(key, method, data, flow, owner, call, self.timing.t1)
        self.clients[key] = client
        if method == "INVITE":
            if flow.transport == "udp":
                self.timers.arm(now, self.timing.t1, (key, "A"))
            self.timers.arm(now, self.timing.patience, (key, "B"))
        else:
            if flow.transport == "udp":
                self.timers.arm(now, self.timing.t1, (key, "E"))
            self.timers.arm(now, self.timing.patience, (key, "F"))
        return key, [Transmit(flow, data, key, call)]

    def open(self, request: Request, flow: Flow, owner: str, call: str = "") -> ServerTransaction:
        """Take a new request; its responses go by `respond`."""
        key = server_key(request)
        server = self.servers[key] = ServerTransaction(key, request, flow, owner, call, self.timing.t1)
        return server

    def invite_of(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL means (§9.2)."""
        return self.servers.get(server_key(cancel, "INVITE"))

    def respond(
        self,
        key: str,
        status: int,
        now: float,
        to_tag: str = "",
        headers: str = "",
        body: bytes = b"",
        words: str | None = None,
    ) -> list[Transmit]:
        """Answer a request. A transaction that has its final response already, or is gone, sends nothing."""
        server = self.servers.get(key)
        if server is None:
            return []
        event = CLASS[status // 100]
        if (server.state, event) not in server.table or server.answering is None:
            return []
        server.last = server.answering.response(status, to_tag, headers, body, words)
        if status >= 200:
            server.answering = None
        return cast("list[Transmit]", self._server(server, event, now, None))

    def repeat(self, key: str, now: float) -> list[Transmit]:
        """Send the 2xx of an INVITE again, as its user must until the ACK (§13.3.1.4)."""
        server = self.servers.get(key)
        return [] if server is None else cast("list[Transmit]", self._server(server, "2xx", now, None))

    def settle(self, key: str) -> None:
        """The 2xx of an INVITE is not sent again, and so not kept."""
        server = self.servers.get(key)
        if server is not None:
            server.last = b""

    def failed(self, key: str, reason: str, now: float) -> list[Told]:
        """The transport could not send a request of ours; or a final response, which then takes its detour."""
        client = self.clients.get(key)
        if client is not None:
            return self._client(client, "transport", now, None, reason)
        server = self.servers.get(key)
        if server is None or server.detour is None or not server.last:
            return []
        server.flow, server.detour = server.detour, None
        return [Transmit(server.flow, server.last, "", server.call)]

    def unreached(self, key: str, reason: str, now: float) -> list[Told]:
        """The network says that a request of ours did not arrive (§18.4). Only one that nobody has answered fails by
        it, and none inside a dialog: there it is sent on, for there is no other address to try, and the peer that was
        there may be there again in time. An INVITE may have arrived another time that it was sent: as by `leave`."""
        client = self.clients.get(key)
        if client is None or (client.state, "unreached") not in client.table:
            return []
        request = parse(client.data)
        if type(request) is not Request or request.to_tag is not None:
            return []
        told = self._client(client, "unreached", now, None, reason)
        client.owner = ""
        return told

    def abandon(self, key: str, now: float) -> None:
        """An INVITE of ours is not wanted any more: its peer has 64·T1 for a final response (§9.1)."""
        if key in self.clients:
            self.timers.arm(now, self.timing.patience, (key, "abandoned"))

    def leave(self, key: str, now: float) -> None:
        """An INVITE of ours that nobody answered is given up for another address: it is not sent again, and nobody owns
        what may still come of it."""
        client = self.clients.get(key)
        if client is not None:
            client.owner = ""
            self._client(client, "left", now, None)

    def drop(self, key: str) -> bool:
        """A request of ours, no INVITE, is given up for another address, unless it was answered: it is not sent again,
        and what still comes of it is nobody's. Whether it was."""
        client = self.clients.get(key)
        if client is None or client.state != "trying":
            return False
        del self.clients[key]
        return True

    def lose(self, flow: Flow, now: float) -> list[Told]:
        """Nothing more comes over this connection, nor by another: the users of the requests that wait are told. An
        INVITE that is worked on stays for what its CANCEL may bring."""
        told: list[Told] = []
        for client in [client for client in self.clients.values() if client.flow == flow]:
            event = "transport"
            if client.table is INVITE_CLIENT and client.state == "proceeding":
                event = "lost"
                self.abandon(client.key, now)
            told += self._client(client, event, now, None, "the connection was lost")
        return told

    def expire(self, now: float) -> list[Told]:
        told: list[Told] = []
        for key, letter in self.timers.expire(now):
            told += self.fire(key, letter, now)
        return told

    def fire(self, key: str, letter: str, now: float) -> list[Told]:
        """One timer that was due."""
        client = self.clients.get(key)
        if client is not None:
            return self._client(client, letter, now, None)
        server = self.servers.get(key)
        return self._server(server, letter, now, None) if server is not None else []

    def deadline(self) -> float:
        return self.timers.deadline()

    def counts(self) -> dict[str, int]:
        return {
            "client_transactions": len(self.clients),
            "server_transactions": len(self.servers),
            "transaction_timers": len(self.timers),
        }

    def _client(
        self, client: ClientTransaction, event: str, now: float, response: Response | None, reason: str = ""
    ) -> list[Told]:
        row = client.table.get((client.state, event))
        if row is None:
            return []
        client.state, actions = row
        told: list[Told] = []
        for action in actions:
            if action == "deliver":
                assert response is not None
                told.append(Answered(client.key, client.owner, response))
            elif action == "resend":
                told.append(Transmit(client.flow, client.data, client.key, client.call))
            elif action == "ack":
                if not client.ack:
                    assert response is not None
                    client.ack = compose.alongside(client.data, "ACK", response.header("to") or "")
                told.append(Transmit(client.flow, client.ack, "", client.call))
            elif action == "timeout":
                told.append(TimedOut(client.key, client.owner, client.method, True))
            elif action == "failed":
                told.append(Failed(client.key, client.owner, client.method, reason))
            else:
                self._arm(client, action, now)
        if client.state == TERMINATED:
            self.clients.pop(client.key, None)
        return told

    def _server(self, server: ServerTransaction, event: str, now: float, request: Request | None) -> list[Told]:
        row = server.table.get((server.state, event))
        if row is None:
            return []
        server.state, actions = row
        told: list[Told] = []
        for action in actions:
            if action == "send" or action == "resend":
                if server.last:
                    # A provisional one is not worth a connection.
                    worth = server.detour is not None and server.answering is None
                    told.append(Transmit(server.flow, server.last, server.key if worth else "", server.call))
            elif action == "deliver":
                assert request is not None
                told.append(Acknowledged(server.owner, server.call, request))
            elif action == "keep":
                if server.call and request is not None:
                    told.append(Acknowledged("", server.call, request))
            elif action == "timeout":
                told.append(TimedOut(server.key, server.owner, server.method, False))
            else:
                self._arm(server, action, now)
        if server.state == TERMINATED:
            self.servers.pop(server.key, None)
        return told

    def _arm(self, machine: ClientTransaction | ServerTransaction, letter: str, now: float) -> None:
        timing = self.timing
        if machine.flow.transport != "udp":
            if letter in UNRELIABLE_ONLY:
                return
            if letter in ZERO_WHEN_RELIABLE:
                machine.state = machine.table[machine.state, letter][0]
                return
        if letter == "A":
            machine.gap *= 2
            duration = machine.gap
        elif letter == "E" and machine.state == "proceeding":
            duration = timing.t2
        elif letter == "E":
            machine.gap = duration = min(machine.gap * 2, timing.t2)
        elif letter == "G":
            # The first G waits T1, and then the gap doubles up to T2.
            duration = machine.gap
            machine.gap = min(machine.gap * 2, timing.t2)
        elif letter == "K" or letter == "I":
            duration = timing.t4
        else:
            duration = timing.patience
        self.timers.arm(now, duration, (machine.key, letter))
