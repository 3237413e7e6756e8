"""The edge in the simulated network: the real core, and an engine that performs its outputs on the world."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulation.world import World
from trunkline.call.core import Core
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.verdict import Policy
from trunkline.call.inputs import (
    Fetched,
    Input,
    MediaFailed,
    MediaReady,
    Resolved,
    TransportFailed,
    Unreached,
    Unresolvable,
)
from trunkline.call.leg.gate import Stateless
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import (
    Allow,
    CloseMedia,
    Done,
    Fetch,
    Finished,
    Journal,
    Observed,
    OpenMedia,
    Output,
    Ping,
    Refuse,
    Resolve,
    Transmit,
    Tried,
    Trust,
)
from trunkline.guard.bans import Terms
from trunkline.guard.nonce import Nonces
from trunkline.guard.overload import Overload
from trunkline.guard.source import source_of
from trunkline.guard.toll import Tolls
from trunkline.model.agent import Agent
from trunkline.model.call import CallRecord
from trunkline.model.change import Change, Put
from trunkline.model.ids import mint
from trunkline.model.journal import Answered, DialogState, Ended, JournalEntry, Rejoined
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.routing.table import Table
from trunkline.sip.flow import Address, Flow
from trunkline.sip.message import Request, parse
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens
from trunkline.sip.uri import parse_uri
from trunkline.store.partings import Partings

CARRIER, EDGE, AGENT = "192.0.2.1", "192.0.2.5", "192.0.2.9"
NUMBER = "+12025550100"
ECHO_SDP = (
    b"v=0\r\no=- 5 5 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)

SECURE_SDP = ECHO_SDP.replace(b"RTP/AVP", b"RTP/SAVP") + (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:ZWRnZWVkZ2VlZGdlZWRnZWVkZ2VlZGdlZWRnZWVkZ2Vl\r\n"
)


def id_of(n: int) -> str:
    """A stable id for the nth thing of a test."""
    return mint(float(n), n.to_bytes(10, "big"))


ORGANIZATION = Organization(id=id_of(1), name="Example")
TRUNK = Trunk(id=id_of(2), organization_id=ORGANIZATION.id, name="carrier", networks=(f"{CARRIER}/32",))
SIP_AGENT = Agent(
    id=id_of(3), organization_id=ORGANIZATION.id, name="bot", kind="sip", uri=f"sip:bot@{AGENT}:5060", ring_timeout=20.0
)
ECHO_AGENT = Agent(id=id_of(4), organization_id=ORGANIZATION.id, name="echo", kind="echo")
NUMBER_RECORD = Number(
    id=id_of(5), organization_id=ORGANIZATION.id, e164=NUMBER, trunk_id=TRUNK.id, agent_id=SIP_AGENT.id
)


def records(*changed: Organization | Trunk | Agent | Number) -> list[Change]:
    """The usual table, with these records in the place of those of the same id."""
    table = {r.id: r for r in (ORGANIZATION, TRUNK, SIP_AGENT, ECHO_AGENT, NUMBER_RECORD)}
    table.update({r.id: r for r in changed})
    return [Put(record) for record in table.values()]


class Edge:
    """One node: the product without sockets."""

    def __init__(
        self,
        world: World,
        changes: Iterable[Change] = (),
        seed: bytes = b"edge",
        policy: Policy | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.world = world
        self.address: Address = (EDGE, 5060)
        tokens = Tokens("w0", seed)
        ua = UserAgent(tokens, Timing(), {}, "Trunkline", epoch=1_700_000_000.0)
        digest = Digest("trunkline", Nonces(seed.ljust(32, b"0")))
        self.table = Table(changes or records())
        arrival = Arrival(self.table, Admission(tolls=Tolls(ua.epoch)), digest, policy or Policy())
        self.core = Core(ua, arrival, digest, Stateless(seed), Overload(), terms or Terms())
        self.journal: list[JournalEntry] = []
        self.finished: list[CallRecord] = []
        self.observed: list[Observed] = []
        self.tried: list[Tried] = []
        self.done: list[Done] = []
        self.media: set[str] = set()
        self._turn: list[Output] = []
        self.opened: list[OpenMedia] = []
        self.certificates: dict[str, bytes | None] = {}
        """What is found at once at each URL; of others nothing comes."""
        self.fetched: list[Fetch] = []
        self.refused: dict[str, bool] = {}
        """Sources that are not heard, and whether by no transport."""
        self.trusted: set[str] = set()
        """Connections that are."""
        self.full = False
        """Whether no media opens."""
        self.unfit = (503, "no media port is free", "")
        """And why: status, reason, Warning."""
        self.sent: list[tuple[Flow, bytes]] = []
        self.names: dict[str, list[str]] = {}
        """Where names lead."""
        self.pings: list[tuple[float, Flow]] = []
        self.unreachable: set[str] = set()
        """Hosts that transmissions to fail at once."""
        self.broken: set[str] = set()
        """Connections that are lost."""
        world.add(self.address, self)
        world.told[self.address] = self.unreached

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        everywhere = self.refused.get(source_of(flow.remote[0]))
        if everywhere or (everywhere is not None and flow.transport == "udp"):
            return
        self.perform(self.core.receive(data, flow, now))

    def unreached(self, data: bytes, flow: Flow) -> None:
        message = parse(data)
        if isinstance(message, Request):
            self.give(Unreached(flow, f"{message.via.branch} {message.method}", "connection refused"))

    def expire(self, now: float) -> None:
        self.perform(self.core.expire(now))

    def deadline(self) -> float:
        return self.core.deadline()

    def give(self, given: Input) -> None:
        self.perform(self.core.send(given, self.world.now))

    def perform(self, outputs: list[Output]) -> None:
        """Do what the core asks; its questions are answered in the same turn, and what comes of them is done after what
        was asked with them."""
        self._turn += outputs
        if len(self._turn) > len(outputs):
            return
        for out in self._turn:  # it grows while it is read
            self.do(out)
        self._turn.clear()

    def do(self, out: Output) -> None:
        """One of them."""
        if isinstance(out, Transmit):
            if out.flow.remote[0] in self.unreachable or out.flow.connection in self.broken:
                self.give(TransportFailed(out.flow, out.transaction, "no route"))
            else:
                self.sent.append((out.flow, out.data))
                self.world.carry(out.flow, out.data)
        elif isinstance(out, Resolve):
            self.give(self._resolve(out))
        elif isinstance(out, OpenMedia):
            if self.full:
                self.give(MediaFailed(out.leg, *self.unfit))
                return
            self.media.add(out.leg)
            self.opened.append(out)
            ours = SECURE_SDP if out.kind == "secure-silence" else ECHO_SDP
            self.give(MediaReady(out.leg, ours, "PCMU"))
        elif isinstance(out, CloseMedia):
            self.media.discard(out.leg)
        elif isinstance(out, Journal):
            self.journal.append(out.entry)
        elif isinstance(out, Finished):
            self.finished.append(out.record)
        elif isinstance(out, Observed):
            self.observed.append(out)
        elif isinstance(out, Tried):
            self.tried.append(out)
        elif isinstance(out, Ping):
            self.pings.append((self.world.now, out.flow))
        elif isinstance(out, Fetch):
            self.fetched.append(out)
            if out.url in self.certificates:
                self.give(Fetched(out.call, self.certificates[out.url]))
        elif isinstance(out, Refuse):
            self.refused[out.source] = out.everywhere
        elif isinstance(out, Allow):
            del self.refused[out.source]
        elif isinstance(out, Trust):
            self.trusted.add(out.flow.connection)
        elif isinstance(out, Done):
            self.done.append(out)

    def _resolve(self, question: Resolve) -> Input:
        if question.flow is not None:
            return Resolved(question.leg, (question.flow,))
        uri = parse_uri(question.uri)
        name = uri.server.removesuffix(".")
        hosts = [name] if name[0].isdigit() else self.names.get(name.lower(), [])
        if not hosts:
            return Unresolvable(question.leg, f"{name} has no address")
        remotes = [(host, uri.port or 5060) for host in hosts]
        for stream in ("tls", "tcp"):
            if stream in (question.transport, uri.transport):
                return Resolved(question.leg, tuple(Flow(stream, self.address, remote, "out:") for remote in remotes))
        return Resolved(question.leg, tuple(Flow("udp", self.address, remote) for remote in remotes))

    @property
    def record(self) -> CallRecord:
        """The only call's."""
        (record,) = self.finished
        return record

    def sent_over(self, start: str) -> list[str]:
        """The connections to the carrier that messages which begin so were sent over."""
        begin = start.encode()
        return [flow.connection for flow, data in self.sent if flow.remote[0] == CARRIER and data.startswith(begin)]

    def clean(self) -> dict[str, int]:
        """What is left in any table: nothing, once the longest timer has passed."""
        return {name: count for name, count in self.core.counts().items() if count}

    def whole(self) -> None:
        """Every call ended in exactly one record."""
        ended = [entry.record.id for entry in self.journal if isinstance(entry, Ended)]
        assert len(ended) == len(set(ended)) == len(self.finished)


def open_dialogs(edge: Edge) -> list[DialogState]:
    """What the next process ends: the dialogs of the calls that were answered and not ended, as the journal has them,
    and those whose BYE may have died with this one."""
    dialogs: dict[str, tuple[DialogState, ...]] = {}
    for entry in edge.journal:
        if isinstance(entry, Answered | Rejoined):
            dialogs[entry.record.id] = entry.dialogs
        elif isinstance(entry, Ended):
            dialogs.pop(entry.record.id, None)
    partings = Partings(64 * Timing().t1)
    partings.read(edge.journal)
    parted = partings.found()
    dialogs.update({record.id: each for record, each in parted.going + parted.ended})
    return [dialog for each in dialogs.values() for dialog in each]
