"""The pump: what goes first, what waits, and when the timer fires. The clock is a number; the loop only hands over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import process_time

import pytest

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, Edge
from tests.simulation.phone import OFFER
from tests.simulation.world import World
from trunkline.call.beside.beside import Beside
from trunkline.call.core import Core
from trunkline.call.inputs import HangUp, Input, Resolved
from trunkline.call.outputs import CloseMedia, OpenMedia, Output, Resolve
from trunkline.engine.perform import Performer
from trunkline.engine.pump import MOST_WAITING, Pump
from trunkline.model.journal import JournalEntry
from trunkline.sip.flow import Flow
from trunkline.sip.framing import FramingError
from trunkline.sip.transaction.events import Told
from trunkline.sip.transaction.layer import TransactionLayer

FLOW = Flow("udp", (EDGE, 5060), (CARRIER, 5060))


class Ends:
    """The far ends of everything the pump drives: it keeps what they were given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.refuses: set[bytes] = set()
        self.leads: tuple[Flow, ...] = ()
        """Where every name does; nothing is found while it is empty."""

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None:
        start = data.partition(b" ")[0]
        if start in self.refuses:
            return "no route"
        self.sent.append(data)
        return None

    def fetch(self, url: str, call: str) -> Input | None:
        return None

    def refuse(self, source: str, everywhere: bool) -> None: ...

    def allow(self, source: str) -> None: ...

    def trust(self, flow: Flow) -> None: ...

    def close_flow(self, flow: Flow) -> None: ...

    def ping(self, flow: Flow) -> None: ...

    def append(self, entries: Sequence[JournalEntry]) -> None: ...

    def open(self, wish: OpenMedia) -> None: ...

    def close(self, wish: CloseMedia) -> None: ...

    def find(self, question: Resolve) -> Input | None:
        return Resolved(question.leg, self.leads) if self.leads else None

    def outputs(self, outs: Iterable[Output], now: float) -> None: ...

    @property
    def starts(self) -> list[str]:
        return [data.partition(b"\r\n")[0].decode().removeprefix("SIP/2.0 ") for data in self.sent]


class Stage:
    """A pump over the real core, with a clock that stands until it is moved."""

    def __init__(self, core: Core) -> None:
        self.now = 100.0
        self.ends = Ends()
        self.core = core
        self.loop = asyncio.get_running_loop()
        ends = self.ends
        self.pump = Pump(self.loop, core, Performer(ends, ends, ends, ends, ends, ends), lambda: self.now)

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def stage() -> Stage:
    return Stage(Edge(World()).core)


