"""The composition root in this process: it starts whole or not at all, and what it opened it closes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time

import aiohttp
import pytest
from cryptography.fernet import Fernet
from msgspec import structs

from tests.edge.conftest import HOST
from tests.transport.name_server import NameServer
from trunkline.control.errors import Refusal
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.edge import Edge
from trunkline.model.call import CallRecord
from trunkline.model.ids import mint
from trunkline.model.secret import Secret
from trunkline.settings import Settings, SettingsError
from trunkline.settings.tree import Api, Listener, StoreSettings
from trunkline.store.database.errors import StoreError, Unavailable
from trunkline.telemetry.log import Log
from trunkline.transport.errors import CertificateError, ListenError


class Open:
    """What this process holds open: descriptors by what they lead to, and tasks."""

    def __init__(self) -> None:
        self.before = self._descriptors()

    def _descriptors(self) -> list[str]:
        found = []
        for name in os.listdir("/proc/self/fd"):
            try:
                found.append(os.readlink(f"/proc/self/fd/{name}"))
            except OSError:
                continue
        return sorted(each for each in found if not each.startswith("/proc/"))

    async def nothing_more(self) -> None:
        others = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert others == set()
        for _ in range(100):  # a thread of the database may still be closing
            if len(self._descriptors()) <= len(self.before):
                return
            await asyncio.sleep(0.01)
        assert self._descriptors() == self.before


@pytest.fixture
def log() -> Log:
    return Log()


async def test_it_leaves_nothing_open(settings: Settings, log: Log) -> None:
    opened = Open()
    for _ in range(3):
        edge = Edge(settings, log)
        started = await edge.start(demo=True)
        assert [address.rpartition(":")[0] for address in started.addresses] == [f"udp:{HOST}", f"tcp:{HOST}"]
        assert started.number is not None
        assert started.key is not None
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{started.api_url}/v1/calls", headers={"X-API-Key": started.key}) as answer,
        ):
            assert answer.status == 200
        await edge.drain(asyncio.Event())
        await edge.stop()
        await opened.nothing_more()


def wrong_key(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.key_file.write_text("no key")


def no_directory(settings: Settings) -> None:
    settings.data_dir.write_text("a file")


@pytest.mark.parametrize(
    ("prepare", "error"), [(wrong_key, StoreError), (no_directory, Unavailable)], ids=["key", "directory"]
)
async def test_what_is_there_does_not_fit(
    settings: Settings, log: Log, prepare: Callable[[Settings], None], error: type[Exception]
) -> None:
    opened = Open()
    prepare(settings)
    with pytest.raises(error, match=str(settings.data_dir)):
        await Edge(settings, log).start()
    await opened.nothing_more()


async def test_a_start_that_fails_half_way_is_undone(settings: Settings, log: Log, tmp_path: Path) -> None:
    """At each step that can fail; then the same directory serves a start that succeeds."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.bind((HOST, 0))
        held.listen()
        port = held.getsockname()[1]
        opened = Open()
        blocked = tmp_path / "blocked"
        blocked.write_text("no directory")
        sip, missing = settings.sip, Path("/nowhere.pem")
        tls = Listener(transport="tls", host=HOST, port=0, certificate=missing)
        tcp = Listener(transport="tcp", host=HOST, port=port)
        cases: list[tuple[Settings, type[Exception]]] = [
            (structs.replace(settings, store=StoreSettings(url=f"sqlite:///{blocked}/all.db")), Unavailable),
            (structs.replace(settings, sip=structs.replace(sip, listeners=(*sip.listeners, tcp))), ListenError),
            (structs.replace(settings, sip=structs.replace(sip, listeners=(*sip.listeners, tls))), CertificateError),
            (structs.replace(settings, api=Api(host=HOST, port=port)), ListenError),
            (structs.replace(settings, api=Api(host=HOST, port=0, certificate=missing)), CertificateError),
        ]
        for faulty, error in cases:
            with pytest.raises(error):
                await Edge(faulty, log).start(demo=True)
            await opened.nothing_more()
        seed = tmp_path / "seed.json"
        seed.write_text('{"trunks": 1}')
        with pytest.raises(Refusal):
            await Edge(settings, log).start(seed=seed)
        await opened.nothing_more()
    edge = Edge(settings, log)
    await edge.start(demo=True)
    await edge.stop()


