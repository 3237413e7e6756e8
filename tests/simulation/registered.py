"""A trunk that registers at a carrier, and how far that has come."""

from __future__ import annotations

import msgspec

from tests.simulation.edge import NUMBER_RECORD, TRUNK, Edge, records
from tests.simulation.registrar import REGISTRAR, Registrar
from tests.simulation.world import World
from trunkline.model.change import Put
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk

NAME = "carrier.example"
TO = f"sip:{NUMBER_RECORD.e164}@{NAME}"
REGISTERED = msgspec.structs.replace(
    TRUNK, networks=(), host=NAME, username="alice", password=Secret("secret"), register=True
)


def replaced(**changes: object) -> Trunk:
    return msgspec.structs.replace(REGISTERED, **changes)


def started(world: World, trunk: Trunk = REGISTERED, hosts: tuple[str, ...] = (REGISTRAR,)) -> Edge:
    edge = Edge(world, records(trunk))
    edge.names[NAME] = list(hosts)
    edge.core.apply([Put(trunk)], world.now)
    return edge


def states(edge: Edge) -> list[str]:
    return [seen.reason for seen in edge.observed if seen.kind == "registration"]


def state(edge: Edge) -> str:
    standing = edge.core.registering.standing(TRUNK.id)
    assert standing is not None
    return standing.state


def contact(edge: Edge) -> str:
    standing = edge.core.registering.standing(TRUNK.id)
    assert standing is not None
    assert standing.contact is not None
    return standing.contact


def answered(world: World, edge: Edge, registrar: Registrar, to: str = TO, lines: str = "") -> int:
    """The final status of a call to our Contact."""
    before = len(registrar.responses)
    registrar.call(registrar.live[-1], to, lines)
    world.run(3.0)
    return registrar.responses[-1].status if len(registrar.responses) > before else 0
