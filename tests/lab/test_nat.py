"""A NAT between the edge and the world: the edge behind it, registered with a carrier; a phone behind it, registered
with the edge."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.peers.baresip import Phone, loudness
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.sipp import Party
from tests.interop.registrar import Registrar
from tests.interop.stage import received
from tests.lab.network import BEYOND, CALLER, INSIDE, OUTSIDE, PUBLIC, TOWARDS_BEYOND, Network
from tests.stories.edge import Edge, until

pytestmark = pytest.mark.foreign

ACCOUNT = ("alice", "a-long-password")
NUMBER, ECHO = "+12025550123", "+12025550124"
EXPIRES = 6
FORGETFUL = 6
"""Seconds after which the NAT forgets who is silent."""


@pytest.fixture
def edges(network: Network, tmp_path: Path) -> Iterator[Callable[..., Edge]]:
    """Starts an edge on a host, which is known by this address; with these listeners, or with one of UDP there."""
    made: list[Edge] = []

    def start(host: str, address: str, *listeners: dict[str, object]) -> Edge:
        edge = Edge(tmp_path / "edge", host=address)
        edge.folder.mkdir()
        made.append(edge)
        edge.listeners[0:1] = listeners or edge.listeners
        if host == "inside":
            edge.listeners.append({"transport": "udp", "host": TOWARDS_BEYOND, "port": 0})
        with network.at(host):
            edge.start()
            edge.operate()
        return edge

    yield start
    for edge in made:
        edge.close()
        assert "Traceback" not in edge.log, edge.log


@pytest.fixture
def carriers(network: Network, tool: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[[int], Registrar]]:
    """Starts a registrar outside that grants so many seconds at most."""
    tool("kamailio")
    made: list[Registrar] = []

    def start(expires: int) -> Registrar:
        with network.at("outside"):
            made.append(Registrar(tmp_path, OUTSIDE, ACCOUNT, expires))
        return made[-1]

    yield start
    for registrar in made:
        registrar.stop()


@pytest.fixture
def phones(network: Network, tool: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[[Edge], Phone]]:
    """baresip inside, registered with an edge; it answers."""
    tool("baresip")
    made: list[Phone] = []

    def start(edge: Edge) -> Phone:
        authority = Authority(tmp_path)
        with network.at("inside"):
            phone = Phone(
                tmp_path / "phone",
                INSIDE,
                authority.issue("phone", INSIDE),
                authority.path,
                answers=True,
                registers=(f"{edge.sip[0]}:{edge.sip[1]}", *ACCOUNT),
            )
        made.append(phone)
        return phone

    yield start
    for phone in made:
        phone.close()


class Callers:
    """SIPp outside the NAT, one after the other."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network = network
        self._folder = folder
        self._numbers = itertools.count()
        self.heard: list[str] = []
        """What was sent to the last one."""

    def call(
        self, remote: tuple[str, int], make: Callable[[], Behaviour] = behaviours.call, transport: str = "udp"
    ) -> int:
        """How many calls succeeded, of one."""
        folder = self._folder / f"caller{next(self._numbers)}"
        folder.mkdir()
        with self._network.at("outside"):
            party = Party(
                "carrier",
                make().carrier.write(folder),
                folder,
                (CALLER, free(CALLER)),
                remote=remote,
                service=NUMBER,
                calls=1,
                seconds=10.0,
                transport="t1" if transport == "tcp" else "u1",
                options=("-trace_msg", "-message_file", str(folder / "messages")),
            )
            try:
                return party.wait().succeeded
            finally:
                end(party.process, 1)
                self.heard = received((folder / "messages").read_text(errors="replace"))


@pytest.fixture
def callers(network: Network, tool: Callable[[str], str], tmp_path: Path) -> Callers:
    tool("sipp")
    return Callers(network, tmp_path)


@pytest.fixture
def agents(network: Network, tmp_path: Path) -> Iterator[Callable[..., Party]]:
    """SIPp that takes calls on a host, as long as the test."""
    made: list[Party] = []

    def start(host: str, place: tuple[str, int], make: Callable[[], Behaviour] = behaviours.call) -> Party:
        script = make().agent
        assert script is not None
        with network.at(host):
            party = Party("agent", script.write(tmp_path), tmp_path, place, seconds=60.0)
            made.append(party)
            wait_until(lambda: udp_taken(*place), 5, "SIPp as agent", party.process)
        return party

    yield start
    for party in made:
        end(party.process, 1)


def account(edge: Edge, carrier: Registrar, keepalive: float, transport: str = "udp") -> str:
    """A trunk that registers; its id."""
    return str(
        edge.post(
            "/v1/sip/trunks",
            {
                "name": "account",
                "provider": "generic",
                "credentials": {"username": ACCOUNT[0], "password": ACCOUNT[1]},
                "config": {
                    "server": OUTSIDE,
                    "port": carrier.place[1],
                    "register": True,
                    "transport": transport,
                    "keepalive": keepalive,
                },
            },
        )["id"]
    )


def not_inside(messages: list[str]) -> bool:
    """Whether something was said, and never where the edge is behind its NAT. SIPp would not notice."""
    return bool(messages) and not any(INSIDE in text for text in messages)


def busy(edge: Edge) -> bool:
    left = edge.tables()
    return any(name in left for name in ("calls", "legs", "dialogs", "held_places", "media", "media_ports"))


