"""Client and server transactions beside a model of each, written from the prose of RFC 3261 §17 and RFC 6026 with the
times worked out: when everything is sent, and what the user hears."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.sip.compose import Answering
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, Response, parse
from trunkline.sip.timers import Timing
from trunkline.sip.transaction.events import Acknowledged, Answered, Failed, TimedOut, Told
from trunkline.sip.transaction.layer import TransactionLayer
from trunkline.sip.transmit import Transmit

T1, T2, T4 = 0.5, 4.0, 5.0
PATIENCE = 64 * T1
HERE, THERE = ("192.0.2.5", 5060), ("192.0.2.9", 5060)
BRANCH = "z9hG4bKmodel"
PAUSES = st.sampled_from([0.0, 0.1, 0.4, 0.5, 1.0, 3.9, 4.0, 5.0, 16.0, 31.9, 32.0, 40.0])
Line = tuple[float, str]
"""When, and what."""


def flow(transport: str) -> Flow:
    return Flow("udp", HERE, THERE) if transport == "udp" else Flow("tcp", HERE, THERE, "in:1")


def request(method: str) -> bytes:
    return (
        f"{method} sip:a@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;branch={BRANCH}\r\nRoute: <sip:p;lr>\r\n"
        f"From: <sip:b@192.0.2.5>;tag=f\r\nTo: <sip:a@192.0.2.9>\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n\r\n"
    ).encode()


def read(data: bytes) -> Request:
    message = parse(data)
    assert type(message) is Request
    return message


def word(told: Told) -> str:
    """What is told, in one word."""
    if isinstance(told, Transmit):
        return told.data.partition(b" ")[0].decode() if not told.data.startswith(b"SIP") else told.data[8:11].decode()
    if isinstance(told, Answered):
        return f"deliver {told.response.status}"
    return {Acknowledged: "acknowledged", TimedOut: "timeout", Failed: "failed"}[type(told)]


def doubling(start: float, most: float) -> Iterator[float]:
    """The times of a retransmission that begins with T1 and doubles up to `most`."""
    gap = T1
    while True:
        start += gap
        yield start
        gap = min(gap * 2, most)


class Machine(RuleBasedStateMachine):
    """Time passes; everything that happens is written down on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = TransactionLayer(Timing(T1, T2, T4))
        self.now = 100.0
        self.real: list[Line] = []
        self.expected: list[Line] = []
        self.state = ""
        self.since = 0.0
        """When the state began."""
        self.resend: Iterator[float] = iter(())
        self.next = float("inf")
        """When the model sends again."""
        self.method = ""
        self.reliable = False

    def note(self, told: list[Told] | list[Transmit] | None) -> None:
        self.real += [(self.now, word(each)) for each in told or []]

    def expect(self, *words: str) -> None:
        self.expected += [(self.now, each) for each in words]

    def become(self, state: str) -> None:
        self.state, self.since = state, self.now

    def repeat(self, times: Iterator[float]) -> None:
        self.resend, self.next = times, next(times)

    def rest(self) -> None:
        self.next = float("inf")

    @rule(pause=PAUSES)
    def wait(self, pause: float) -> None:
        end = self.now + pause
        while (due := self.layer.deadline()) <= end:
            self.now = max(self.now, due)
            self.note(self.layer.expire(self.now))
        self.model(end)
        self.now = end
        self.note(self.layer.expire(self.now))

    def model(self, end: float) -> None:
        raise NotImplementedError

    def close(self, at: float, patience: float, end: float, *words: str) -> None:
        """The state ends `patience` after `at`, if that is by `end`."""
        if at + patience <= end:
            self.expected += [(at + patience, each) for each in words]
            self.become("terminated")
            self.rest()

    @invariant()
    def same(self) -> None:
        def line(entry: Line) -> tuple[int, str]:
            return round(entry[0] * 1000), entry[1]

        # Two things of the same instant may come in either order.
        assert sorted(map(line, self.real)) == sorted(map(line, self.expected))

    @invariant()
    def held(self) -> None:
        assert len(self.layer.clients) + len(self.layer.servers) == (self.state not in ("", "terminated"))

    def teardown(self) -> None:
        if self.state not in ("", "terminated", "proceeding", "trying server"):
            self.wait(PATIENCE)
            self.wait(PATIENCE)
            self.same()
            assert self.layer.counts()["client_transactions"] == 0
            assert self.layer.counts()["server_transactions"] == 0


