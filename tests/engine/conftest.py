"""An engine on loopback sockets, and what it stands on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trunkline.engine.engine import Engine, Plan
from trunkline.sip.timers import Timing
from trunkline.store.journal.journal import Journal
from trunkline.transport.listener import ListenerSpec

HOST = "127.0.31.20"


@pytest.fixture
def plan() -> Plan:
    return Plan(
        listeners=(ListenerSpec(transport="udp", host=HOST, port=0),), timing=Timing(0.05, 0.2, 0.2), brand="Trunkline"
    )


@pytest.fixture
async def engine(tmp_path: Path, plan: Plan) -> AsyncIterator[Engine]:
    journal = Journal.open(tmp_path / "journal")
    made = Engine(plan, journal, asyncio.get_running_loop())
    await made.open()
    yield made
    await made.close()
    journal.close()
