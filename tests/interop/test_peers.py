"""The rigs themselves, without an edge: what fails here is not the edge's fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from loadtest import behaviours
from loadtest.behaviours import Behaviour
from loadtest.peers.bridge import Bridge
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import end, wait_until
from loadtest.sipp import Party

pytestmark = pytest.mark.foreign

CALLS = 3


@pytest.mark.parametrize("make", [behaviours.call, behaviours.agent_hangs_up], ids=["caller", "agent"])
@pytest.mark.parametrize("plain", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sipp_reaches_sipp_through_two_bridges(
    needs: Callable[..., None],
    authority: Authority,
    host: str,
    plain: Literal["udp", "tcp"],
    make: Callable[[], Behaviour],
    tmp_path: Path,
) -> None:
    needs("sipp", "kamailio", "kamailio-tls")
    behaviour = make()
    assert behaviour.agent is not None
    place = (host, free(host))
    certificate = authority.issue("bridge", host)
    transport = "u1" if plain == "udp" else "t1"
    running = []
    try:
        back = Bridge(tmp_path / "back", host, (plain, *place), certificate, authority.path)
        running.append(back.process)
        front = Bridge(tmp_path / "front", host, ("tls", *back.secure), certificate, authority.path)
        running.append(front.process)
        agent = Party("agent", behaviour.agent.write(tmp_path), tmp_path, place, transport=transport, seconds=20)
        running.append(agent.process)
        wait_until(lambda: (udp_taken if plain == "udp" else listening)(*place), 5, "SIPp as agent", agent.process)
        carrier = Party(
            "carrier",
            behaviour.carrier.write(tmp_path),
            tmp_path,
            (host, free(host)),
            remote=front.plain,
            transport=transport,
            calls=CALLS,
            seconds=10,
        )
        running.append(carrier.process)
        assert carrier.wait().succeeded == CALLS, carrier.last_words() + front.last_words()
        assert agent.stop().succeeded == CALLS, agent.last_words() + back.last_words()
    finally:
        for process in running:
            end(process, 3)
