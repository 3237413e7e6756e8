"""Where webhooks may be."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.control.conftest import Clock, build
from tests.control.engine import Engine
from tests.control.hooks import hooked, receiver
from tests.control.names import Names
from tests.control.receiver import Receiver
from trunkline.control.errors import Invalid
from trunkline.providers.post import Post
from trunkline.store.store import Store

__all__ = ["receiver"]

pytestmark = pytest.mark.both_stores

PRIVATE = (
    "http://127.0.0.1/",
    "http://localhost/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[fd00::1]/",
    "http://[fec0::1]/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://100.64.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://user:pass@example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "http:///path",
)


@pytest.mark.parametrize("url", PRIVATE)
async def test_addresses_that_are_not_public_are_refused(store: Store, engine: Engine, clock: Clock, url: str) -> None:
    services = build(store, engine, clock)
    await services.load()
    organization = (await services.organizations.create("Acme")).id
    with pytest.raises(Invalid) as raised:
        await hooked(services, organization, url)
    assert raised.value.code == "webhook_target_refused"


async def test_a_name_that_leads_to_a_private_address_is_not_posted_to(receiver: Receiver) -> None:
    port = receiver.base.rpartition(":")[2]
    post = Post(resolver=Names({"hook.example.com": ["127.0.0.1"], "both.example.com": ["10.0.0.1", "127.0.0.1"]}))
    for host in ("hook.example.com", "both.example.com"):
        posted = await post.send(f"http://{host}:{port}/", b"{}", {})
        assert posted.status is None
        assert "not public" in str(posted.error)
    await post.close()
    assert receiver.taken == []


async def test_names_that_are_looked_up_elsewhere_keep_no_webhook_waiting(receiver: Receiver) -> None:
    """Nor the other way round: webhooks have threads of their own to look up names in."""
    loop, held = asyncio.get_running_loop(), threading.Event()
    others = ThreadPoolExecutor(1)
    loop.set_default_executor(others)
    busy = loop.run_in_executor(None, held.wait)
    post = Post(allow_private=True)
    try:
        posted = await post.send(receiver.base.replace("127.0.0.1", "localhost"), b"{}", {})
        assert (posted.status, posted.error) == (200, None)
        assert not busy.done()
    finally:
        held.set()
        await busy
        await post.close()


async def test_a_name_that_nobody_answers_for_keeps_its_place_until_its_thread_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The places of attempts are shared out among organizations, those of threads are not: whose names are silent
    must not take one after the other."""
    loop, held = asyncio.get_running_loop(), threading.Event()

    def silent(*asked: object, **more: object) -> list[object]:
        held.wait(30)
        raise socket.gaierror("nobody answers")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    post = Post(timeout=0.05)
    try:
        loop.call_later(0.4, held.set)
        posted = await post.send("http://silent.example.com/", b"{}", {})
        assert held.is_set()
        assert posted.error == "no answer in time"
    finally:
        held.set()
        await post.close()


async def test_a_system_without_threads_costs_attempts_and_no_more(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    post = Post(allow_private=True)
    url = receiver.base.replace("127.0.0.1", "localhost")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", full)
            for _ in range(100):
                assert (await post.send(url, b"{}", {})).error == "its host is not known"
        assert (await post.send(url, b"{}", {})).ok
    finally:
        await post.close()


async def test_a_public_name_is_posted_to_at_the_address_that_was_looked_at(receiver: Receiver) -> None:
    port = receiver.base.rpartition(":")[2]
    names = Names({"hook.example.com": ["127.0.0.1"]})
    post = Post(allow_private=True, resolver=names)
    assert (await post.send(f"http://hook.example.com:{port}/", b"{}", {})).ok
    assert names.asked == ["hook.example.com"]
    await post.close()
