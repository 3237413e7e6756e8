"""The composition root: builds the store, the engine, the control plane and its door from the settings, starts them in
order, drains and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic, time

import msgspec
from msgspec import convert

from trunkline.api import app as api_app
from trunkline.api import server as api_server
from trunkline.call.inputs import HangUp
from trunkline.control import bootstrap
from trunkline.control.errors import Refusal as Refused
from trunkline.control.services import Services
from trunkline.engine.engine import Engine
from trunkline.engine.notify import Notifier
from trunkline.engine.port import Port
from trunkline.settings import Settings
from trunkline.settings.plan import plan_of
from trunkline.sip.flow import Address, host_port
from trunkline.store.errors import StoreError
from trunkline.store.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.refusals import Refusal
from trunkline.store.replay import Replayed, replay
from trunkline.store.retention import purge
from trunkline.store.store import Store
from trunkline.telemetry.log import Log
from trunkline.telemetry.metrics import Metrics
from trunkline.transport import advertise
from trunkline.transport.errors import CertificateError, ListenError

_log = logging.getLogger("trunkline.edge")
_TICK = 1.0
_PURGE_EVERY = 3600.0
_LAST_WORDS = 0.2
"""Seconds that the BYEs of ended calls have to leave."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants to know of an edge that has just started."""

    addresses: tuple[str, ...]
    """`transport:host:port` of each SIP listener, as others reach it."""
    api_url: str
    number: str | None
    """The demonstration's number, and its key; None without it."""
    key: str | None


Greeting = Callable[[Started], None]
"""Tells the operator."""


