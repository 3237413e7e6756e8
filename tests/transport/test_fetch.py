"""Certificates by https, from a real server on loopback: what is taken, what is not, and for how long it holds."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

from tests.transport.wire import Authority, soon, until
from trunkline.call.inputs import Fetched, Input
from trunkline.transport import fetch
from trunkline.transport.fetch import Fetcher, public

PEM = b"-----BEGIN CERTIFICATE-----\n"
Serve = Callable[[web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


class Library:
    """A fetcher, its server, and what came."""

    def __init__(self, authority: Authority) -> None:
        self.came: asyncio.Queue[Input] = asyncio.Queue()
        self.asked: list[str] = []
        self.reachable = True
        context = ssl.create_default_context(cadata=authority.pem)
        self.fetcher = Fetcher(self.came.put_nowait, lambda address: self.reachable, context)

    async def get(self, url: str, call: str = "c") -> bytes | None:
        found: Input | None = self.fetcher.fetch(url, call)
        if found is None:
            found = await soon(self.came)
        assert isinstance(found, Fetched)
        assert found.call == call
        return found.pem


@pytest.fixture
async def library(authority: Authority) -> AsyncIterator[Library]:
    made = Library(authority)
    yield made
    await made.fetcher.close()


@pytest.fixture
async def serve(library: Library, authority: Authority) -> AsyncIterator[Serve]:
    """Serves one answer at every path; gives the URL."""
    runners: list[web.ServerRunner] = []

    async def start(answer: web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        pair = authority.issue("127.0.0.1", "localhost")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.chain_file, pair.key_file)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            library.asked.append(request.path)
            if isinstance(answer, web.Response):
                return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
            return await answer(request)  # type: ignore[arg-type]

        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        runners.append(runner)
        return f"https://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_names_take_no_thread_that_others_wait_for(library: Library, serve: Serve) -> None:
    """Nor the other way round: whoever calls names them."""
    url = (await serve(web.Response(body=PEM))).replace("127.0.0.1", "localhost") + "/chain.pem"
    loop, held = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, held.wait)
    try:
        assert await library.get(url) == PEM
        assert not busy.done()
    finally:
        held.set()
        await busy


async def test_a_certificate_is_fetched_once_and_remembered(library: Library, serve: Serve) -> None:
    url = await serve(web.Response(body=PEM)) + "/chain.pem"
    assert await library.get(url, "first") == PEM
    assert library.fetcher.fetch(url, "second") == Fetched("second", PEM)
    assert library.asked == ["/chain.pem"]
    assert (library.fetcher.fetched, len(library.fetcher)) == (1, 0)


async def test_calls_that_wait_for_one_url_share_one_request(library: Library, serve: Serve) -> None:
    url = await serve(web.Response(body=PEM))
    assert [library.fetcher.fetch(url, str(number)) for number in range(3)] == [None] * 3
    assert len(library.fetcher) == 3
    assert [await soon(library.came) for _ in range(3)] == [Fetched(str(number), PEM) for number in range(3)]
    assert len(library.asked) == 1


@pytest.mark.parametrize("status", [404, 500, 301, 204])
async def test_other_answers_are_none(library: Library, serve: Serve, status: int) -> None:
    headers = {"Location": "https://127.0.0.1:1/"} if status == 301 else {}
    url = await serve(web.Response(status=status, headers=headers))
    assert await library.get(url) is None
    assert library.fetcher.fetch(url, "again") == Fetched("again", None), "a failure is remembered for a while"
    assert library.fetcher.failed == 1


async def test_an_answer_without_an_end_is_cut(library: Library, serve: Serve) -> None:
    async def drone(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 8192)

    assert await library.get(await serve(drone)) is None


async def test_an_answer_that_does_not_come_is_given_up(
    library: Library, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_LONGEST", 0.2)

    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.Response()

    assert await library.get(await serve(silent)) is None


async def test_what_is_not_to_be_reached_is_not(library: Library, serve: Serve) -> None:
    url = await serve(web.Response(body=PEM))
    library.reachable = False
    assert await library.get(url) is None
    assert await library.get(url.replace("127.0.0.1", "localhost")) is None
    assert library.asked == []
    assert await library.get("https://127.0.0.1:1/") is None


async def test_networks_of_the_operators_choice_are_spoken_to(library: Library, serve: Serve) -> None:
    """And what was not to be had before is asked for at once."""
    url = await serve(web.Response(body=PEM))
    library.reachable = False
    assert await library.get(url) is None
    library.fetcher.allow(("127.0.0.0/8",))
    assert await library.get(url) == PEM
    assert await library.get(url.replace("127.0.0.1", "localhost") + "/other") == PEM
    library.fetcher.allow(("127.0.0.2/32",))
    assert await library.get(url + "/third") is None


async def test_a_server_that_is_not_trusted_is_not_believed(library: Library, serve: Serve) -> None:
    url = await serve(web.Response(body=PEM))
    library.fetcher._context = ssl.create_default_context()
    assert await library.get(url) is None
    assert library.asked == []


async def test_only_so_many_are_fetched_at_once(library: Library, serve: Serve) -> None:
    gate = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response(body=PEM)

    url = await serve(slow)
    assert [library.fetcher.fetch(f"{url}/{number}", "c") for number in range(32)] == [None] * 32
    assert library.fetcher.fetch(f"{url}/more", "c") == Fetched("c", None)
    await until(lambda: len(library.asked) == 32)
    gate.set()
    for _ in range(32):
        assert await soon(library.came) == Fetched("c", PEM)


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("", 3600.0),
        ("max-age=600", 600.0),
        ('private, max-age="700"', 700.0),
        ("max-age=1", 60.0),
        ("max-age=99999999", 86_400.0),
        ("no-store", 60.0),
        ("no-cache, max-age=600", 60.0),
        ("nonsense", 3600.0),
    ],
)
def test_how_long_an_answer_holds(cache_control: str, seconds: float) -> None:
    assert fetch._age(cache_control) == seconds


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert public(ipaddress.ip_address(address)) == expected
