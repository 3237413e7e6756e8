"""The core, given anything in any order: messages true, repeated and bent, answers of the engine that come late, twice
or never, commands, changes of the configuration, and time. It never raises; and when all is over nothing is left, and
each call has one record."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.simulation.edge import (
    AGENT,
    CARRIER,
    ECHO_AGENT,
    ECHO_SDP,
    EDGE,
    NUMBER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.phone import ANSWER, MOVED, OFFER
from tests.simulation.world import World
from trunkline.call.inputs import (
    AddBan,
    Certified,
    Drain,
    Fetched,
    FlowClosed,
    HangUp,
    Interrupted,
    LiftBan,
    MediaEnded,
    MediaFailed,
    MediaReady,
    Originate,
    Resolved,
    SendDigits,
    Transfer,
    TransportFailed,
    Try,
    Unreached,
    Unresolvable,
)
from trunkline.call.outputs import Done, Fetch, Finished, Journal, OpenMedia, Output, Resolve, Transmit, Tried
from trunkline.model.agent import Agent
from trunkline.model.change import Put, Removed
from trunkline.model.journal import Answered as WasAnswered
from trunkline.model.journal import Began, DialogState, Ended, Rejoined
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.message import Request, Response, parse

HOSTS = [CARRIER, AGENT, "192.0.2.20", "192.0.2.66"]
HELD = ANSWER.replace(b"sendrecv", b"inactive")
BODIES = st.sampled_from([OFFER, OFFER, ANSWER, MOVED, HELD, b"", b"v=0\r\nrubbish"])
PAUSES = st.sampled_from([0.0, 0.1, 0.5, 2.0, 4.0, 20.0, 33.0, 95.0])
PICK = st.integers(0, 1000)
TAGS = st.sampled_from(["a", "a", "a", "b", "c"])
STATUSES = st.sampled_from([100, 180, 180, 183, 199, 200, 200, 200, 200, 302, 401, 408, 422, 481, 486, 487, 491, 503])
METHODS = st.sampled_from(
    ["ACK", "ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE", "OPTIONS", "X"]
)
EXTRAS = st.sampled_from(
    [
        "",
        "",
        "Supported: 100rel, timer, replaces\r\n",
        "Require: 100rel\r\n",
        "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n",
        "Require: nonsense\r\n",
        "Identity: a.b.c;info=<https://certificates.example.org/x.pem>\r\n",
        "Privacy: id\r\n",
    ]
)
TARGETS = st.sampled_from(
    [NUMBER, "+12025550177", "+13035550001", "sip:desk@192.0.2.20", "sip:x@nowhere.example", "sip:x@10.0.0.1", "bad"]
)
SECOND = Trunk(
    id=id_of(30), organization_id=ORGANIZATION.id, name="bots", role="agent", networks=(f"{AGENT}/32",), send_refer=True
)
GROUP = Agent(
    id=id_of(31), organization_id=ORGANIZATION.id, name="all", kind="group", members=(SIP_AGENT.id, ECHO_AGENT.id)
)


class Anything(RuleBasedStateMachine):
    """It knows what the core has said, and answers with whatever is drawn."""

    @initialize(
        called=st.sampled_from([SIP_AGENT.id, GROUP.id, ECHO_AGENT.id]),
        limit=st.sampled_from([None, 1]),
        identity=st.sampled_from(["off", "verify"]),
        allow=st.booleans(),
        transport=st.sampled_from(["udp", "udp", "tcp"]),
        trunked=st.booleans(),
    )
    def begin(
        self, called: str, limit: int | None, identity: Any, allow: bool, transport: Transport, trunked: bool
    ) -> None:
        self.now = 100.0
        self.transport = transport
        trunk = msgspec.structs.replace(
            TRUNK, host=CARRIER, transport=transport, max_concurrent_calls=limit, identity=identity, allow_refer=allow
        )
        bot = msgspec.structs.replace(SIP_AGENT, trunk_id=SECOND.id if trunked else None)
        number = msgspec.structs.replace(NUMBER_RECORD, agent_id=called)
        self.trunk = trunk
        self.core = Edge(World(), records(trunk, SECOND, bot, GROUP, number)).core
        self.requests: list[tuple[Flow, Request]] = []
        """What the core asked of others."""
        self.responses: list[tuple[Flow, Response]] = []
        self.transmits: list[Transmit] = []
        self.said: list[tuple[Flow, bytes]] = []
        """What was said to it."""
        self.questions: list[Resolve | OpenMedia | Fetch] = []
        self.media: set[str] = set()
        self.began: list[str] = []
        self.ended: list[str] = []
        self.finished: list[str] = []
        self.dialogs: list[DialogState] = []
        self.commands: list[str] = []
        self.told: list[str] = []
        self.certified: list[Flow] = []
        self.count = 0

    # ── what is done with outputs ─────────────────────────────────────────────────────────────────────────────────────

    def take(self, outputs: list[Output]) -> None:
        for out in outputs:
            if isinstance(out, Transmit):
                self.transmits.append(out)
                message = parse(out.data)
                if isinstance(message, Request):
                    self.requests.append((out.flow, message))
                elif isinstance(message, Response):
                    self.responses.append((out.flow, message))
                else:
                    # What is copied from a request that is bent may be bent.
                    assert out.data.startswith(b"SIP/2.0 4"), out.data
            elif isinstance(out, Resolve | OpenMedia | Fetch):
                self.questions.append(out)
                if isinstance(out, OpenMedia):
                    self.media.add(out.leg)
            elif isinstance(out, Journal):
                entry = out.entry
                if isinstance(entry, Began):
                    self.began.append(entry.record.id)
                elif isinstance(entry, Ended):
                    self.ended.append(entry.record.id)
                elif isinstance(entry, WasAnswered | Rejoined):
                    self.dialogs += entry.dialogs
            elif isinstance(out, Finished):
                self.finished.append(out.record.id)
            elif isinstance(out, Done):
                self.told.append(out.token)
            elif isinstance(out, Tried):
                self.told.append(out.trial)

    def hear(self, flow: Flow, data: bytes) -> None:
        self.said.append((flow, data))
        self.take(self.core.receive(data, flow, self.now))

    def give(self, given: Any) -> None:
        self.take(self.core.send(given, self.now))

    def token(self) -> str:
        self.count += 1
        return f"token{self.count}"

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(host=st.sampled_from(HOSTS), body=BODIES, extra=EXTRAS, to=st.sampled_from([NUMBER, NUMBER, "+13035559876"]))
    def call(self, host: str, body: bytes, extra: str, to: str) -> None:
        self.count += 1
        flow = self.flow(host)
        name = f"{flow.transport.upper()} {host}:5060"
        head = (
            f"INVITE sip:{to}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/{name};branch=z9hG4bKa{self.count};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{NUMBER}@{host}>;tag=f{self.count}\r\nTo: <sip:{to}@{EDGE}>\r\n"
            f"Call-ID: any{self.count}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{host}:5060>\r\n{extra}"
            f"{_typed(body)}Content-Length: {len(body)}\r\n\r\n"
        )
        self.hear(flow, head.encode() + body)

    @rule(
        body=st.sampled_from([OFFER, OFFER, b""]), extra=EXTRAS, acknowledged=st.sampled_from([True, True, True, False])
    )
    def talk(self, body: bytes, extra: str, acknowledged: bool) -> None:
        """A call from the carrier that is answered, as far as it gets there: the others seldom get so far by chance."""
        self.call(CARRIER, body, extra, NUMBER)
        for _ in range(3):
            for question in list(self.questions):
                self.questions.remove(question)
                self._answer(question, True)
            open_ = [n for n, (_, request) in enumerate(self.requests) if request.method == "INVITE"]
            if open_ and self.requests[-1][1].method != "ACK":
                self.requests.append(self.requests.pop(open_[-1]))
                self.respond(0, 200, ANSWER if self.requests[-1][1].body else OFFER, "a", 0, "")
        if acknowledged and self.responses:
            self.inside(0, "ACK", b"" if body else ANSWER, 0, True, NUMBER, "a")

    @precondition(lambda self: self.requests)
    @rule(which=PICK, status=STATUSES, body=BODIES, tag=TAGS, rseq=st.sampled_from([0, 0, 1, 2]), extra=EXTRAS)
    def respond(self, which: int, status: int, body: bytes, tag: str, rseq: int, extra: str) -> None:
        """Answer something that the core has asked: the latest most of the time."""
        flow, request = _latest(self.requests, which)
        if request.method == "ACK":
            return
        to = request.header("To") or ""
        to += "" if request.to_tag is not None or status == 100 else f";tag={tag}"
        reliable = f"Require: 100rel\r\nRSeq: {rseq}\r\n" if rseq and 100 < status < 200 else ""
        contact = f"Contact: <sip:y@{flow.remote[0]}:5060>\r\n"
        kept = "" if status >= 200 and "100rel" in extra else extra
        text = (
            f"SIP/2.0 {status} Whatever\r\nVia: {request.via}\r\nFrom: {request.header('From')}\r\nTo: {to}\r\n"
            f"Call-ID: {request.call_id}\r\nCSeq: {request.cseq} {request.method}\r\n{contact}{reliable}{kept}"
            f"{_typed(body)}Content-Length: {len(body)}\r\n\r\n"
        )
        self.hear(flow, text.encode() + body)

    @precondition(lambda self: self.responses or self.requests)
    @rule(which=PICK, method=METHODS, body=BODIES, ahead=st.integers(-1, 3), caller=st.booleans(), to=TARGETS, tag=TAGS)
    def inside(self, which: int, method: str, body: bytes, ahead: int, caller: bool, to: str, tag: str) -> None:
        """A request in a dialog that the core has shown, from either side."""
        heads = self.responses if (caller and self.responses) or not self.requests else self.requests
        flow, shown = _latest([*heads], which)
        ours, theirs = (shown.header("From"), shown.header("To")) if heads is self.responses else ("", "")
        if isinstance(shown, Request):
            ours, theirs = shown.header("To") or "", shown.header("From") or ""
            ours += "" if shown.to_tag is not None else f";tag={tag}"
        self.count += 1
        cancels = method in ("CANCEL", "ACK") and isinstance(shown, Response)
        branch = shown.via.branch if cancels else f"z9hG4bKi{self.count}"
        extra = ""
        if method == "REFER":
            extra = f"Refer-To: <{to if to[:4] == 'sip:' else f'tel:{to}'}>\r\nContact: <sip:x@{flow.remote[0]}>\r\n"
        elif method == "PRACK":
            rseq = shown.header("RSeq") or "1"
            extra = f"RAck: {rseq} {shown.cseq} INVITE\r\n"
        elif method == "NOTIFY":
            extra = "Event: refer\r\nSubscription-State: active;expires=60\r\n"
            body = b"SIP/2.0 200 OK\r\n"
        elif method == "SUBSCRIBE":
            extra = "Event: refer\r\nExpires: 60\r\n"
        kind = "Content-Type: message/sipfrag;version=2.0\r\n" if method == "NOTIFY" else _typed(body)
        sequence = max(1, shown.cseq + (0 if method in ("ACK", "CANCEL") else ahead))
        text = (
            f"{method} sip:z@{EDGE} SIP/2.0\r\n"
            f"Via: SIP/2.0/{flow.transport.upper()} {flow.remote[0]}:5060;branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {ours}\r\nTo: {theirs}\r\nCall-ID: {shown.call_id}\r\n"
            f"CSeq: {sequence} {method}\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        self.hear(flow, text.encode("utf-8", "surrogateescape") + body)

    @precondition(lambda self: self.said)
    @rule(which=PICK, at=PICK, byte=st.none() | st.integers(0, 255))
    def again(self, which: int, at: int, byte: int | None) -> None:
        """What was said before, as it was or bent."""
        flow, data = _latest(self.said, which)
        if byte is not None:
            at %= len(data)
            data = data[:at] + bytes([byte]) + data[at + 1 :]
        self.hear(flow, data)

    # ── the engine ────────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.questions)
    @rule(which=PICK, well=st.integers(0, 4), forget=st.booleans())
    def answer(self, which: int, well: int, forget: bool) -> None:
        """An answer to a question, which may come again."""
        question = _latest(self.questions, which)
        if forget or well:
            self.questions.remove(question)
        self._answer(question, bool(well))

    def _answer(self, question: Resolve | OpenMedia | Fetch, well: bool) -> None:
        if isinstance(question, Resolve):
            host = question.uri.partition("@")[2].partition(":")[0].partition(";")[0] or AGENT
            flow = self.flow(host if host[:1].isdigit() else AGENT, out=True)
            flows = (flow, self.flow("192.0.2.20", out=True))
            self.give(Resolved(question.leg, flows) if well else Unresolvable(question.leg, "no address"))
        elif isinstance(question, Fetch):
            self.give(Fetched(question.call, b"rubbish" if well else None))
        elif well:
            self.give(MediaReady(question.leg, ECHO_SDP if question.answer is None else b"", "PCMU"))
        else:
            self.give(MediaFailed(question.leg, 503, "no port is free"))

    @precondition(lambda self: self.transmits)
    @rule(which=PICK)
    def unsent(self, which: int) -> None:
        sent = _latest(self.transmits, which)
        self.give(TransportFailed(sent.flow, sent.transaction, "reset"))

    @precondition(lambda self: self.transmits)
    @rule(which=PICK)
    def unreached(self, which: int) -> None:
        sent = _latest(self.transmits, which)
        self.give(Unreached(sent.flow, sent.transaction, "connection refused"))

    @rule(which=PICK, reason=st.sampled_from(["silent", "bye"]))
    def media_ends(self, which: int, reason: str) -> None:
        legs = sorted(self.media) or ["nobody:0"]
        self.give(MediaEnded(legs[which % len(legs)], reason))

    @rule(host=st.sampled_from(HOSTS), closed=st.booleans())
    def connection(self, host: str, closed: bool) -> None:
        flow = Flow("tcp", (EDGE, 5060), (host, 5060), f"c:{host}")
        if closed:
            self.give(FlowClosed(flow))
        else:
            self.certified.append(flow)
            self.give(Certified(flow, ("carrier.example",)))

    # ── people, and time ──────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        kind=st.sampled_from(["hang", "transfer", "transfer", "digits", "originate", "drain", "try", "ban", "crash"]),
        which=PICK,
        to=TARGETS,
        stays=st.sampled_from(["caller", "agent"]),
        mode=st.sampled_from(["auto", "invite", "refer"]),
    )
    def command(self, kind: str, which: int, to: str, stays: Any, mode: Any) -> None:
        calls = sorted(self.core.calls) or [id_of(99)]
        call = calls[which % len(calls)]
        if kind == "hang":
            self.give(HangUp(call))
        elif kind == "drain":
            self.give(Drain(bool(which % 2)))
        elif kind == "ban":
            self.give(AddBan("192.0.2.66", "operator", 60.0) if which % 2 else LiftBan("ban"))
        elif kind == "crash" and self.dialogs:
            self.give(Interrupted(_latest(self.dialogs, which)))
        elif kind == "originate":
            here = self.flow(EDGE)
            agent = [SIP_AGENT.id, ECHO_AGENT.id, GROUP.id][which % 3]
            number = "+13035559876"
            wish = Originate(
                call=id_of(500 + self.count), organization=ORGANIZATION.id, calling=NUMBER, to=number, agent=agent,
                local=here,
            )  # fmt: skip
            self.count += 1
            self.give(wish)
        elif kind in ("transfer", "digits", "try"):
            token = self.token()
            self.commands.append(token)
            if kind == "transfer":
                self.give(Transfer(token, call, to, stays, mode, 20.0))
            elif kind == "digits":
                self.give(SendDigits(token, call, "1#", stays))
            else:
                self.give(Try(token, self.trunk))

    @rule(gone=st.booleans(), limit=st.sampled_from([None, 1, 2]))
    def configure(self, gone: bool, limit: int | None) -> None:
        if gone:
            self.core.apply(
                [Removed("agent", GROUP.id)] if GROUP.id in self.core.arrival.table.agents else [], self.now
            )
        else:
            self.core.apply([Put(msgspec.structs.replace(self.trunk, max_concurrent_calls=limit))], self.now)

    @rule(pause=PAUSES)
    def wait(self, pause: float) -> None:
        self._wait(self.now + pause)

    def _wait(self, until: float) -> None:
        for _ in range(5000):
            due = self.core.deadline()
            if due > until:
                break
            self.now = max(self.now, due)
            self.take(self.core.expire(self.now))
        else:
            raise AssertionError("its deadlines do not end")
        self.now = until

    # ── what holds ────────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def each_once(self) -> None:
        if hasattr(self, "core"):
            assert len(set(self.began)) == len(self.began)
            assert len(set(self.ended)) == len(self.ended)
            assert sorted(self.ended) == sorted(self.finished)
            assert len(set(self.told)) == len(self.told)
            assert {call for call in self.began if call not in self.core.calls} <= set(self.ended)

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        for call in list(self.core.calls):
            self.give(HangUp(call))
        for _ in range(8):
            questions, self.questions = self.questions, []
            for question in questions:
                self._answer(question, False)
            self._wait(self.now + 100.0)
        for flow in self.certified:
            self.give(FlowClosed(flow))
        self.each_once()
        left = {name: count for name, count in self.core.counts().items() if count}
        assert left == {}
        assert set(self.began) <= set(self.ended)
        assert set(self.told) == set(self.commands)

    def flow(self, host: str, out: bool = False) -> Flow:
        if self.transport == "udp" or host != CARRIER:
            return Flow("udp", (EDGE, 5060), (host, 5060))
        return Flow("tcp", (EDGE, 5060), (host, 5060), "out:" if out else f"c:{host}")


def _latest(things: list[Any], which: int) -> Any:
    """One of them; the latest the more likely."""
    return things[-1 - which % min(len(things), 1 + which % 9)]


def _typed(body: bytes) -> str:
    return "Content-Type: application/sdp\r\n" if body else ""


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