class Edge:
    """A running edge. `start`, then `serve` until a signal, then `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self._impatient = asyncio.Event()
        """A second signal: do not wait for live calls."""
        self._tasks: list[asyncio.Task[None]] = []
        self._notifier = Notifier()

    async def start(self, *, demo: bool, seed: Path | None) -> Started:
        """Everything, in the order it depends on; what to tell the operator. Raises StoreError, ListenError,
        CertificateError, OSError, Refusal."""
        settings = self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self.store = await Store.open(settings.store_url, settings.key_file)
        self.journal = Journal.open(settings.journal_dir, fsync=settings.store.journal_fsync)
        replayed = await replay(self.journal, self.store, wall=time(), name=settings.worker)
        self.mover = Mover(self.journal, self.store, at=replayed.position, name=settings.worker)
        self.engine = Engine(plan_of(settings), self.journal, loop)
        self.metrics = Metrics(self.engine.observer, [self.engine.tables], [self.engine.counters])
        port = Port(
            self.engine.core,
            self.engine.pump,
            self.engine.traces,
            self.mover,
            self._local,
            self.engine.tables,
            self.metrics.text,
            self.unready,
        )
        self.services = Services(self.store, port, brand=settings.brand)
        await self.services.load()
        key = await self._first_records(demo, seed)
        await self.engine.open()
        self._task(self.mover.run())
        self._task(self._tick())
        self._task(self._housekeeping())
        await self._interrupted(replayed)
        tls = None
        if settings.api.certificate is not None:
            private = str(settings.api.private_key) if settings.api.private_key is not None else None
            tls = api_server.context(str(settings.api.certificate), private)
        self.server = await api_server.start(
            api_app.build(self.services), self.services, settings.api.host, settings.api.port, tls
        )
        for sentence in advertise.warnings(self.engine.transports.bound):
            _log.warning("%s", sentence)
        # What is there now stays: it need not be looked at again. Calls leave no cycles, so collections may be rare.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._notifier.ready()
        return self._started(key)

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT; then no new calls, until the live ones have ended or the limit has come."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        await self.stopping.wait()
        await self._drained()

    async def stop(self) -> None:
        self._notifier.stopping()
        await self.server.stop()
        self.mover.stop()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()
        with contextlib.suppress(StoreError):
            await self.mover.flush()
        self.journal.close()
        await self.store.close()

    def unready(self) -> tuple[str, ...]:
        """Why new calls should not be sent here; empty when they should."""
        reasons = []
        if self.engine.core.draining:
            reasons.append("the edge is draining")
        if self.engine.core.overload.share:
            reasons.append("the edge is overloaded and refuses a part of new calls")
        health = self.mover.health()
        if health.journal:
            reasons.append(f"the journal cannot be written: {health.journal}")
        if health.database:
            reasons.append(f"the call log cannot be written: {health.database}")
        return tuple(reasons)

    # ── start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _first_records(self, demo: bool, seed: Path | None) -> str | None:
        if seed is not None:
            changed = await bootstrap.seed(self.services, seed)
            _log.info("%s: %d records new or changed", seed, changed)
        if demo:
            shown = await bootstrap.demo(self.services, self.settings.data_dir)
            if shown is not None:
                return shown.key.reveal()
            _log.warning("there are records of your own already: the demonstration was not set up")
        if not self.services.state.catalogue.keys:
            await bootstrap.operator_key(self.services, self.settings.data_dir)
            _log.warning("the first operator's key was made: it is in %s", self.settings.data_dir)
        return None

    async def _interrupted(self, replayed: Replayed) -> None:
        if replayed.interrupted:
            _log.warning("closed %d calls that the last run left open", len(replayed.interrupted))
        if replayed.dialogs:
            self.engine.interrupted(replayed.dialogs)
            await asyncio.sleep(0)
            await replayed.settle(self.store)

    def _started(self, key: str | None) -> Started:
        bound = [listener for listener in self.engine.transports.bound if listener.accepts]
        host, port = self.server.addresses[0]
        scheme = "https" if self.settings.api.certificate is not None else "http"
        return Started(
            addresses=tuple([f"{each.transport}:{host_port(each.advertised)}" for each in bound]),
            api_url=f"{scheme}://{host_port((host, port))}",
            number=bootstrap.DEMO_NUMBER if key else None,
            key=key,
        )

    def _local(self) -> Address:
        bound = self.engine.transports.bound
        return bound[0].address if bound else ("127.0.0.1", 5060)

    # ── while it runs ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _task(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _tick(self) -> None:
        """Once a second: what is worth a line, and a sign of life."""
        while True:
            await asyncio.sleep(_TICK)
            self.engine.report.write(monotonic())
            self._notifier.alive()

    async def _housekeeping(self) -> None:
        """Refusal counts into the store, and away with what was kept long enough."""
        days = self.settings.store.records_kept_days
        since_purge = _PURGE_EVERY
        while True:
            await asyncio.sleep(10.0)
            since_purge += 10.0
            try:
                counts = self.engine.observer.refusals.take()
                if counts:
                    async with self.store.write() as unit:
                        await unit.refusals.add([convert(count, Refusal, from_attributes=True) for count in counts])
                if days and since_purge >= _PURGE_EVERY:
                    since_purge = 0.0
                    await purge(self.store, time() - days * 86400)
            except StoreError as error:
                _log.warning("housekeeping: %s", error)

    def _asked_to_stop(self) -> None:
        if self.stopping.is_set():
            self._impatient.set()
        self.stopping.set()

    def _reload(self) -> None:
        for sentence in self.engine.transports.reload_certificates():
            _log.warning("%s", sentence)
        _log.info("certificates were read again")

    async def _drained(self) -> None:
        """New calls are refused, live ones go on; at the limit, or at a second signal, they are ended."""
        calls = self.engine.core.calls
        self.engine.drain(True)
        _log.info("draining: no new calls; %d go on", len(calls))
        end = monotonic() + self.settings.sip.drain_limit
        while self.engine.core.legs and monotonic() < end and not self._impatient.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._impatient.wait(), 0.1)
        for call in list(calls):
            self.engine.pump.give(HangUp(call, "drain-limit"))
        if calls:
            await asyncio.sleep(_LAST_WORDS)


def serve(settings: Settings, *, demo: bool = False, seed: Path | None = None, greeting: Greeting | None = None) -> int:
    """Run until a signal; the exit code. `greeting` is told of the start."""
    log = Log(settings.log.format, settings.log.level)
    log.start()
    try:
        with asyncio.Runner(loop_factory=_event_loop) as runner:
            return runner.run(_serve(settings, demo, seed, greeting))
    except KeyboardInterrupt:
        return 130
    finally:
        log.stop()


async def _serve(settings: Settings, demo: bool, seed: Path | None, greeting: Greeting | None) -> int:
    edge = Edge(settings)
    try:
        started = await edge.start(demo=demo, seed=seed)
    except (StoreError, ListenError, CertificateError, Refused, OSError) as error:
        sys.stderr.write(f"trunkline: {error}\n")
        return 1
    if greeting is not None:
        greeting(started)
    try:
        await edge.serve()
    finally:
        await edge.stop()
    return 0


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one: a hop costs a fifth."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
