"""Calls out by Kamailio as a carrier that asks for a password, directly and as the outbound proxy of another domain."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.edges import kamailio
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import CALLER
from loadtest.sipp import Party
from tests.stories.edge import HOST, Edge, until

pytestmark = pytest.mark.foreign

PBX, CARRIER, CALLEE = "127.0.31.42", "127.0.31.43", "127.0.31.44"
USER, PASSWORD = "alice", "a-long-password"
DIALLED = "+13035550142"


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path / "edge")
    made.folder.mkdir()
    made.listeners[0]["port"] = free(HOST)
    made.listeners.append({**made.listeners[0], "transport": "tcp"})
    made.start()
    made.operate()
    # The scenes follow each other in less than a second.
    made.patch(f"/v1/organizations/{made.organization}", {"outbound": {"calls_per_second": 100}})
    yield made
    made.close()
    assert "Traceback" not in made.log, made.log


@pytest.fixture
def carriers(needs: Callable[..., None], tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """Starts Kamailio, which sends calls on to a port of the callee; the port it is asked at."""
    needs("kamailio", "sipp")
    made: list[subprocess.Popen[bytes]] = []

    def start(onward: int) -> int:
        folder = tmp_path / "carrier"
        folder.mkdir()
        port = free(CARRIER)
        configuration = kamailio.fill(
            Path(__file__).with_name("carrier.cfg").read_text(),
            PLACE=f"{CARRIER}:{port}",
            HOST=CARRIER,
            USER=USER,
            PASSWORD=PASSWORD,
            NEXT=f"sip:{CALLEE}:{onward};transport=udp",
            MODULES=kamailio.modules(),
        )
        made.append(kamailio.run(configuration, folder, 64))
        wait_until(lambda: udp_taken(CARRIER, port), 10, f"Kamailio (see {folder}/kamailio.out)", made[-1])
        return port

    yield start
    for process in made:
        end(process, 3)


def play(edge: Edge, behaviour: Behaviour, place: tuple[str, int], folder: Path) -> None:
    """One call of the PBX to the callee at this place, as SIPp at both ends sees it."""
    assert behaviour.agent is not None
    folder.mkdir()
    parties = [Party("callee", behaviour.agent.write(folder), folder, place, calls=1, seconds=20.0)]
    try:
        wait_until(lambda: udp_taken(*place), 5, "SIPp as callee", parties[0].process)
        script = behaviour.carrier.write(folder)
        local = (PBX, free(PBX))
        parties.append(Party("pbx", script, folder, local, remote=edge.sip, service=DIALLED, calls=1, seconds=10.0))
        assert parties[1].wait().succeeded == 1, parties[1].last_words() + edge.log
        taken = parties[0].wait()
        assert (taken.succeeded, taken.failed) == (1, 0), parties[0].last_words()
    finally:
        for party in parties:
            end(party.process, 1)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_calls_out_by_a_carrier_that_asks_for_a_password(
    edge: Edge, carriers: Callable[[int], int], transport: str, proxied: bool, tmp_path: Path
) -> None:
    place = (CALLEE, free(CALLEE))
    port = carriers(place[1])
    by = "" if transport == "udp" else ";transport=tcp"
    config: dict[str, object] = {"server": CARRIER, "port": port}
    if proxied:
        config = {"server": "sip.carrier.example", "outbound_proxy": f"sip:{CARRIER}:{port}{by};lr"}
    carrier = edge.post(
        "/v1/sip/trunks",
        {
            "name": "carrier",
            "provider": "generic",
            "credentials": {"username": USER, "password": PASSWORD},
            "config": {**config, "transport": transport},
        },
    )["id"]
    edge.number(CALLER, carrier, None)
    edge.trunk("PBX", f"{PBX}/32", role="agent")
    scenes = (behaviours.call, behaviours.agent_hangs_up, behaviours.cancel_ringing, behaviours.busy)
    for make in scenes:
        play(edge, make(), place, tmp_path / make.__name__)
    expected = ["failed", "no-answer", "completed", "completed"]
    until(lambda: [each["status"] for each in edge.calls(len(scenes))] == expected, "the records of all calls")
    records = edge.calls(len(scenes))
    assert {(each["direction"], each["from"], each["to"]) for each in records} == {("outbound", CALLER, DIALLED)}
    assert PASSWORD not in edge.log + "".join(edge.seen)
