"""The core's question becomes flows, at once or later."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.transport.conftest import OpenLayer
from tests.transport.name_server import NameServer
from tests.transport.wire import soon
from trunkline.call.inputs import Input, Resolved, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Flow
from trunkline.transport.finder import Finder
from trunkline.transport.hosts import HostsFile
from trunkline.transport.listener import ListenerSpec
from trunkline.transport.resolver import Resolver


async def test_questions_are_answered_with_flows(opened: OpenLayer, tmp_path: Path) -> None:
    layer, _ = await opened(ListenerSpec(transport="udp", host="127.0.0.1", port=0))
    server = NameServer()
    await server.start()
    server.a("agent.example.com", "127.0.0.9", "127.0.0.8", "2001:db8::1")
    resolver = Resolver(name_servers=[server.address], hosts=HostsFile(tmp_path / "none"), chance=lambda: 0.0)
    given: asyncio.Queue[Input] = asyncio.Queue()
    finder = Finder(resolver, layer, given.put_nowait)
    udp, tls = layer.bound[0].address, ("127.0.0.1", 5061)

    assert finder.find(Resolve("leg", "sip:echo@127.0.0.5:5080")) == Resolved(
        "leg", (Flow("udp", udp, ("127.0.0.5", 5080)),)
    )
    assert finder.find(Resolve("leg", "tel:+1")) == Unresolvable("leg", "tel: is not a scheme that leads to a host")
    assert finder.find(Resolve("leg", "sip:[2001:db8::1]:5080")) == Unresolvable(
        "leg", "no listener and route towards udp:[2001:db8::1]:5080"
    )
    question = Resolve("later", "sips:agent.example.com:5071", tls=TlsProfile(verify=False))
    assert finder.find(question) is None
    assert finder.waiting == 1
    answer = await soon(given)
    assert isinstance(answer, Resolved)
    assert answer.leg == "later"
    assert [(flow.local, flow.remote) for flow in answer.flows] == [
        (tls, ("127.0.0.9", 5071)),
        (tls, ("127.0.0.8", 5071)),
    ]
    assert {flow.connection.rpartition(":")[0] for flow in answer.flows} == {"out:agent.example.com"}
    assert finder.find(question) == answer
    assert finder.find(Resolve("gone", "sip:gone.example.com")) is None
    assert await soon(given) == Unresolvable("gone", "gone.example.com has no IPv4 or IPv6 address")
    server.silent.add("silent.example.com")
    assert finder.find(Resolve("never", "sip:silent.example.com:1")) is None
    await finder.close()
    assert finder.waiting == 0
    await resolver.close()
    assert given.empty()
    server.stop()
    await asyncio.sleep(0)
