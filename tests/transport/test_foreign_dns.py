"""The resolver against a name server that is not ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.transport.dnsmasq import Dnsmasq
from trunkline.transport.hosts import HostsFile
from trunkline.transport.records import Hop, Nowhere
from trunkline.transport.resolver import Resolver

pytestmark = pytest.mark.foreign

ZONE = (
    "naptr-record=bots.test,10,10,S,SIP+D2T,,_sip._tcp.pool.test",
    "naptr-record=bots.test,20,10,S,SIP+D2U,,_sip._udp.pool.test",
    "naptr-record=bots.test,5,10,S,SIPS+D2T,,_sips._tcp.secure.test",
    "naptr-record=bots.test,1,10,U,E2U+sip,!^.*$!sip:x@y!,",
    "srv-host=_sip._tcp.pool.test,one.test,5071,10,1",
    "srv-host=_sip._udp.pool.test,two.test,5072,20,1",
    "srv-host=_sip._udp.pool.test,one.test,5071,10,1",
    "srv-host=_sips._tcp.secure.test,three.test,5073,1,1",
    "srv-host=_sip._udp.shared.test,one.test,1,10,10",
    "srv-host=_sip._udp.shared.test,two.test,2,10,30",
    "srv-host=_sip._udp.shared.test,three.test,3,20,0",
    "srv-host=_sip._udp.closed.test",
    "host-record=closed.test,192.0.2.8",
    "host-record=one.test,192.0.2.1,2001:db8::1",
    "host-record=two.test,192.0.2.2",
    "host-record=three.test,192.0.2.3",
    "cname=alias.test,one.test",
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Dnsmasq]:
    running = Dnsmasq(tmp_path)
    running.serve(*ZONE)
    yield running
    running.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def resolver(server: Dnsmasq, clock: Clock, tmp_path: Path) -> AsyncIterator[Resolver]:
    hosts = HostsFile(tmp_path / "hosts")
    made = Resolver((4, 6), name_servers=[server.address], hosts=hosts, now=clock, chance=Random(7).random)
    yield made
    await made.close()


async def hops(resolver: Resolver, uri: str) -> list[tuple[str, str, int]]:
    found = await resolver.resolve(uri)
    assert isinstance(found, tuple), found
    return [(hop.transport, *hop.address) for hop in found]


async def test_a_domain_says_how_where_and_in_what_order(resolver: Resolver) -> None:
    assert await hops(resolver, "sip:agent@bots.test") == [
        ("tls", "192.0.2.3", 5073),
        ("tcp", "192.0.2.1", 5071),
        ("tcp", "2001:db8::1", 5071),
        ("udp", "192.0.2.1", 5071),
        ("udp", "2001:db8::1", 5071),
        ("udp", "192.0.2.2", 5072),
    ]
    assert await hops(resolver, "sips:agent@bots.test") == [("tls", "192.0.2.3", 5073)]


async def test_what_the_uri_says_stands_above_dns(resolver: Resolver) -> None:
    assert await hops(resolver, "sip:alias.test:5099") == [("udp", "192.0.2.1", 5099), ("udp", "2001:db8::1", 5099)]
    assert await hops(resolver, "sip:two.test;transport=tcp") == [("tcp", "192.0.2.2", 5060)]
    assert await hops(resolver, "sip:pool.test;transport=udp") == [
        ("udp", "192.0.2.1", 5071),
        ("udp", "2001:db8::1", 5071),
        ("udp", "192.0.2.2", 5072),
    ]


async def test_the_share_of_calls_is_by_weight_within_a_priority(resolver: Resolver) -> None:
    orders = Counter([tuple([port for _, host, port in await hops(resolver, "sip:shared.test") if ":" not in host])
                      for _ in range(1000)])  # fmt: skip
    assert set(orders) == {(1, 2, 3), (2, 1, 3)}
    assert 700 < orders[2, 1, 3] < 800
    assert resolver.questions < 20, "the records were asked once"


async def test_who_declines_is_not_called(resolver: Resolver) -> None:
    found = await resolver.resolve("sip:closed.test")
    assert found == Nowhere("closed.test says in DNS that it does not offer SIP")


async def test_no_such_name_is_remembered_for_a_while(server: Dnsmasq, resolver: Resolver, clock: Clock) -> None:
    assert await resolver.resolve("sip:new.test") == Nowhere("new.test has no IPv4 or IPv6 address")
    server.serve(*ZONE, "host-record=new.test,192.0.2.9")
    assert isinstance(await resolver.resolve("sip:new.test"), Nowhere)
    clock.now += 31.0
    assert await resolver.resolve("sip:new.test") == (Hop("udp", ("192.0.2.9", 5060), "new.test"),)


async def test_records_that_change_are_followed_when_their_time_is_over(
    server: Dnsmasq, resolver: Resolver, clock: Clock
) -> None:
    # dnsmasq gives its own records no time to live: no memory but ours is asked.
    server.serve("srv-host=_sip._udp.moving.test,one.test,5060", "host-record=one.test,192.0.2.1")
    assert await hops(resolver, "sip:moving.test;transport=udp") == [("udp", "192.0.2.1", 5060)]
    server.serve("srv-host=_sip._udp.moving.test,two.test,5062", "host-record=two.test,192.0.2.2")
    assert await hops(resolver, "sip:moving.test;transport=udp") == [("udp", "192.0.2.1", 5060)]
    clock.now += 6.0
    assert await hops(resolver, "sip:moving.test;transport=udp") == [("udp", "192.0.2.2", 5062)]
    server.stop()
    clock.now += 6.0
    assert await hops(resolver, "sip:moving.test;transport=udp") == [("udp", "192.0.2.2", 5062)], "an outage loses none"
