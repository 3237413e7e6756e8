"""Every test of sockets runs on both event loops, and leaves no descriptor behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from tests.transport.wire import PATIENCE, Authority, Heard, Stranger
from trunkline.sip.flow import Address
from trunkline.transport.layer import TransportLayer
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec

Opened = tuple[TransportLayer, Heard]
OpenLayer = Callable[..., Awaitable[Opened]]
Visit = Callable[[Address], Awaitable[Stranger]]
Door = Callable[[], Awaitable[tuple[Address, Callable[[], Awaitable[Stranger]]]]]


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def loops_have_run() -> None:
    """What a loop keeps for the process is open before descriptors are counted."""
    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.sleep(0))


@pytest.fixture(autouse=True)
def no_descriptor_leaks(loops_have_run: None) -> Iterator[None]:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    yield
    # The DNS library closes its channels in a thread of its own.
    ends = time.monotonic() + PATIENCE
    while descriptors() > before and time.monotonic() < ends:
        gc.collect()
    assert descriptors() <= before


@pytest.fixture
async def opened() -> AsyncIterator[OpenLayer]:
    """Opens layers, and closes them after the test."""
    async with AsyncExitStack() as stack:

        async def open_layer(*specs: ListenerSpec, limits: Limits | None = None) -> Opened:
            layer, heard = TransportLayer(limits), Heard()
            await layer.open(specs, heard)
            stack.push_async_callback(layer.close)
            return layer, heard

        yield open_layer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    """Loopback of either family."""
    address = str(request.param)
    if ":" in address and "00000000000000000000000000000001" not in Path("/proc/net/if_inet6").read_text():
        pytest.skip("tool: IPv6 is not enabled here")
    return address


@pytest.fixture
def peer(host: str) -> Iterator[socket.socket]:
    """A plain UDP socket of somebody else."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((host, 0))
        other.settimeout(5)
        yield other


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """Connects to an address of ours."""
    with_ends: list[socket.socket] = []

    async def connect(to: Address) -> Stranger:
        stream = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM)
        with_ends.append(stream)
        stream.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_connect(stream, to)
        return Stranger(stream)

    yield connect
    for stream in with_ends:
        stream.close()


@pytest.fixture
async def door(host: str) -> AsyncIterator[Door]:
    """A listening socket of somebody else: its address, and how to take the next connection."""
    async with AsyncExitStack() as stack:

        async def listen() -> tuple[Address, Callable[[], Awaitable[Stranger]]]:
            listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            stack.callback(listening.close)
            listening.setblocking(False)

            async def take() -> Stranger:
                async with asyncio.timeout(PATIENCE):
                    stream, _ = await asyncio.get_running_loop().sock_accept(listening)
                stack.callback(stream.close)
                return Stranger(stream)

            bound_host, port = listening.getsockname()[:2]
            return (bound_host, port), take

        yield listen
