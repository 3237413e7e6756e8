"""The edge of a storm: an organization made by chance, an engine that answers late, and limits that are looked at after
every turn."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from tests.identity.authority import URL, Authority, claims, identity
from tests.simulation.edge import (
    ECHO_AGENT,
    NUMBER,
    NUMBER_RECORD,
    ORGANIZATION,
    SIP_AGENT,
    TRUNK,
    Edge,
    id_of,
    records,
)
from tests.simulation.storm.actor import (
    AGENT,
    CARRIER,
    DESK,
    DESK_NUMBER,
    FORKER,
    REGISTRAR,
    SECOND_AGENT,
    SECOND_CARRIER,
    Registered,
)
from tests.simulation.world import World
from trunkline.call.decision.verdict import Policy
from trunkline.call.inputs import Input
from trunkline.call.outputs import Fetch, Output, Resolve
from trunkline.model.agent import Agent, Step
from trunkline.model.number import NumberConfig
from trunkline.model.organization import Organization, OutboundRules
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.registrar.terms import Terms
from trunkline.sip.flow import Transport

BOTS, SECOND, PBXS, GROUP, DESK_AGENT = id_of(19), id_of(20), id_of(23), id_of(22), id_of(24)
LINE = Trunk(
    id=id_of(32), organization_id=ORGANIZATION.id, name="line", host=REGISTRAR, username="alice",
    password=Secret("secret"), register=True, outbound=False,
)  # fmt: skip
ROOT = Authority()
SIGNER = ROOT.signer()
_CHAIN = SIGNER.chain()


def vouched(wall: int) -> str:
    """An Identity header that stands."""
    return f"Identity: {identity(SIGNER, claims(iat=wall, orig={'tn': '13035559876'}, dest={'tn': [NUMBER[1:]]}))}\r\n"


class Watched(Edge):
    """It answers the core when chance will, and looks at its limits after every turn."""

    def __init__(self, world: World, chance: random.Random, transport: Transport, generation: int) -> None:
        self.chance = chance
        self.late = chance.choice([0.0, 0.0, 0.3])
        """How often an answer of the engine's takes a while."""
        self.limit = chance.choice([None, None, 1, 2])
        self.commands: list[str] = []
        super().__init__(
            world,
            records(*_organization(chance, transport, self.limit)),
            seed=f"edge{generation}".encode(),
            policy=Policy(registrar=Terms(shortest=60, usual=90, longest=120)),
        )
        self.names["bots.example"] = ["192.0.2.98", AGENT] if chance.random() < 0.5 else [AGENT, SECOND_AGENT]
        self.core.reception.verifier.trust([ROOT.certificate], 2.0)
        if chance.random() < 0.7:
            self.certificates[URL] = chance.choice([_CHAIN, _CHAIN, None, b"rubbish"])

    def perform(self, outputs: list[Output]) -> None:
        super().perform(outputs)
        capacity = self.core.arrival.admission.capacity
        assert self.limit is None or capacity.used(TRUNK.id) <= self.limit

    def do(self, out: Output) -> None:
        if isinstance(out, Resolve | Fetch) and self.late and self.chance.random() < self.late:
            self.world.after(self.chance.uniform(0, 3), lambda: self._at_last(out))
        else:
            super().do(out)

    def _at_last(self, out: Output) -> None:
        if self.alive:
            super().do(out)

    def give(self, given: Input) -> None:
        if self.alive:
            super().give(given)

    @property
    def alive(self) -> bool:
        return self.world.nodes.get(self.address) is self


def _organization(chance: random.Random, transport: Transport, limit: int | None) -> list[Any]:
    """Trunks, agents and numbers, and what may be dialled."""
    rules = OutboundRules(
        concurrent_calls=chance.choice([1, 20]), max_duration=chance.choice([5, 7200]), calls_per_second=None
    )
    first = msgspec.structs.replace(
        TRUNK,
        networks=(f"{CARRIER}/32", f"{DESK}/32"),
        host=CARRIER,
        transport=transport,
        max_concurrent_calls=limit,
        ring_after=chance.choice([None, None, 0.5]),
        nat=chance.random() < 0.2,
        trust_identity=chance.random() < 0.3,
        allow_refer=chance.random() < 0.5,
        send_refer=chance.random() < 0.3,
        identity=chance.choice(["off", "off", "verify", "require"]),
        codecs=chance.choice([(), (), ("PCMA", "PCMU")]),
        probe=chance.random() < 0.2,
    )
    second = Trunk(
        id=SECOND, organization_id=ORGANIZATION.id, name="second", host=SECOND_CARRIER,
        networks=(f"{SECOND_CARRIER}/32",), allow_refer=chance.random() < 0.5,
    )  # fmt: skip
    bots = Trunk(
        id=BOTS, organization_id=ORGANIZATION.id, name="bots", role="agent",
        networks=(f"{AGENT}/32", f"{SECOND_AGENT}/32"), send_refer=chance.random() < 0.3,
    )  # fmt: skip
    phones = Trunk(
        id=PBXS, organization_id=ORGANIZATION.id, name="phones", username=Registered.user,
        password=Secret(Registered.password), accepts_registration=True,
    )  # fmt: skip

    def agent(n: int, name: str, uri: str | None, **more: Any) -> Agent:
        fields = {"kind": "sip", "uri": uri, "ring_timeout": chance.choice([3.0, 5.0, 20.0]), **more}
        return Agent(id=id_of(n), organization_id=ORGANIZATION.id, name=name, **fields)

    trunked = chance.choice([None, BOTS])
    at = chance.choice([f"{AGENT}:5060", "bots.example"])
    singles = [
        msgspec.structs.replace(
            SIP_AGENT, uri=f"sip:bot@{at}", ring_timeout=chance.choice([3.0, 20.0]), trunk_id=trunked
        ),
        agent(21, "second", f"sip:bot@{SECOND_AGENT}{chance.choice(['', ';transport=tcp'])}"),
        agent(25, "forker", f"sip:bot@{FORKER}"),
        agent(26, "phone", None, trunk_id=PBXS),
        agent(27, "nowhere", "sip:bot@nowhere.example"),
        agent(28, "dead", "sip:bot@192.0.2.97", probe=chance.random() < 0.3),
    ]
    desk = agent(24, "desk", f"sip:desk@{DESK}")
    drawn = chance.sample(singles, chance.randint(2, len(singles)))
    members = tuple([each.id for each in drawn]) + ((ECHO_AGENT.id,) if chance.random() < 0.3 else ())
    group = agent(
        22, "all", None, kind="group", members=members, strategy=chance.choice(["ordered", "weighted"]),
        steps={members[0]: Step(weight=3, ring_timeout=2.0)}, hunt_timeout=chance.choice([6.0, 180.0]),
    )  # fmt: skip
    called = chance.choice([singles[0], singles[0], singles[2], singles[3], group, group, group, ECHO_AGENT])
    number = msgspec.structs.replace(
        NUMBER_RECORD,
        agent_id=called.id,
        trunk_id=TRUNK.id,
        config=NumberConfig(max_duration=chance.choice([None, None, 5])),
    )
    other = msgspec.structs.replace(NUMBER_RECORD, id=id_of(61), e164=DESK_NUMBER, agent_id=desk.id, trunk_id=SECOND)
    organization = Organization(id=ORGANIZATION.id, name="Example", outbound=rules)
    return [organization, first, second, bots, phones, *singles, desk, group, number, other]
