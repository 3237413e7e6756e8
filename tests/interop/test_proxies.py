"""Foreign servers in the path: Kamailio as a proxy before or behind the edge, with loose routes, with strict ones, and
with another transport on each side of it; and sippy's B2BUA. The ends are SIPp, whose verdict counts at both."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.edges import kamailio, sippy
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import Failed, end, wait_until
from loadtest.sipp import Count, Party
from tests.interop.edge import Edge
from tests.interop.world import PLACES, number

pytestmark = pytest.mark.foreign

Transport = Literal["udp", "tcp"]
Side = Literal["before", "behind"]
CALLS = 3
PLACE = PLACES["IPv4"]
SCENES = [
    behaviours.call,
    behaviours.agent_hangs_up,
    behaviours.cancel_ringing,
    behaviours.busy,
    behaviours.hold_and_resume,
    behaviours.agent_holds,
    behaviours.late_offer,
]
_SIPP = {"udp": "u1", "tcp": "t1"}


class Ends(NamedTuple):
    """Whom the carrier calls, where the agent waits, and how they speak."""

    carrier: tuple[str, Transport]
    """The address it calls from."""
    called: tuple[str, int]
    agent: tuple[str, int]
    agent_transport: Transport
    dialled: str


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that end with the test."""
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for process in reversed(made):
        end(process, 3)


def proxy(
    folder: Path, edge: Edge, place: tuple[str, int], onward: tuple[str, int], to: Transport, *, strict: bool
) -> subprocess.Popen[bytes]:
    folder.mkdir()
    configuration = kamailio.fill(
        Path(__file__).with_name("proxy.cfg").read_text(),
        STRICT="#!define STRICT" if strict else "",
        PLACE=f"{place[0]}:{place[1]}",
        HOST=place[0],
        EDGE=edge.address("IPv4", "udp")[0],
        MODULES=kamailio.modules(),
        NEXT=f"sip:{onward[0]}:{onward[1]};transport={to}",
    )
    process = kamailio.run(configuration, folder, 64)
    wait_until(lambda: listening(*place), 10, f"Kamailio (see {folder}/kamailio.out)", process)
    return process


def play(edge: Edge, ends: Ends, behaviour: Behaviour, folder: Path) -> None:
    assert behaviour.agent is not None
    assert behaviour.record is not None
    before = edge.log()
    parties: list[Party] = []
    try:
        transport = ends.agent_transport
        options = ("-trace_msg", "-message_file", str(folder / "agent.messages"))
        script = behaviour.agent.write(folder)
        agent = Party("agent", script, folder, ends.agent, transport=_SIPP[transport], seconds=25.0, options=options)
        parties.append(agent)
        ready = listening if transport == "tcp" else udp_taken
        wait_until(lambda: ready(*ends.agent), 5, "SIPp as agent", agent.process)
        host, transport = ends.carrier
        carrier = Party(
            "carrier",
            behaviour.carrier.write(folder),
            folder,
            (host, free(host)),
            remote=ends.called,
            service=ends.dialled,
            calls=CALLS,
            transport=_SIPP[transport],
            seconds=15.0,
        )
        parties.append(carrier)
        made = carrier.wait()
        # The last answers cross the proxy after the carrier has gone.
        gained = edge.new_records(before, CALLS)
        taken: Count = agent.stop()
    finally:
        for party in parties:
            end(party.process, 1)
    complaint = "\n".join([*(party.last_words() for party in parties), edge.last_words()])
    assert made.succeeded == CALLS, complaint
    assert (taken.succeeded, taken.failed) == (CALLS, 0), complaint
    assert sum(gained.values()) == CALLS
    assert {(status, by) for status, _, by in gained} <= {
        (behaviour.record.status, by) for by in (behaviour.record.hung_up_by or "agent", behaviour.record.hung_up_by)
    }


def path(edge: Edge, side: Side, there: Transport) -> tuple[tuple[str, int], tuple[str, int], Ends]:
    """Where a server stands, where it sends calls on to, and the ends: the edge is spoken to over `there` in front, and
    over UDP behind."""
    if side == "before":
        place = (PLACE.carriers[there], free(PLACE.carriers[there]))
        agent = (PLACE.agents["udp"], edge.ports.agents["IPv4", "udp"])
        dialled = number("IPv4", there, "udp")
        return place, edge.address("IPv4", there), Ends((PLACE.beyond_carrier, "udp"), place, agent, "udp", dialled)
    place = (PLACE.agents["udp"], edge.ports.agents["IPv4", "udp"])
    agent = (PLACE.beyond_agent, free(PLACE.beyond_agent))
    called, dialled = edge.address("IPv4", "udp"), number("IPv4", "udp", "udp")
    return place, agent, Ends((PLACE.carriers["udp"], "udp"), called, agent, there, dialled)


@pytest.mark.parametrize("make", SCENES, ids=lambda make: make().name)
@pytest.mark.parametrize("routes", ["loose", "strict", "tcp"])
@pytest.mark.parametrize("side", ["before", "behind"])
def test_kamailio_in_the_path(
    needs: Callable[..., None],
    edge: Edge,
    started: list[subprocess.Popen[bytes]],
    side: Side,
    routes: str,
    make: Callable[[], Behaviour],
    tmp_path: Path,
) -> None:
    """With `tcp` the proxy has UDP from the caller and goes on by TCP, so that its route has two entries."""
    needs("sipp", "kamailio")
    there: Transport = "tcp" if routes == "tcp" else "udp"
    place, onward, ends = path(edge, side, there)
    started.append(proxy(tmp_path / "proxy", edge, place, onward, there, strict=routes == "strict"))
    play(edge, ends, make(), tmp_path)


@pytest.mark.parametrize("make", SCENES, ids=lambda make: make().name)
@pytest.mark.parametrize("side", ["before", "behind"])
def test_sippy_in_the_path(
    needs: Callable[..., None],
    edge: Edge,
    started: list[subprocess.Popen[bytes]],
    side: Side,
    make: Callable[[], Behaviour],
    tmp_path: Path,
) -> None:
    needs("sipp")
    try:
        sippy.installed()
    except Failed as failure:
        pytest.skip(f"tool: {failure}")
    place, onward, ends = path(edge, side, "udp")
    started.append(sippy.run(tmp_path, place, onward, in_order=True))
    play(edge, ends, make(), tmp_path)