class Client(Machine):
    @initialize(method=st.sampled_from(["INVITE", "BYE", "OPTIONS"]), transport=st.sampled_from(["udp", "tcp"]))
    def begin(self, method: str, transport: str) -> None:
        self.method, self.reliable = method, transport == "tcp"
        self.key, told = self.layer.request(request(method), method, BRANCH, flow(transport), "owner", "", self.now)
        self.note(told)
        self.expect(method)
        self.become("waiting")
        self.started = self.now
        if not self.reliable:
            self.repeat(doubling(self.now, 1e9 if method == "INVITE" else T2))

    def model(self, end: float) -> None:
        if self.state == "waiting" or (self.state == "proceeding" and self.method != "INVITE"):
            while self.next <= min(end, self.started + PATIENCE):
                self.expected.append((self.next, self.method))
                self.next = self.next + T2 if self.state == "proceeding" else next(self.resend)
            self.close(self.started, PATIENCE, end, "timeout")
        elif self.state == "left":
            self.close(self.started, PATIENCE, end)
        elif self.state == "completed":
            self.close(self.since, PATIENCE if self.method == "INVITE" else T4, end)
        elif self.state == "accepted":
            self.close(self.since, PATIENCE, end)
        elif self.state == "abandoned":
            self.close(self.since, PATIENCE, end, "timeout")

    @rule(status=st.sampled_from([100, 180, 199, 200, 299, 302, 404, 503, 603]))
    def answer(self, status: int) -> None:
        response = parse(Answering(read(request(self.method)), flow("udp")).response(status, "t"))
        assert type(response) is Response
        told = self.layer.receive(response, self.now)
        assert (told is None) is (self.state == "terminated")
        self.note(told)
        if self.state in ("waiting", "left", "proceeding", "abandoned"):
            if status < 200:
                if self.state in ("waiting", "left"):
                    self.state = "proceeding"
                    if self.method == "INVITE":
                        self.rest()
                self.expect(f"deliver {status}")
                return
            self.rest()
            if self.method != "INVITE":
                self.expect(f"deliver {status}")
                self.become("terminated" if self.reliable else "completed")
            elif status < 300:
                self.expect(f"deliver {status}")
                self.become("accepted")
            else:
                self.expect("ACK", *([f"deliver {status}"] if self.state != "left" else []))
                self.become("terminated" if self.reliable else "completed")
        elif self.state == "accepted" and 200 <= status < 300:
            self.expect(f"deliver {status}")
        elif self.state == "completed" and self.method == "INVITE" and status >= 300:
            self.expect("ACK")

    @rule()
    def other_methods_answer(self) -> None:
        data = Answering(read(request("CANCEL")), flow("udp")).response(200, "t")
        response = parse(data)
        assert type(response) is Response
        assert self.layer.receive(response, self.now) is None

    @rule()
    def transport_fails(self) -> None:
        self.note(self.layer.failed(self.key, "reset", self.now))
        told = self.state == "waiting" or (self.method == "INVITE" and self.state == "completed")
        if told or (self.method != "INVITE" and self.state == "proceeding"):
            self.expect("failed")
        if told or self.state == "left" or (self.method != "INVITE" and self.state == "proceeding"):
            self.become("terminated")
            self.rest()

    @rule()
    def unreached(self) -> None:
        self.note(self.layer.unreached(self.key, "connection refused", self.now))
        if self.state == "waiting":
            self.expect("failed")
            self.rest()
            self.state = "left" if self.method == "INVITE" else "terminated"

    @precondition(lambda self: self.method == "INVITE" and self.state == "proceeding")
    @rule()
    def abandon(self) -> None:
        self.layer.abandon(self.key, self.now)
        self.become("abandoned")


class Server(Machine):
    @initialize(method=st.sampled_from(["INVITE", "BYE", "OPTIONS"]), transport=st.sampled_from(["udp", "tcp"]))
    def begin(self, method: str, transport: str) -> None:
        self.method, self.reliable = method, transport == "tcp"
        self.request = read(request(method))
        self.flow = flow(transport)
        assert self.layer.receive(self.request, self.now) is None
        self.key = self.layer.open(self.request, self.flow, "owner").key
        self.become("trying server")
        self.last = ""

    def model(self, end: float) -> None:
        if self.state == "completed":
            until = self.since + PATIENCE
            while self.next <= min(end, until):
                self.expected.append((self.next, self.last))
                self.next = next(self.resend)
            self.close(self.since, PATIENCE, end, *(["timeout"] if self.method == "INVITE" else []))
        elif self.state == "accepted":
            self.close(self.since, PATIENCE, end)
        elif self.state == "confirmed":
            self.close(self.since, T4, end)

    @rule(status=st.sampled_from([100, 180, 200, 202, 300, 486, 603]))
    def respond(self, status: int) -> None:
        self.note(self.layer.respond(self.key, status, self.now, "t"))
        if self.state != "trying server":
            return
        self.last = str(status)
        self.expect(self.last)
        if status < 200:
            return
        if self.method != "INVITE":
            self.become("terminated" if self.reliable else "completed")
        elif status < 300:
            self.become("accepted")
        else:
            self.become("completed")
            if not self.reliable:
                self.repeat(doubling(self.now, T2))

    @rule()
    def request_again(self) -> None:
        told = self.layer.receive(read(request(self.method)), self.now)
        assert (told is None) is (self.state == "terminated")
        self.note(told)
        answers = self.state == "trying server" or self.state == "completed"
        if answers and self.last:
            self.expect(self.last)

    @precondition(lambda self: self.method == "INVITE")
    @rule()
    def acknowledge(self) -> None:
        told = self.layer.receive(read(request("ACK")), self.now)
        # Before the final response it can only be of another's.
        assert (told is None) is (self.state in ("terminated", "trying server"))
        self.note(told)
        if self.state == "accepted":
            self.expect("acknowledged")
        elif self.state == "completed":
            self.rest()
            self.become("terminated" if self.reliable else "confirmed")

    @precondition(lambda self: self.state == "accepted")
    @rule()
    def repeat_the_2xx(self) -> None:
        self.note(self.layer.repeat(self.key, self.now))
        self.expect(self.last)


Client.TestCase.settings = settings(max_examples=150, stateful_step_count=25)
Server.TestCase.settings = settings(max_examples=150, stateful_step_count=25)
TestClient = Client.TestCase
TestServer = Server.TestCase
