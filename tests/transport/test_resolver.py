"""The resolver against a name server of our own on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.transport.name_server import NameServer
from tests.transport.wire import PATIENCE
from trunkline.transport.hosts import HostsFile
from trunkline.transport.records import Hop, Nowhere
from trunkline.transport.resolver import Resolver


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    name_server = NameServer()
    await name_server.start()
    yield name_server
    name_server.stop()
    await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeResolver = Callable[..., Resolver]


@pytest.fixture
async def resolving(server: NameServer, clock: Clock, tmp_path: Path) -> AsyncIterator[MakeResolver]:
    made: list[Resolver] = []

    def make(**options: object) -> Resolver:
        options = {"now": clock, "chance": lambda: 0.0, "hosts": HostsFile(tmp_path / "hosts"), **options}
        resolver = Resolver(name_servers=[server.address], **options)  # type: ignore[arg-type]
        made.append(resolver)
        return resolver

    yield make
    for resolver in made:
        await resolver.close()


async def test_a_domain_is_followed_from_naptr_to_its_addresses(server: NameServer, resolving: MakeResolver) -> None:
    server.naptr("example.com", 10, 10, "SIPS+D2T", "_sips._tcp.example.com")
    server.naptr("example.com", 20, 10, "SIP+D2U", "_sip._udp.example.com")
    server.srv("_sips._tcp.example.com", 2, 1, 5071, "second.example.com")
    server.srv("_sips._tcp.example.com", 1, 1, 5061, "First.example.com")
    server.srv("_sip._udp.example.com", 1, 1, 5060, "first.example.com")
    server.a("first.example.com", "192.0.2.1", "2001:db8::1")
    server.a("second.example.com", "192.0.2.2")
    resolver = resolving()
    assert resolver.resolve_now("sip:example.com") is None
    found = await resolver.resolve("sip:example.com")
    assert found == (
        Hop("tls", ("192.0.2.1", 5061), "example.com"),
        Hop("tls", ("2001:db8::1", 5061), "example.com"),
        Hop("tls", ("192.0.2.2", 5071), "example.com"),
        Hop("udp", ("192.0.2.1", 5060), "example.com"),
        Hop("udp", ("2001:db8::1", 5060), "example.com"),
    )
    assert resolver.resolve_now("sip:example.com") == found


async def test_srv_without_naptr_and_addresses_without_srv(server: NameServer, resolving: MakeResolver) -> None:
    server.srv("_sip._tcp.a.example.com", 1, 1, 5070, "one.example.com")
    server.a("one.example.com", "192.0.2.1")
    server.a("b.example.com", "192.0.2.2")
    server.alias("c.example.com", "b.example.com")
    resolver = resolving(families=(4,))
    assert await resolver.resolve("sip:a.example.com") == (Hop("tcp", ("192.0.2.1", 5070), "a.example.com"),)
    assert await resolver.resolve("sip:b.example.com") == (Hop("udp", ("192.0.2.2", 5060), "b.example.com"),)
    assert await resolver.resolve("sip:c.example.com", "tls") == (Hop("tls", ("192.0.2.2", 5061), "c.example.com"),)
    assert ("one.example.com", "AAAA") not in server.asked


async def test_a_question_is_asked_once_until_its_time_has_run_out(
    server: NameServer, resolving: MakeResolver, clock: Clock
) -> None:
    server.a("example.com", "192.0.2.1", ttl=0)
    resolver = resolving(families=(4,))
    await asyncio.gather(*(resolver.resolve("sip:example.com:5060") for _ in range(20)))
    assert resolver.resolve_now("sip:example.com:5060") is not None
    assert server.asked["example.com", "A"] == 1
    clock.now += 5
    assert resolver.resolve_now("sip:example.com:5060") is None
    server.zone.clear()
    server.a("example.com", "192.0.2.2", ttl=100_000)
    await resolver.resolve("sip:example.com:5060")
    clock.now += 3599
    assert resolver.resolve_now("sip:example.com:5060") == (Hop("udp", ("192.0.2.2", 5060), "example.com"),)
    clock.now += 1
    assert resolver.resolve_now("sip:example.com:5060") is None


async def test_what_does_not_exist_is_remembered_too(server: NameServer, resolving: MakeResolver, clock: Clock) -> None:
    resolver = resolving(families=(4, 6))
    nowhere = Nowhere("gone.example.com has no IPv4 or IPv6 address")
    assert await resolver.resolve("sip:gone.example.com") == nowhere
    asked = server.asked.total()
    assert resolver.resolve_now("sip:gone.example.com") == nowhere
    clock.now += 30
    assert resolver.resolve_now("sip:gone.example.com") is None
    assert server.asked.total() == asked
    assert resolver.counts()["dns_failures"] == 0


async def test_a_failing_server_is_asked_again_soon(server: NameServer, resolving: MakeResolver, clock: Clock) -> None:
    server.failing.add("example.com")
    resolver = resolving(families=(4,))
    found = await resolver.resolve("sip:example.com:5060")
    assert isinstance(found, Nowhere)
    assert found.reason.startswith("example.com could not be looked up: ")
    clock.now += 3
    server.failing.clear()
    server.a("example.com", "192.0.2.1")
    assert await resolver.resolve("sip:example.com:5060") == (Hop("udp", ("192.0.2.1", 5060), "example.com"),)
    assert resolver.counts()["dns_failures"] == 1


async def test_old_records_serve_while_dns_fails(server: NameServer, resolving: MakeResolver, clock: Clock) -> None:
    server.a("example.com", "192.0.2.1", ttl=0)
    resolver = resolving(families=(4,))
    first = await resolver.resolve("sip:example.com:5060")
    server.failing.add("example.com")
    for _ in range(3):
        clock.now += 3600
        assert await resolver.resolve("sip:example.com:5060") == first
    assert resolver.counts()["dns_failures"] == 3


async def test_a_silent_server_costs_a_bounded_time(server: NameServer, resolving: MakeResolver) -> None:
    server.silent |= {"example.com", "_sip._udp.example.com"}
    loop = asyncio.get_running_loop()
    resolver = resolving(families=(4,), patience=0.3, now=loop.time)
    began = loop.time()
    found = await resolver.resolve("sip:example.com", "udp")
    assert found == Nowhere("example.com could not be looked up: DNS did not answer in time")
    assert loop.time() - began < PATIENCE


async def test_one_silent_name_does_not_take_the_others_down(server: NameServer, resolving: MakeResolver) -> None:
    server.silent.add("dead.example.com")
    server.srv("_sip._udp.example.com", 1, 1, 5060, "dead.example.com")
    server.srv("_sip._udp.example.com", 2, 1, 5060, "one.example.com")
    server.a("one.example.com", "192.0.2.1")
    resolver = resolving(families=(4,), patience=0.5, now=asyncio.get_running_loop().time)
    assert await resolver.resolve("sip:example.com", "udp") == (Hop("udp", ("192.0.2.1", 5060), "example.com"),)


async def test_the_hosts_file_stands_before_dns(
    server: NameServer, resolving: MakeResolver, clock: Clock, tmp_path: Path
) -> None:
    server.a("pbx.example.com", "192.0.2.1")
    server.srv("_sip._udp.pbx.example.com", 1, 1, 5099, "pbx.example.com")
    hosts = tmp_path / "hosts"
    hosts.write_text("198.51.100.7 PBX.example.com # ours\n2001:db8::7\tpbx.example.com other\nnonsense pbx\n")
    resolver = resolving()
    assert resolver.resolve_now("sip:pbx.example.com") == (
        Hop("udp", ("198.51.100.7", 5060), "pbx.example.com"),
        Hop("udp", ("2001:db8::7", 5060), "pbx.example.com"),
    )
    assert resolver.resolve_now("sip:other", "tcp") == (Hop("tcp", ("2001:db8::7", 5060), "other"),)
    assert resolver.resolve_now("sip:localhost:5070") == (
        Hop("udp", ("127.0.0.1", 5070), "localhost"),
        Hop("udp", ("::1", 5070), "localhost"),
    )
    hosts.write_text("198.51.100.8 pbx.example.com\n")
    os.utime(hosts, ns=(1, 1))
    clock.now += 5
    assert resolver.resolve_now("sip:pbx.example.com") == (Hop("udp", ("198.51.100.8", 5060), "pbx.example.com"),)
    assert server.asked.total() == 0
    hosts.unlink()
    clock.now += 5
    assert resolver.resolve_now("sip:pbx.example.com") is not None


async def test_closing_answers_those_who_wait(server: NameServer, resolving: MakeResolver) -> None:
    server.silent.add("example.com")
    resolver = resolving(families=(4,))
    waiting = asyncio.ensure_future(resolver.resolve("sip:example.com:5060"))
    while not resolver.counts()["names_asking"]:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await resolver.close()
    assert isinstance(await waiting, Nowhere)
    assert resolver.counts()["names_asking"] == 0


@pytest.mark.parametrize(
    "uri", ["sip:" + "a" * 64 + ".com", "sip:" + "a." * 200 + "com", "sip:a..b", "sip:_x-.example"]
)
async def test_names_that_cannot_be_are_nowhere(resolving: MakeResolver, uri: str) -> None:
    assert isinstance(await resolving().resolve(uri), Nowhere)
