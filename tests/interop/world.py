"""Who is where: addresses of this test run's own, a number for each pairing, and the routing that says so.

On IPv6 there is one loopback address, so every party is at ::1 and only the dialled number tells the trunks apart.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Literal, NamedTuple

from loadtest import behaviours
from loadtest.edges import NUMBER
from loadtest.peers import baresip
from loadtest.peers.ports import bracketed, free

Transport = Literal["udp", "tcp", "tls"]
Family = Literal["IPv4", "IPv6"]
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tls")
FAMILIES: tuple[Family, ...] = ("IPv4", "IPv6")

PHONE_NUMBER = "+12025550190"
"""Answered by the softphone."""
ECHO_NUMBER = "+12025550191"
"""Answered by the built-in echo."""
_OWNER = {"organization_id": "org_interop"}
_NETWORK = f"127.{100 + os.getpid() % 100}"
"""Two runs on one machine keep apart."""


class Place(NamedTuple):
    """Literal addresses of one family. With TLS a carrier or agent is Kamailio, and SIPp stands beyond it."""

    edge: str
    carriers: dict[Transport, str]
    agents: dict[Transport, str]
    beyond_carrier: str
    beyond_agent: str


PLACES: dict[Family, Place] = {
    "IPv4": Place(
        f"{_NETWORK}.0.1",
        {"udp": f"{_NETWORK}.1.1", "tcp": f"{_NETWORK}.1.2", "tls": f"{_NETWORK}.1.3"},
        {"udp": f"{_NETWORK}.2.1", "tcp": f"{_NETWORK}.2.2", "tls": f"{_NETWORK}.2.3"},
        f"{_NETWORK}.1.4",
        f"{_NETWORK}.2.4",
    ),
    "IPv6": Place("::1", dict.fromkeys(TRANSPORTS, "::1"), dict.fromkeys(TRANSPORTS, "::1"), "::1", "::1"),
}
PHONE = f"{_NETWORK}.2.9"
PAIRINGS = [(family, transport) for family in FAMILIES for transport in TRANSPORTS]


class Ports(NamedTuple):
    """Chosen once, before anything starts, because the routing names them."""

    edge: dict[tuple[Family, Transport], int]
    agents: dict[tuple[Family, Transport], int]
    beyond_agent: dict[Family, int]
    phone: int
    """UDP and TCP; TLS at the next."""
    api: int


def choose_ports() -> Ports:
    return Ports(
        edge={(family, transport): free(PLACES[family].edge) for family, transport in PAIRINGS},
        agents={(family, transport): free(PLACES[family].agents[transport]) for family, transport in PAIRINGS},
        beyond_agent={family: free(PLACES[family].beyond_agent) for family in FAMILIES},
        phone=baresip.pair(PHONE),
        api=free("127.0.0.1"),
    )


def number(family: Family, carrier: Transport, agent: Transport) -> str:
    """The number that this carrier brings and this agent answers."""
    index = TRANSPORTS.index(carrier) * len(TRANSPORTS) + TRANSPORTS.index(agent)
    return f"+120255501{FAMILIES.index(family) + 1}{index}"


def routing(ports: Ports, authority: Path) -> dict[str, object]:
    """The edge's seed: trunks, agents and numbers. Peers over TLS must show what `authority` (PEM) signed."""
    trust = {"ca_bundle": authority.read_text()}
    trunks: list[dict[str, object]] = []
    agents: list[dict[str, object]] = []
    numbers: list[dict[str, object]] = []
    for family, transport in PAIRINGS:
        name = _name(family, transport)
        trunks.append(_carrier(name, transport, PLACES[family].carriers[transport]))
        host, port = PLACES[family].agents[transport], ports.agents[family, transport]
        agents.append(_agent(name, f"sip:agent@{bracketed(host)}:{port};transport={transport}"))
        if transport == "tls":
            trunks.append({**_OWNER, "id": f"trunk_agent_{name}", "name": f"agents {name}", "transport": "tls"})
            trunks[-1] |= {"host": host, "port": port, "tls": trust}
            agents[-1]["trunk_id"] = f"trunk_agent_{name}"
        numbers.extend(
            _number(number(family, transport, other), f"trunk_{name}", f"agent_{_name(family, other)}")
            for other in TRANSPORTS
        )
    numbers.append(_number(NUMBER, "trunk_ipv4_udp", "agent_ipv4_udp"))

    agents.append({**agents[0], "id": "agent_impatient", "name": "impatient", "ring_timeout": behaviours.RING_TIMEOUT})
    numbers.append(_number(behaviours.IMPATIENT, "trunk_ipv4_udp", "agent_impatient"))

    # baresip's TLS connections come from 127.0.0.1, wherever it listens.
    trunks.append(_carrier("phones", "tls", "127.0.0.1") | {"host": PHONE, "port": ports.phone + 1, "tls": trust})
    agents.append(_agent("phone", f"sip:phone@{PHONE}:{ports.phone + 1};transport=tls") | {"trunk_id": "trunk_phones"})
    numbers.append(_number(PHONE_NUMBER, "trunk_ipv4_udp", "agent_phone"))

    agents.append({**_OWNER, "id": "agent_echo", "name": "echo", "kind": "echo"})
    numbers.append(_number(ECHO_NUMBER, "trunk_phones", "agent_echo"))
    return {
        "organizations": [{"id": "org_interop", "name": "Interop"}],
        "trunks": trunks,
        "agents": agents,
        "numbers": numbers,
    }


def _name(family: Family, transport: Transport) -> str:
    return f"{family}_{transport}".lower()


def _carrier(name: str, transport: Transport, source: str) -> dict[str, object]:
    network = str(ipaddress.ip_network(source))
    return {**_OWNER, "id": f"trunk_{name}", "name": name, "transport": transport, "networks": [network]}


def _agent(name: str, uri: str) -> dict[str, object]:
    return {**_OWNER, "id": f"agent_{name}", "name": f"agent {name}", "kind": "sip", "uri": uri}


def _number(e164: str, trunk: str, agent: str) -> dict[str, object]:
    return {**_OWNER, "id": f"phone_{e164[1:]}", "e164": e164, "trunk_id": trunk, "agent_id": agent}