def message(method: str, n: int = 0, to_tag: str = "", body: bytes = b"", sequence: int = 1) -> bytes:
    head = (
        f"{method} sip:{NUMBER}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bK{n};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:+13035559876@{CARRIER}>;tag={n}\r\n"
        f"To: <sip:{NUMBER}@{EDGE}>{to_tag}\r\nCall-ID: {n}\r\nCSeq: {sequence} {method}\r\n"
        f"Contact: <sip:a@{CARRIER}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def batch(*messages: bytes) -> list[tuple[bytes, Flow]]:
    return [(data, FLOW) for data in messages]


def invite(n: int) -> bytes:
    return message("INVITE", n, body=OFFER)


POISON = message("OPTIONS", 666)


def waiting_timer(stage: Stage) -> asyncio.TimerHandle:
    timer = stage.pump._timer
    assert timer is not None
    return timer


def turn_of(stage: Stage) -> Callable[[], list[str]]:
    """What is sent from now on."""
    before = len(stage.ends.starts)
    return lambda: stage.ends.starts[before:]


async def test_what_is_in_progress_goes_before_what_is_new(stage: Stage) -> None:
    stage.pump.received(batch(invite(1), message("OPTIONS", 2), message("BYE", 3, ";tag=x")))
    await stage.settle()
    assert stage.ends.starts == ["200 OK", "481 Call/Transaction Does Not Exist", "100 Trying"]


@pytest.mark.parametrize("to", ["To", "t", "TO", "To  "])
async def test_a_reinvite_is_in_progress(stage: Stage, to: str) -> None:
    again = message("INVITE", 2, "; tag=y").replace(b"\r\nTo:", f"\r\n{to}:".encode())
    stage.pump.received(batch(invite(1), again))
    assert stage.ends.starts == ["481 Call/Transaction Does Not Exist", "100 Trying"]


async def test_a_cancel_does_not_overtake_its_invite(stage: Stage) -> None:
    cancel = message("CANCEL", 1)
    stage.pump.received(batch(invite(1), cancel))
    await stage.settle()
    assert stage.ends.starts == ["100 Trying", "200 OK", "487 Request Terminated"]
    assert not stage.core.calls


async def test_a_cancel_waits_as_long_as_its_invite_does(stage: Stage) -> None:
    many = [invite(n) for n in range(40)]
    stage.pump.received(batch(*many, message("CANCEL", 39)))
    assert stage.ends.starts == []
    await stage.settle()
    assert stage.ends.starts[-3:] == ["100 Trying", "200 OK", "487 Request Terminated"]
    assert len(stage.core.calls) == 39
    assert stage.pump.waiting == 0


async def test_a_full_batch_lets_other_sockets_in_before_its_turn(stage: Stage) -> None:
    stage.pump.received(batch(*[message("OPTIONS", n) for n in range(64)]))
    assert stage.pump.waiting == 64
    assert stage.ends.sent == []
    stage.pump.received(batch(message("OPTIONS", 65)))
    assert stage.pump.waiting == 65
    await stage.settle()
    assert len(stage.ends.sent) == 65
    assert stage.pump.turns == 1


async def test_new_calls_are_taken_a_few_a_turn(stage: Stage) -> None:
    stage.pump.received(batch(*[invite(n) for n in range(20)]))
    assert stage.ends.starts == ["100 Trying"] * 16
    sent = turn_of(stage)
    await stage.settle()
    assert sent() == ["100 Trying"] * 4


async def test_more_new_calls_than_can_wait_are_dropped(stage: Stage) -> None:
    """Each of 40 calls is asked for again and again."""
    stage.pump.received(batch(*[invite(n % 40) for n in range(MOST_WAITING + 20)], message("CANCEL", 41)))
    assert stage.pump.dropped == 20
    for _ in range(MOST_WAITING // 16):
        await stage.settle()
    assert stage.ends.starts[0] == "481 Call/Transaction Does Not Exist"
    assert stage.ends.starts.count("100 Trying") == MOST_WAITING


async def test_how_long_they_waited_is_what_overload_is_told(stage: Stage) -> None:
    stage.pump.received(batch(*[invite(n) for n in range(40)]))
    stage.now += 1.0
    await stage.settle()
    assert stage.core.overload.share == 1.0
    assert "503 Service Unavailable" in stage.ends.starts


def faulty(word: str) -> Core:
    """A core with a bug in one of its words; in `receive` only for POISON and INVITE."""

    class Faulty(Core):
        def receive(self, data: bytes, flow: Flow, now: float) -> list[Output]:
            if (word == "receive" and data.startswith(b"INVITE")) or data == POISON:
                raise RuntimeError("a bug")
            return super().receive(data, flow, now)

        def send(self, given: Input, now: float) -> list[Output]:
            if word == "send":
                raise RuntimeError("a bug")
            return super().send(given, now)

        def expire(self, now: float) -> list[Output]:
            if word == "expire":
                super().expire(now)
                raise RuntimeError("a bug")
            return super().expire(now)

    whole = Edge(World()).core
    reception = whole.reception
    return Faulty(whole.ua, whole.arrival, reception._digest, reception.gate, whole.overload)


@pytest.mark.pure
async def test_a_fault_in_one_message_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    core, poison = faulty(""), POISON
    stage = Stage(core)
    stage.pump.received(batch(message("OPTIONS", 1), poison, message("OPTIONS", 2), invite(3)))
    assert stage.ends.starts == ["200 OK", "200 OK", "100 Trying"]
    assert (stage.pump.waiting, stage.pump.faults) == (0, 1)
    assert stage.pump._timer is not None, "deadlines are still waited for"
    stage.pump.received(batch(poison))
    assert stage.pump.faults == 2
    # The first of a second is written down, the others are counted.
    assert len(caplog.records) == 1
    stage.pump.stop()


@pytest.mark.pure
@pytest.mark.parametrize("word", ["send", "expire", "receive"])
async def test_no_fault_stops_the_turn(word: str) -> None:
    core = faulty(word)
    stage = Stage(core)
    stage.pump.received(batch(invite(1)))
    stage.now += 1000.0
    stage.pump.give(HangUp("nobody"))
    stage.pump.received(batch(message("OPTIONS", 2)))
    await stage.settle()
    assert stage.pump.faults >= 1
    assert stage.pump.waiting == 0
    assert "200 OK" in stage.ends.starts
    stage.pump.stop()


@pytest.mark.pure
@pytest.mark.parametrize("bug", ["transactions", "beside"])
async def test_a_fault_in_one_deadline_costs_the_others_nothing(bug: str) -> None:
    """Three calls are sent again at the same time; with one of their timers, or beside them, something is wrong."""

    class Faulty(TransactionLayer):
        poison = ""

        def fire(self, key: str, letter: str, now: float) -> list[Told]:
            if key == self.poison:
                self.poison = ""
                raise RuntimeError("a bug")
            return super().fire(key, letter, now)

    class FaultyBeside(Beside):
        broken = bug == "beside"

        def expire(self, now: float) -> list[Output]:
            if self.broken:
                self.broken = False
                raise RuntimeError("a bug")
            return super().expire(now)

    core = Edge(World()).core
    core.ua.layer = layer = Faulty(core.ua.layer.timing)
    core.beside = FaultyBeside(core.ua, core.arrival)
    stage = Stage(core)
    stage.ends.leads = (Flow("udp", (EDGE, 5060), (AGENT, 5060)),)
    stage.pump.received(batch(invite(1), invite(2), invite(3)))
    layer.poison = next(iter(layer.clients)) if bug == "transactions" else ""
    began = [start for start in stage.ends.starts if start.startswith("INVITE")]
    assert len(began) == 3
    stage.now += 0.5
    for _ in range(2):
        stage.pump.received(batch(message("OPTIONS", 9)))
        await stage.settle()
    again = [start for start in stage.ends.starts if start.startswith("INVITE")][3:]
    assert stage.pump.faults == 1
    assert len(again) == (2 if bug == "transactions" else 3)
    stage.pump.stop()


async def test_answers_and_commands_are_taken_in_the_next_turn(stage: Stage) -> None:
    stage.pump.received(batch(invite(1)))
    (call,) = stage.core.calls
    sent = turn_of(stage)
    stage.pump.give(HangUp(call))
    stage.pump.give(HangUp("nobody"))
    assert sent() == []
    assert stage.pump.waiting == 2
    await stage.settle()
    assert sent() == ["480 Temporarily Unavailable"]


async def test_a_failed_transmission_comes_back(stage: Stage) -> None:
    stage.pump.failed(FLOW, "no such transaction", "refused")
    stage.pump.closed(FLOW)
    await stage.settle()
    assert stage.pump.waiting == 0
    assert stage.ends.sent == []


async def test_what_cannot_be_framed_is_answered(stage: Stage) -> None:
    head = message("OPTIONS", 5).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    stage.pump.unframed(FLOW, FramingError(400, "no Content-Length", head))
    stage.pump.unframed(FLOW, FramingError(400, "nothing to read", b""))
    assert stage.ends.starts == ["400 Bad Request"]


async def test_the_timer_fires_when_something_is_due(stage: Stage) -> None:
    stage.pump.start()
    assert stage.pump._timer is None
    stage.pump.received(batch(invite(1)))
    (call,) = stage.core.calls
    stage.pump.give(HangUp(call))
    await stage.settle()
    timer = waiting_timer(stage)
    # Timer G: T1 after the 480 went out.
    assert timer.when() - stage.loop.time() == pytest.approx(0.51, abs=0.1)
    sent = turn_of(stage)
    stage.now += 0.51
    timer.cancel()
    stage.pump._due()
    assert sent() == ["480 Temporarily Unavailable"]
    again = waiting_timer(stage)
    assert again is not timer
    stage.pump.stop()
    assert again.cancelled()
    stage.pump.stop()


async def test_an_earlier_deadline_moves_the_timer_and_a_later_one_does_not(stage: Stage) -> None:
    stage.pump.received(batch(invite(1)))
    first = stage.pump._timer
    assert first is not None
    stage.pump.received(batch(invite(2)))
    assert stage.pump._timer is first
    (one, two) = stage.core.calls
    stage.pump.give(HangUp(one))
    await stage.settle()
    assert first.cancelled()
    assert stage.pump._timer is not first
    # Fired while a turn is due anyway, it only sets itself again.
    stage.pump.give(HangUp(two))
    turns = stage.pump.turns
    current = stage.pump._timer
    assert current is not None
    current.cancel()
    stage.pump._due()
    assert stage.pump.turns == turns
    assert stage.pump._timer is not None
    await stage.settle()
    stage.pump.stop()


@pytest.mark.parametrize(
    "tail",
    [
        b"\r\nTo:" + b";" * 60_000,
        b"\r\nTo:" + b"; " * 30_000,
        b"\r\nTo:;" + b" " * 60_000,
        b"\r\nTo:" * 12_000,
        b"\r\nt" + b" " * 60_000,
    ],
)
async def test_telling_new_from_known_costs_little_whatever_comes(stage: Stage, tail: bytes) -> None:
    """Processor time of this process: linear work takes a millisecond, quadratic work seconds."""
    began = process_time()
    stage.pump.received(batch(b"INVITE sip:a@b SIP/2.0" + tail))
    assert process_time() - began < 0.5
    stage.pump.stop()
