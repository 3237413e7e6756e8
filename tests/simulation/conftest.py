"""What most scenes have: a world with an edge, a plain caller and a plain agent in it."""

from __future__ import annotations

import pytest

from tests.simulation.edge import AGENT, CARRIER, Edge
from tests.simulation.peer import Peer, answers, polite
from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def edge(world: World) -> Edge:
    return Edge(world)


@pytest.fixture
def carrier(world: World) -> Peer:
    return Peer(world, CARRIER, polite)


@pytest.fixture
def agent(world: World) -> Peer:
    return Peer(world, AGENT, answers)
