"""Plays a behaviour through the edge: SIPp at both ends, Kamailio between where an end speaks TLS."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import NamedTuple

from loadtest.behaviours import Behaviour
from loadtest.peers.bridge import Bridge
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import Script
from loadtest.sipp import Count, Party
from tests.interop.edge import Edge
from tests.interop.world import PLACES, Family, Transport

_SIPP = {"udp": "u1", "tcp": "t1", "tls": "u1"}
"""How SIPp speaks; over TLS it is Kamailio that does, and SIPp speaks UDP to it."""


class Played(NamedTuple):
    carrier: Count
    agent: Count | None
    complaint: str
    """What is said when something went wrong."""
    carrier_messages: str
    agent_messages: str
    """All that SIPp sent and received, as it logs it."""


class Stage:
    """Bridges are started when they are first needed and live as long as the stage."""

    def __init__(self, edge: Edge, folder: Path) -> None:
        self._edge = edge
        self._folder = folder
        self._bridges: dict[str, Bridge] = {}

    def play(
        self,
        behaviour: Behaviour,
        folder: Path,
        carrier: Transport = "udp",
        agent: Transport = "udp",
        family: Family = "IPv4",
        number: str | None = None,
        calls: int = 1,
        seconds: float = 15.0,
    ) -> Played:
        """`seconds` bounds the whole."""
        parties: list[Party] = []
        listener: Party | None = None
        try:
            if behaviour.agent is not None:
                listener = self._agent(behaviour.agent, folder, agent, family, seconds + 10)
                parties.append(listener)
            caller = self.call(behaviour, folder, carrier, family, number, calls, seconds)
            parties.append(caller)
            made = caller.wait()
            taken = None
            if listener is not None:
                time.sleep(0.2)
                taken = listener.stop()
        finally:
            for party in parties:
                end(party.process, 1)
        complaint = ""
        if made.succeeded < calls or (taken is not None and (taken.failed or taken.succeeded < calls)):
            complaint = "\n".join([*(party.last_words() for party in parties), self._edge.last_words()])
        return Played(made, taken, complaint, _text(folder / "carrier.messages"), _text(folder / "agent.messages"))

    def call(
        self,
        behaviour: Behaviour,
        folder: Path,
        carrier: Transport = "udp",
        family: Family = "IPv4",
        number: str | None = None,
        calls: int = 1,
        seconds: float = 15.0,
    ) -> Party:
        """The carrier alone, left running."""
        source = PLACES[family].carriers[carrier]
        remote = self._edge.address(family, carrier)
        if carrier == "tls":
            remote = self._bridge(f"front-{family}", source, ("tls", *remote), None).plain
            source = PLACES[family].beyond_carrier
        return Party(
            "carrier",
            behaviour.carrier.write(folder),
            folder,
            (source, free(source)),
            remote=remote,
            service=number or behaviour.dialled,
            calls=calls,
            transport=_SIPP[carrier],
            seconds=seconds,
            lenient=behaviour.name == "cancel-at-once",
            options=("-trace_msg", "-message_file", str(folder / "carrier.messages")),
        )

    def close(self) -> None:
        """Ends the bridges, and with them their connections."""
        for bridge in self._bridges.values():
            end(bridge.process)
        self._bridges.clear()

    def _agent(self, script: Script, folder: Path, agent: Transport, family: Family, seconds: float) -> Party:
        place = (PLACES[family].agents[agent], self._edge.ports.agents[family, agent])
        if agent == "tls":
            host, port = place
            place = (PLACES[family].beyond_agent, self._edge.ports.beyond_agent[family])
            self._bridge(f"back-{family}", host, ("udp", *place), port)
        party = Party(
            "agent",
            script.write(folder),
            folder,
            place,
            transport=_SIPP[agent],
            seconds=seconds,
            options=("-trace_msg", "-message_file", str(folder / "agent.messages")),
        )
        ready = listening if agent == "tcp" else udp_taken
        wait_until(lambda: ready(*place), 5, "SIPp as agent", party.process)
        return party

    def _bridge(self, name: str, host: str, onward: tuple[Transport, str, int], port: int | None) -> Bridge:
        """TLS at `port` of `host` (any when None), and `onward` from there."""
        if name not in self._bridges:
            certificate = self._edge.authority.issue(name, host)
            folder = self._folder / name
            self._bridges[name] = Bridge(folder, host, onward, certificate, self._edge.authority.path, port)
        return self._bridges[name]


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def received(messages: str) -> list[str]:
    """The messages that SIPp's log says it received, in order."""
    found = []
    for part in re.split(r"(?m)^-{20,}.*$", messages):
        head, _, text = part.strip("\n").partition("\n\n")
        if "message received" in head:
            found.append(text)
    return found
