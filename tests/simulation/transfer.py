"""A call that is up, and somebody it can be transferred to."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import AGENT, CARRIER, EDGE, NUMBER, ORGANIZATION, TRUNK, Edge, id_of, records
from tests.simulation.phone import ANSWER, OFFER, Behaviour, Phone
from tests.simulation.world import Weather, World
from trunkline.call.leg.events import Asked, Replied
from trunkline.call.leg.uac_leg import UacLeg
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.model.agent import Agent
from trunkline.model.call import TransferRecord
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.sdp.description import parse
from trunkline.sip.refer import read_sipfrag

HUMAN = "192.0.2.20"
DESK = "+12025550177"
HUMAN_SDP = ANSWER.replace(b"192.0.2.9", b"192.0.2.20").replace(b"5000", b"6000").replace(b"agent 7 7", b"human 9 9")
HUMAN_AGENT = Agent(
    id=id_of(60),
    organization_id=ORGANIZATION.id,
    name="desk",
    kind="sip",
    uri=f"sip:desk@{HUMAN}:5060",
    ring_timeout=20,
)
DESK_NUMBER = Number(
    id=id_of(61), organization_id=ORGANIZATION.id, e164=DESK, trunk_id=TRUNK.id, agent_id=HUMAN_AGENT.id
)


def at_once(phone: Phone, leg: UasLeg) -> None:
    phone.answer(leg, HUMAN_SDP if phone.address[0] == HUMAN else ANSWER)


def rings_first(phone: Phone, leg: UasLeg) -> None:
    phone.ring(leg)
    phone.world.after(2.0, lambda: at_once(phone, leg))


class Scene:
    """A carrier's call that its agent has answered, and a human at a desk."""

    def __init__(
        self,
        *changed: Organization | Trunk | Agent | Number,
        human: Behaviour = at_once,
        weather: Weather | None = None,
        seed: int = 1,
    ) -> None:
        self.world = World(seed, weather)
        self.edge = Edge(self.world, records(HUMAN_AGENT, DESK_NUMBER, *changed))
        self.carrier = Phone(self.world, CARRIER, at_once)
        self.agent = Phone(self.world, AGENT, at_once)
        self.human = Phone(self.world, HUMAN, human)
        self.carrier.asked = lambda leg, event: agree(self.carrier, leg, event, OFFER)
        self.human.asked = lambda leg, event: agree(self.human, leg, event, HUMAN_SDP)

    def connect(self) -> None:
        self.dialled: UacLeg = self.carrier.dial(f"sip:{NUMBER}@{EDGE}")
        self.world.run(1.0)
        assert self.carrier.connected, self.world.ladder()

    @property
    def call(self) -> str:
        (call,) = self.edge.core.calls
        return call

    def refer(self, to: str, *headers: tuple[str, str], phone: Phone | None = None) -> None:
        """The agent, or who is given, sends REFER."""
        phone = phone or self.agent
        (leg,) = phone.legs.values()
        sent = (("Refer-To", to), *headers)
        phone._carry(leg.ask("refer", "REFER", b"", "", sent, self.world.now))

    def answered(self, phone: Phone | None = None) -> list[int]:
        """The answers to what somebody sent as REFER."""
        events = (phone or self.agent).events
        return [event.status for event in events if isinstance(event, Replied) and event.exchange == "refer"]

    def told(self, phone: Phone | None = None) -> list[int]:
        """What the NOTIFYs said that somebody got, in order."""
        found = []
        for event in (phone or self.agent).events:
            if not isinstance(event, Asked) or event.method != "NOTIFY":
                continue
            read = read_sipfrag(event.body)
            assert read is not None
            found.append(read[0])
        return found

    @property
    def transfers(self) -> tuple[TransferRecord, ...]:
        if self.edge.core.calls:
            return next(iter(self.edge.core.calls.values())).ledger.record().transfers
        return self.edge.finished[-1].transfers

    def heard(self, phone: Phone, method: str) -> list[bytes]:
        """What the edge sent there, by method, in order."""
        begin = method.encode() + b" "
        return [data for flow, data in self.edge.sent if flow.remote[0] == phone.address[0] and data.startswith(begin)]

    def end(self) -> None:
        """The carrier hangs up, and nothing is left anywhere."""
        self.carrier.hang_up_all()
        self.world.run(300.0)
        assert self.edge.clean() == {}, self.world.ladder()
        self.edge.whole()
        for phone in (self.carrier, self.agent, self.human):
            assert phone.idle(), self.world.ladder()


def agree(phone: Phone, leg: UacLeg | UasLeg, event: Asked, sdp: bytes) -> None:
    """Say yes, with the same description as ever."""
    phone.reply(leg, event.exchange, 200, sdp if event.method == "INVITE" else b"")


def version(data: bytes) -> tuple[str, int]:
    """Session id and version of a message's o= line."""
    origin = parse(data.split(b"\r\n\r\n", 1)[1]).origin
    return origin.session, int(origin.version)


def allowing(trunk: Trunk = TRUNK) -> Trunk:
    return msgspec.structs.replace(trunk, allow_refer=True)