async def test_reload(settings: Settings, log: Log, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    edge = Edge(settings, log)
    await edge.start()
    wanted = structs.replace(
        settings, worker="w1", sip=structs.replace(settings.sip, max_calls=7, domain="edge.example", drain_limit=1.0)
    )
    await edge.reload(lambda: wanted)
    core = edge.engine.core
    assert (core.arrival.policy.max_calls, core.arrival.policy.domain) == (7, "edge.example")
    assert (edge.settings.sip.drain_limit, edge.settings.worker) == (1.0, "w0")
    assert "in force only after a restart: worker" in caplog.text

    def broken() -> Settings:
        raise SettingsError(["sip.max_calls must be a whole number", "log.level: no such level"])

    await edge.reload(broken)
    assert (
        "nothing was reloaded, the settings cannot be used: sip.max_calls must be a whole number; log.level"
        in caplog.text
    )
    assert core.arrival.policy.max_calls == 7
    await edge.stop()


async def test_a_key_is_rotated_by_a_restart(settings: Settings, log: Log) -> None:
    async def started() -> Edge:
        edge = Edge(settings, log)
        await edge.start()
        return edge

    edge = await started()
    organization = await edge.services.organizations.create("Example")
    wanted = TrunkWanted(
        name="carrier", networks=("192.0.2.0/24",), username=Secret("alice"), password=Secret("wonderland")
    )
    trunk = await edge.services.trunks.create(organization.id, wanted)
    await edge.stop()
    key, new = settings.key_file, Fernet.generate_key().decode()
    key.write_text(f"{new}\n{key.read_text()}")
    await (await started()).stop()
    key.write_text(new)
    edge = await started()
    assert edge.services.trunks.get(organization.id, trunk.id).password == Secret("wonderland")
    await edge.stop()


async def test_what_calls_out_have_cost_today_is_known_after_a_restart(settings: Settings, log: Log) -> None:
    edge = Edge(settings, log)
    await edge.start()
    wall = time()
    call = CallRecord(
        id=mint(wall, bytes(10)),
        organization_id="o",
        direction="outbound",
        status="completed",
        started_at=wall - 130.0,
        answered_at=wall - 125.0,
        ended_at=wall,
    )
    async with edge.store.write() as unit:
        await unit.calls.write([call])
    await edge.stop()
    again = Edge(settings, log)
    await again.start()
    try:
        tolls = again.engine.core.arrival.admission.tolls
        assert (tolls.minutes("o", monotonic()), tolls.minutes("p", monotonic())) == (3, 0)
    finally:
        await again.stop()


async def test_who_names_a_peer_need_not_wait_for_its_calls(settings: Settings, log: Log) -> None:
    """The API's answer comes when the next INVITE from where the name leads is known."""
    server = NameServer()
    await server.start()
    server.a("sip.carrier.test", "198.51.100.7")
    edge = Edge(structs.replace(settings, sip=structs.replace(settings.sip, name_servers=(server.address,))), log)
    await edge.start()
    try:
        organization = await edge.services.organizations.create("Example")
        wanted = TrunkWanted(name="carrier", provider="generic", host="sip.carrier.test")
        trunk = await edge.services.trunks.create(organization.id, wanted)
        assert set(edge.engine.core.arrival.table.sources("198.51.100.7")) == {trunk.id}
        await edge.services.trunks.change(organization.id, trunk.id, TrunkWanted(networks=("192.0.2.0/24",)))
        assert set(edge.engine.core.arrival.table.sources("198.51.100.7")) == set()
    finally:
        await edge.stop()
        server.stop()


async def test_it_answers_while_it_starts(settings: Settings, log: Log) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    settings = structs.replace(settings, api=Api(host=HOST, port=port))
    edge = Edge(settings, log)
    await edge.start()
    await edge.stop()
    path = settings.store_url.partition("sqlite:///")[2]
    edge, base = Edge(settings, log), f"http://{HOST}:{port}"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # somebody else writes: the journal has to wait
        starting = asyncio.ensure_future(edge.start())
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with session.get(f"{base}/readyz") as answer:
                        status, told = answer.status, await answer.json()
                        break
                await asyncio.sleep(0.01)
            assert status == 503
            assert told["status"] == "not_ready"
            assert told["reasons"][0].startswith("the edge is starting: ")
            async with session.get(f"{base}/healthz") as answer:
                assert (answer.status, (await answer.json())["status"]) == (200, "ok")
            async with session.get(f"{base}/v1/calls") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                assert (await answer.json())["error"]["code"] == "engine_unavailable"
            assert not starting.done()
            other.execute("ROLLBACK")
            await starting
            async with session.get(f"{base}/readyz") as answer:
                assert answer.status == 200
            async with session.get(f"{base}/v1/calls") as answer:
                assert answer.status == 401
    await edge.stop()
