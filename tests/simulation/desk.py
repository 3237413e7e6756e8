"""A trunk whose devices register here, the agent that they are, and the number that rings them."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import CARRIER, ECHO_AGENT, EDGE, NUMBER_RECORD, ORGANIZATION, Edge, id_of, records
from tests.simulation.registrar import Registrar
from tests.simulation.world import World
from trunkline.call.decision.verdict import Policy
from trunkline.model.agent import Agent
from trunkline.model.change import Change, Put
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.registrar.terms import Terms

PHONES = Trunk(
    id=id_of(10),
    organization_id=ORGANIZATION.id,
    name="phones",
    username="anna",
    password=Secret("secret"),
    accepts_registration=True,
)
DESK = Agent(
    id=id_of(11), organization_id=ORGANIZATION.id, name="desk", kind="sip", trunk_id=PHONES.id, ring_timeout=10.0
)
INCOMING = msgspec.structs.replace(NUMBER_RECORD, agent_id=DESK.id)
OUTGOING = msgspec.structs.replace(NUMBER_RECORD, id=id_of(12), e164="+12025550199", agent_id=ECHO_AGENT.id)
TERMS = Terms(shortest=60, usual=600, longest=7200, contacts=3)


def started(world: World, trunk: Trunk = PHONES) -> Edge:
    changes: list[Change] = [*records(INCOMING), Put(trunk), Put(DESK), Put(OUTGOING)]
    return Edge(world, changes, policy=Policy(registrar=TERMS))


def called(world: World) -> Registrar:
    """A carrier calls the number whose agent is the desk phone."""
    carrier = Registrar(world, CARRIER)
    carrier.call(f"sip:{NUMBER_RECORD.e164}@{EDGE}")
    world.run(3.0)
    return carrier


def seen(edge: Edge, kind: str = "binding") -> list[str]:
    return [each.reason for each in edge.observed if each.kind == kind]
