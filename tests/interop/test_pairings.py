"""Every pairing of transports between the legs, INVITE to BYE, hung up from either end, on IPv4 and IPv6."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.edges import trunkline
from tests.interop.edge import Edge
from tests.interop.stage import Stage, received
from tests.interop.world import FAMILIES, TRANSPORTS, Family, Transport, number

pytestmark = pytest.mark.foreign

CALLS = 3


@pytest.mark.parametrize("make", [behaviours.call, behaviours.agent_hangs_up], ids=["caller", "agent"])
@pytest.mark.parametrize("agent", TRANSPORTS)
@pytest.mark.parametrize("carrier", TRANSPORTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_pairing(
    needs: Callable[..., None],
    edge: Edge,
    stage: Stage,
    family: Family,
    carrier: Transport,
    agent: Transport,
    make: Callable[[], Behaviour],
    tmp_path: Path,
) -> None:
    needs("sipp", *(["kamailio", "kamailio-tls"] if "tls" in {carrier, agent} else []))
    behaviour = make()
    before = edge.log()
    dialled = number(family, carrier, agent)
    played = stage.play(behaviour, tmp_path, carrier, agent, family, dialled, calls=CALLS)
    assert played.carrier.succeeded == CALLS, played.complaint
    assert played.agent is not None
    assert (played.agent.succeeded, played.agent.failed) == (CALLS, 0), played.complaint
    side = "caller" if make is behaviours.call else "agent"
    assert edge.new_records(before, CALLS) == {("completed", 200, side): CALLS}
    for legs in trunkline.legs(edge.folder, CALLS):
        peers = [str(leg["peer"]).partition(":")[0] for leg in legs]
        assert peers == [carrier, agent]


@pytest.mark.parametrize("agent", ["udp", "tcp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_requests_name_their_transport(
    needs: Callable[..., None], edge: Edge, stage: Stage, family: Family, agent: Transport, tmp_path: Path
) -> None:
    """Via and Contact towards the agent say how the agent is spoken to, once (RFC 3261 §18.1.1, §8.1.1.8)."""
    needs("sipp")
    before = edge.log()
    dialled = number(family, "tcp", agent)
    played = stage.play(behaviours.agent_hangs_up(), tmp_path, "tcp", agent, family, dialled)
    assert played.carrier.succeeded == 1, played.complaint
    assert edge.new_records(before, 1) == {("completed", 200, "agent"): 1}
    invite = next(text for text in received(played.agent_messages) if text.startswith("INVITE "))
    host, port = edge.address(family, agent)
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    vias = re.findall(r"(?im)^(?:via|v)\s*:\s*(\S+)\s+([^;\s]+)", invite)
    assert vias == [(f"SIP/2.0/{agent.upper()}", at)]
    (contact,) = re.findall(r"(?im)^(?:contact|m)\s*:\s*(.*?)\s*$", invite)
    assert at in contact
    named = [name.lower() for name in re.findall(r"(?i);transport=(\w+)", contact)]
    assert named in ([agent], [] if agent == "udp" else [agent])
    assert len(re.findall(r"(?im)^(?:contact|m)\s*:", invite)) == 1
    assert not re.findall(r"(?im)^record-route\s*:", invite)