def registered_at(edge: Edge, public: str) -> bool:
    (item,) = edge.get("/v1/registrations")["data"]
    found = item["registration"]
    return found["state"] == "registered" and f"@{public}:" in (found["contact"] or "")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_edge_behind_a_nat_is_called_through_its_registration(
    network: Network,
    edges: Callable[..., Edge],
    carriers: Callable[[int], Registrar],
    callers: Callers,
    agents: Callable[..., Party],
    transport: str,
) -> None:
    """Its Contact is what the NAT makes of it, and follows when the NAT gets another address."""
    carrier = carriers(EXPIRES)
    edge = edges("inside", INSIDE)
    with network.at("beyond"):
        place = (BEYOND, free(BEYOND))
    agents("beyond", place)
    with network.at("inside"):
        edge.number(NUMBER, account(edge, carrier, 25.0, transport), edge.agent(f"sip:agent@{place[0]}:{place[1]}"))
        until(lambda: registered_at(edge, PUBLIC[0]), "a registration with the address that others see")
    assert callers.call(carrier.place) == 1, edge.log
    network.move()
    with network.at("inside"):
        until(lambda: registered_at(edge, PUBLIC[1]), "a registration with the new address", 5 * EXPIRES)
    assert callers.call(carrier.place) == 1, edge.log
    assert not_inside(callers.heard)
    with network.at("inside"):
        assert [call["status"] for call in edge.calls(2)] == ["completed"] * 2
        until(lambda: not busy(edge), "empty tables")


@pytest.mark.parametrize(("keepalive", "reached"), [(5.0, 1), (0.0, 0)], ids=["kept", "not-kept"])
def test_the_pinhole_is_there_as_long_as_it_is_kept_open(
    network: Network,
    edges: Callable[..., Edge],
    carriers: Callable[[int], Registrar],
    callers: Callers,
    keepalive: float,
    reached: int,
) -> None:
    """The second case shows that the NAT forgets, and that nothing but the keep-alives keeps the first alive."""
    network.forget_after(FORGETFUL)
    carrier = carriers(300)
    edge = edges("inside", INSIDE)
    with network.at("inside"):
        edge.number(NUMBER, account(edge, carrier, keepalive), edge.agent(None))
        until(lambda: registered_at(edge, PUBLIC[0]), "a registration")
    forgotten = time.monotonic() + FORGETFUL + 3
    until(lambda: time.monotonic() > forgotten, "the NAT's patience", FORGETFUL + 4)
    assert callers.call(carrier.place) == reached, edge.log


def test_a_phone_behind_a_nat_is_called_and_calls(
    network: Network,
    edges: Callable[..., Edge],
    callers: Callers,
    phones: Callable[[Edge], Phone],
) -> None:
    """The edge calls it over the flow that it registered on, and keeps that open."""
    network.forget_after(FORGETFUL)
    edge = edges("outside", OUTSIDE)
    with network.at("outside"):
        trunk = edge.post(
            "/v1/sip/trunks",
            {
                "name": "phones",
                "provider": "generic",
                "credentials": {"username": ACCOUNT[0], "password": ACCOUNT[1]},
                "config": {"accepts_registration": True, "keepalive": 5.0},
            },
        )["id"]
        carrier = edge.trunk("carrier", f"{CALLER}/32")
        desk = edge.post("/v1/agents", {"name": "desk", "kind": "sip", "trunk_id": trunk})["id"]
        edge.number(NUMBER, carrier, desk)
        edge.number(ECHO, carrier, edge.agent(None))
    phone = phones(edge)
    with network.at("outside"):
        (device,) = until(lambda: edge.get("/v1/bindings")["data"], "the phone's registration")
        assert device["source"].partition(":")[0] == PUBLIC[0]
    forgotten = time.monotonic() + FORGETFUL + 3
    until(lambda: time.monotonic() > forgotten, "the NAT's patience", FORGETFUL + 4)
    assert callers.call(edge.sip) == 1, phone.last_words() + edge.log
    phone.wait_for("CALL_CLOSED")
    phone.dial(f"sip:{ECHO}@{edge.sip[0]}:{edge.sip[1]}")
    assert phone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED")["type"] == "CALL_ESTABLISHED", phone.last_words()
    spoken = time.monotonic() + 2
    until(lambda: time.monotonic() > spoken, "two seconds of speech")
    phone.hang_up()
    phone.wait_for("CALL_CLOSED")
    phone.close()
    assert loudness(phone.recording, 440) > 0.9
    with network.at("outside"):
        assert [call["status"] for call in edge.calls(2)] == ["completed"] * 2
        until(lambda: not busy(edge), "empty tables")


@pytest.mark.parametrize("make", [behaviours.call, behaviours.agent_hangs_up], ids=["caller", "agent"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_edge_with_a_forwarded_public_address_is_called_there(
    network: Network,
    edges: Callable[..., Edge],
    callers: Callers,
    agents: Callable[..., Party],
    transport: str,
    make: Callable[[], Behaviour],
) -> None:
    """As in a cloud: the carrier, known by its address, reaches nothing but what `external_address` says."""
    with network.at("inside"):
        port = free(INSIDE)
    network.forward(port)
    public = (PUBLIC[0], port)
    listener = {"host": INSIDE, "port": port, "external_address": f"{public[0]}:{public[1]}"}
    edge = edges("inside", PUBLIC[0], {"transport": "udp", **listener}, {"transport": "tcp", **listener})
    with network.at("beyond"):
        place = (BEYOND, free(BEYOND))
    agents("beyond", place, make)
    with network.at("inside"):
        carrier = edge.trunk("carrier", f"{CALLER}/32", transport=transport)
        edge.number(NUMBER, carrier, edge.agent(f"sip:agent@{place[0]}:{place[1]}"))
    assert callers.call(public, make, transport) == 1, edge.log
    assert not_inside(callers.heard)
    with network.at("inside"):
        assert [call["status"] for call in edge.calls()] == ["completed"]
        until(lambda: not busy(edge), "empty tables")
