"""The stage of the stories: an edge of its own for each, a carrier, an agent; processes and sockets, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.databases import POSTGRES
from tests.stories.edge import Edge
from tests.stories.phone import Phone

CARRIER, AGENT, STRANGER = "127.0.31.2", "127.0.31.3", "127.0.31.9"
NETWORK = f"{CARRIER}/32"
NUMBER = "+12025550123"


@pytest.fixture
def edge(tmp_path: Path, backend: str, request: pytest.FixtureRequest) -> Iterator[Edge]:
    """Not started yet. At the end of every story the log has no traceback, and no secret came out anywhere."""
    made = Edge(tmp_path)
    if backend == POSTGRES:
        made.sections["store"] = {"url": request.getfixturevalue("postgres_url")}
    yield made
    made.close()
    assert made.leaked() == []
    if made.err.exists():
        sound(made.log)


def sound(log: str) -> None:
    """No story makes the edge meet a bug of its own."""
    assert "Traceback" not in log, log
    assert "this is a bug" not in log, log


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, shared_url: Callable[[Path], AbstractContextManager[str]]
) -> Iterator[Edge]:
    made = Edge(tmp_path_factory.mktemp("running"))
    with shared_url(made.folder) as url:
        made.sections["store"] = {"url": url}
        made.start()
        yield made
        assert made.stop() == 0
    assert made.leaked() == []
    sound(made.log)


@pytest.fixture
def house(running: Edge) -> Iterator[Edge]:
    """An edge that runs already, for a story that leaves it running: an organization of its own on it."""
    running.operate()
    yield running
    running.clear()


@pytest.fixture
def carrier() -> Iterator[Phone]:
    phone = Phone(CARRIER)
    yield phone
    phone.close()


@pytest.fixture
def agent() -> Iterator[Phone]:
    phone = Phone(AGENT)
    yield phone
    phone.close()


@pytest.fixture
def stranger() -> Iterator[Phone]:
    phone = Phone(STRANGER)
    yield phone
    phone.close()


@pytest.fixture
def routed(edge: Edge, agent: Phone) -> Edge:
    """Started, with a carrier's trunk and a number that leads to the agent."""
    edge.start()
    edge.operate()
    trunk = edge.trunk("carrier", NETWORK)
    edge.number(NUMBER, trunk, edge.agent(f"sip:agent@{agent.at}"))
    return edge
