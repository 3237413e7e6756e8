"""The sign of life: only while the pump keeps up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from trunkline.call.inputs import Drain
from trunkline.engine.engine import Engine
from trunkline.engine.notify import Notifier
from trunkline.engine.pulse import Pulse


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def pulse(engine: Engine, manager: socket.socket) -> Pulse:
    return Pulse(engine, Notifier(manager.getsockname()))


async def test_an_idle_engine_lives(pulse: Pulse, manager: socket.socket) -> None:
    for second in range(20):
        assert pulse.beat(monotonic() + second)
        assert manager.recv(100) == b"WATCHDOG=1"


async def test_a_deadline_that_is_overdue(
    pulse: Pulse, engine: Engine, manager: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    now = monotonic()
    engine.core.ua.alarms.set(("call", "what"), now + 1)
    assert pulse.beat(now + 5)
    assert manager.recv(100) == b"WATCHDOG=1"
    assert not pulse.beat(now + 9)
    assert "overdue" in caplog.text
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    pulse.rest()
    assert pulse.beat(now + 9)


async def test_messages_that_nobody_takes(pulse: Pulse, engine: Engine) -> None:
    engine.pump.give(Drain(False))  # and the loop does not turn here
    assert [pulse.beat(monotonic()) for _ in range(8)] == [True] * 5 + [False] * 3


async def test_a_pump_that_is_busy_but_turns(pulse: Pulse, engine: Engine) -> None:
    engine.pump.give(Drain(False))
    for _ in range(20):
        engine.pump.turns += 1
        assert pulse.beat(monotonic())
