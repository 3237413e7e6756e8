"""The services over a real database and a small engine, with a clock that tests move."""

from __future__ import annotations

import os
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


@pytest.fixture
async def store(store_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(store_url, tmp_path / "secret.key")
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
