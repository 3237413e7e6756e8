"""One process: its event loop, its signals and its exit code.

SIGTERM or SIGINT drains, a second one ends at once. While the edge starts, the first one waits for the start to be done
(what the database is doing then must not be torn off), and the second one does not. SIGHUP reads the settings again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from trunkline.control.errors import Refusal
from trunkline.edge.edge import Edge, Started
from trunkline.settings import Settings
from trunkline.store.database.errors import StoreError
from trunkline.telemetry.log import Log
from trunkline.transport.errors import TransportError

Greeting = Callable[[Started], None]
"""Tells the operator."""
_COULD_NOT_START, _INTERRUPTED = 1, 130


def serve(
    settings: Settings,
    *,
    demo: bool = False,
    seed: Path | None = None,
    greeting: Greeting | None = None,
    read: Callable[[], Settings] | None = None,
) -> int:
    """Run until a signal; the exit code. `greeting` is told of the start. `read` reads the settings again, for SIGHUP,
    and may raise SettingsError; None: only certificates are read again."""
    log = Log(settings.log.format, settings.log.level)
    log.start()
    try:
        with asyncio.Runner(loop_factory=_event_loop) as runner:
            return runner.run(_serve(Edge(settings, log), demo, seed, greeting, read or (lambda: settings)))
    finally:
        log.stop()


async def _serve(
    edge: Edge, demo: bool, seed: Path | None, greeting: Greeting | None, read: Callable[[], Settings]
) -> int:
    signals = _Signals()
    _settle_memory()
    try:
        started = await edge.start(demo=demo, seed=seed)
    except (StoreError, TransportError, Refusal, OSError) as error:
        sys.stderr.write(f"trunkline: {error}\n")
        return _COULD_NOT_START
    signals.started = True
    try:
        gc.freeze()
        if greeting is not None:
            greeting(started)
        await _run(edge, signals, read)
    finally:
        await edge.stop()
    return 0


async def _run(edge: Edge, signals: _Signals, read: Callable[[], Settings]) -> None:
    stopping = asyncio.ensure_future(signals.stop.wait())
    while not stopping.done():
        reloading = asyncio.ensure_future(signals.reload.wait())
        await asyncio.wait((stopping, reloading), return_when=asyncio.FIRST_COMPLETED)
        reloading.cancel()
        if signals.reload.is_set():
            signals.reload.clear()
            await edge.reload(read)
    await edge.drain(signals.at_once)


class _Signals:
    """What was asked of this process."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()
        self.reload = asyncio.Event()
        self.started = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def _asked_to_stop(self) -> None:
        if self.stop.is_set() and not self.started:
            os._exit(_INTERRUPTED)
        if self.stop.is_set():
            self.at_once.set()
        self.stop.set()


def _settle_memory() -> None:
    """What is there at the start, and what the start makes, stays: it need not be looked at again. Calls leave no
    cycles, and a collector that looks through ten thousand live ones in the middle of a load, or through a hundred
    thousand numbers, holds up every message for tens of milliseconds: it is run by `engine.tidy` alone."""
    gc.collect()
    gc.freeze()
    gc.disable()


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one: a hop costs a fifth."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
