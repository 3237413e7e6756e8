"""The services over a real SQLite file and a small engine, with a clock that tests move."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.engine import Engine
from trunkline.control.services import Services
from trunkline.providers.registry import Providers, Urls
from trunkline.providers.rest import Rest
from trunkline.store.store import Store


class Clock:
    """Wall and monotonic time of a test."""

    def __init__(self) -> None:
        self.wall = 1_705_314_600.0  # 2024-01-15T10:30:00Z
        self.monotonic = 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database whose tables are made once for all tests."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        store = await Store.open(f"sqlite:///{folder}/trunkline.db", folder / "secret.key")
        await store.close()

    asyncio.run(make())
    return folder / "trunkline.db"


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    shutil.copy(template, tmp_path / "trunkline.db")
    store = await Store.open(f"sqlite:///{tmp_path}/trunkline.db", tmp_path / "secret.key")
    yield store
    await store.close()


def nowhere() -> Providers:
    """Number providers and engines that nobody answers for: tests that need some bring their own."""
    dead = "http://127.0.0.1:9"
    names = dict.fromkeys(Urls.__struct_fields__, dead)
    return Providers(Urls(**names), Rest(timeout=0.2, tries=1), slow=0.2)


def build(store: Store, engine: Engine, clock: Clock, **more: Any) -> Services:
    more.setdefault("providers", nowhere())
    return Services(store, engine, wall=lambda: clock.wall, clock=lambda: clock.monotonic, chance=os.urandom, **more)


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock) -> Services:
    made = build(store, engine, clock)
    await made.load()
    return made
