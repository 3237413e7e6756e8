"""Trunks that are configured by name are known by where the name leads, as DNS says now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from tests.transport.name_server import NameServer
from trunkline.engine.names import EVERY, LINGER, Names
from trunkline.model.change import Put, Removed
from trunkline.model.trunk import Trunk
from trunkline.routing.table import Table
from trunkline.transport.hosts import HostsFile
from trunkline.transport.resolver import Resolver

TRUNK = Trunk(id="t", organization_id="o", name="carrier", host="sip.carrier.test")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    name_server = NameServer()
    await name_server.start()
    yield name_server
    name_server.stop()


@pytest.fixture
async def resolver(server: NameServer, clock: Clock, tmp_path: Path) -> AsyncIterator[Resolver]:
    made = Resolver((4, 6), name_servers=[server.address], hosts=HostsFile(tmp_path / "hosts"), now=clock)
    yield made
    await made.close()


def known(table: Table, host: str) -> set[str]:
    return set(table.sources(host))


async def test_a_name_is_known_by_its_servers_and_its_own_addresses(
    server: NameServer, resolver: Resolver, clock: Clock
) -> None:
    server.srv("_sip._udp.sip.carrier.test", 1, 1, 5080, "edge1.carrier.test")
    server.srv("_sip._udp.sip.carrier.test", 2, 1, 5080, "edge2.carrier.test")
    server.a("edge1.carrier.test", "198.51.100.1", "2001:db8::1")
    server.a("edge2.carrier.test", "198.51.100.2")
    server.a("sip.carrier.test", "198.51.100.9")
    table = Table([Put(TRUNK)])
    await Names(table, resolver, clock).look()
    for host in ("198.51.100.1", "2001:db8::1", "198.51.100.2", "198.51.100.9"):
        assert known(table, host) == {"t"}, host
    assert known(table, "198.51.100.3") == set()


async def test_who_changes_the_configuration_waits_for_the_name(
    server: NameServer, resolver: Resolver, clock: Clock
) -> None:
    server.a("sip.carrier.test", "198.51.100.9")
    table = Table([Put(TRUNK)])
    names = Names(table, resolver, clock)
    await names.meet(["t", "nobody"])
    assert known(table, "198.51.100.9") == {"t"}
    asked = resolver.questions
    await names.meet(["t"])
    assert resolver.questions == asked, "it is no news"


async def test_a_name_that_nobody_answers_for_keeps_nobody_waiting(
    server: NameServer, resolver: Resolver, clock: Clock
) -> None:
    server.silent.add("sip.carrier.test")
    table = Table([Put(TRUNK)])
    await Names(table, resolver, clock).meet(["t"])
    assert table.found("t") == ()


async def test_an_address_that_left_the_name_counts_for_a_while(
    server: NameServer, resolver: Resolver, clock: Clock
) -> None:
    server.a("sip.carrier.test", "198.51.100.1", ttl=0)
    table = Table([Put(TRUNK)])
    names = Names(table, resolver, clock)
    await names.look()
    server.zone["sip.carrier.test", "A"] = []
    server.a("sip.carrier.test", "198.51.100.2", ttl=0)
    await names.look()
    assert table.found("t") == ("198.51.100.1",), "not due yet"
    clock.now += EVERY
    await names.look()
    assert table.found("t") == ("198.51.100.1", "198.51.100.2")
    clock.now += LINGER
    await names.look()
    assert table.found("t") == ("198.51.100.2",)


async def test_while_dns_fails_what_is_known_stays(server: NameServer, resolver: Resolver, clock: Clock) -> None:
    server.a("sip.carrier.test", "198.51.100.1", ttl=0)
    table = Table([Put(TRUNK)])
    names = Names(table, resolver, clock)
    await names.look()
    server.failing.add("sip.carrier.test")
    for _ in range(3):
        clock.now += LINGER
        await names.look()
    assert known(table, "198.51.100.1") == {"t"}


async def test_a_trunk_that_moves_or_goes_leaves_nothing(server: NameServer, resolver: Resolver, clock: Clock) -> None:
    server.a("sip.carrier.test", "198.51.100.1")
    server.a("pbx.test", "198.51.100.7")
    table = Table([Put(TRUNK)])
    names = Names(table, resolver, clock)
    await names.look()
    table.apply([Put(structs.replace(TRUNK, host="pbx.test"))])
    assert known(table, "198.51.100.1") == set()
    await names.look()
    assert known(table, "198.51.100.7") == {"t"}
    table.apply([Removed("trunk", "t")])
    await names.look()
    assert known(table, "198.51.100.7") == set()
    assert len(names) == 0
