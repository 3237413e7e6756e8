"""The server on a socket: HTTPS with a certificate, and an orderly end."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest

from tests.api.conftest import Clock
from trunkline.api import app, server
from trunkline.control.access.keys import KeyWanted
from trunkline.control.services import Services
from trunkline.store.store import Store
from trunkline.transport.errors import CertificateError, ListenError


async def test_s2_52_https(services: Services, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = server.Certificate(str(cert), str(key)).context
    running = await server.start(app.build(services), services, "127.0.0.1", 0, context)
    _, port = running.addresses[0]
    trusting = ssl.create_default_context(cafile=str(cert))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://127.0.0.1:{port}/healthz", ssl=trusting, server_hostname="localhost") as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["status"] == "ok"
    await running.stop()


async def test_an_address_that_is_taken_is_an_error(services: Services) -> None:
    first = await server.start(app.build(services), services, "127.0.0.1", 0)
    host, port = first.addresses[0]
    with pytest.raises(ListenError, match="address already in use"):
        await server.start(app.build(services), services, host, port)
    await first.stop()


async def test_what_was_noted_is_written_at_the_end(services: Services, store: Store, clock: Clock) -> None:
    organization = (await services.organizations.create("Acme")).id
    key, text = await services.keys.create(None, organization, KeyWanted(name="K"))
    running = await server.start(app.build(services), services, "127.0.0.1", 0)
    host, port = running.addresses[0]
    clock.pass_(5)
    headers = {"Authorization": f"Bearer {text}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"http://{host}:{port}/v1/agents"):
        pass
    await running.stop()
    async with store.read() as unit:
        kept = {kept.id: kept.last_used_at for kept in await unit.keys.all()}
    assert kept[key.id] == clock.wall


def test_a_certificate_is_renewed_in_place(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    shown = server.Certificate(str(cert), str(key))
    context, ends = shown.context, shown.expires_at
    kept = cert.read_bytes()
    for wrong in (b"no certificate", kept[: len(kept) // 2]):
        cert.write_bytes(wrong)
        with pytest.raises(CertificateError, match=str(cert)):
            shown.renew()
    cert.unlink()
    with pytest.raises(CertificateError, match="no such file"):
        shown.renew()
    cert.write_bytes(kept)
    shown.renew()
    assert (shown.context, shown.expires_at) == (context, ends)
