"""The document: committed and current, true to the routes, and obeyed by the server whatever is generated from it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.conftest import Client
from tests.control.conftest import Clock, build, nowhere
from tests.control.engine import Engine
from trunkline import __version__
from trunkline.api import app, openapi, server
from trunkline.api.native import ROUTES
from trunkline.api.surface import Surface
from trunkline.api.surfaces import surfaces
from trunkline.control.access.keys import KeyWanted
from trunkline.control.errors import CODES
from trunkline.store.store import Store

SURFACES = surfaces()
NATIVE = SURFACES[0]
DOCUMENT = openapi.document(NATIVE, __version__)
EVERY = tuple(route for surface in SURFACES for route in surface.routes)


def named(surface: Surface) -> str:
    return surface.name


def test_the_committed_documents_are_current(root: Path, tmp_path: Path) -> None:
    """`python -m trunkline.api.documents docs` writes them anew."""
    command = [sys.executable, "-m", "trunkline.api.documents", str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(root / "src")})
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in (root / "docs").glob("openapi*.json")}


@pytest.mark.parametrize("surface", SURFACES, ids=named)
async def test_they_are_served_to_everybody(anybody: Client, surface: Surface) -> None:
    answer = await anybody.get(surface.document)
    assert answer.raw == openapi.encode(surface, __version__)
    assert answer.headers["Content-Type"] == "application/json"
    # It names fields as a seed's example names credentials.
    anybody.seen.clear()


@pytest.mark.parametrize("surface", SURFACES, ids=named)
def test_it_holds_every_route_and_nothing_else(surface: Surface) -> None:
    document = openapi.document(surface, __version__)
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == {route.key for route in surface.routes}


def test_operations_have_names_of_their_own() -> None:
    for surface in SURFACES:
        names = [openapi.operation_id(route) for route in surface.routes]
        assert len(set(names)) == len(names)


def test_codes_of_routes_are_codes_that_exist() -> None:
    assert {code for route in EVERY for code in route.errors} <= set(CODES)


def test_credentials_are_written_and_never_read() -> None:
    answers = [route.response.__name__ for route in ROUTES if route.response is not None]
    schemas = DOCUMENT["components"]["schemas"]

    def names(name: str, seen: set[str]) -> set[str]:
        if name in seen:
            return set()
        seen.add(name)
        text = msgspec.json.encode(schemas[name]).decode()
        found = set(schemas[name].get("properties", ()))
        for part in text.split('"#/components/schemas/')[1:]:
            found |= names(part.partition('"')[0], seen)
        return found

    shown = set().union(*(names(answer, set()) for answer in answers))
    assert shown.isdisjoint(
        {"password", "username", "api_key", "webhook_secret", "project_id", "private_key", "credentials"}
    )
    password = schemas["TrunkCredentials"]["properties"]["password"]["anyOf"][0]
    assert password == {"type": "string", "format": "password", "writeOnly": True}


class Running:
    """The server in a thread of its own, because the generated requests come from a client that blocks."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self.base = ""
        self.key = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _run(self) -> None:
        store = await Store.open(self._url, self._folder / "secret.key")
        providers = nowhere()
        services = build(store, Engine(), Clock(), imports_per_minute=1_000_000, providers=providers)
        await services.load()
        organization = await services.organizations.create("Acme")
        _, self.key = await services.keys.create(None, organization.id, KeyWanted(name="Test", role="operator"))
        running = await server.start(
            app.build(services, app.Options(requests_per_hour=1_000_000)), services, "127.0.0.1", 0
        )
        host, port = running.addresses[0]
        self.base = f"http://{host}:{port}"
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._over.wait()
        await running.stop()
        await services.provisioning.close()
        await providers.close()
        await store.close()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, shared_url: Callable[[Path], AbstractContextManager[str]]
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("openapi")
    with shared_url(folder) as url, Running(folder, url) as server:
        yield server


load_all_checks()
_SETTINGS = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def _held(case: Any, running: Running) -> None:
    # Some rules are beyond a JSON Schema: what an agent of one kind needs, an address that is none. They answer 400.
    case.call_and_validate(
        base_url=running.base,
        headers={"Authorization": f"Bearer {running.key}"},
        excluded_checks=[positive_data_acceptance],
    )


SCHEMAS = [schemathesis.openapi.from_dict(openapi.document(surface, __version__)) for surface in SURFACES]


@SCHEMAS[0].parametrize()
@_SETTINGS
def test_whatever_is_asked_the_answer_is_in_the_document(case: Any, running: Running) -> None:
    _held(case, running)


@SCHEMAS[1].parametrize()
@_SETTINGS
def test_whatever_is_asked_of_telephony(case: Any, running: Running) -> None:
    _held(case, running)


@SCHEMAS[3].parametrize()
@_SETTINGS
def test_whatever_is_asked_of_imports(case: Any, running: Running) -> None:
    _held(case, running)


@SCHEMAS[2].parametrize()
@_SETTINGS
def test_whatever_is_asked_of_numbers(case: Any, running: Running) -> None:
    _held(case, running)
