"""The composition root: builds the store, the engine, the control plane and its door from the settings, starts them in
the order they depend on, and ends them in the opposite one.

Each step of the start leaves behind how it is undone, so a start that fails half-way undoes exactly what was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path
from time import monotonic, time

import msgspec
from msgspec import structs

from trunkline.api import app as api_app
from trunkline.api import server as api_server
from trunkline.api.porch import Porch
from trunkline.control import bootstrap
from trunkline.control.services import Services
from trunkline.edge.gauges import metrics_of
from trunkline.edge.port import Port
from trunkline.edge.progress import Progress
from trunkline.engine.aftermath import end_interrupted
from trunkline.engine.devices import keep_devices, load_devices, write_devices
from trunkline.engine.drain import drain
from trunkline.engine.duties import Duties
from trunkline.engine.engine import Engine
from trunkline.engine.housekeeping import keep_house, write_refusals
from trunkline.engine.notify import Notifier
from trunkline.engine.pulse import Pulse
from trunkline.engine.tidy import tidy_up
from trunkline.guard.toll import DAY
from trunkline.providers.post import Post
from trunkline.providers.registry import Providers, Urls
from trunkline.providers.rest import Rest
from trunkline.settings import Settings, SettingsError
from trunkline.settings.live import reread
from trunkline.settings.plan import plan_of
from trunkline.sip.flow import host_port
from trunkline.store.database.errors import StoreError, Unavailable
from trunkline.store.database.occupancy import Occupancy
from trunkline.store.journal.journal import Journal
from trunkline.store.mover import Mover
from trunkline.store.replay import Replayed, replay
from trunkline.store.store import Store
from trunkline.telemetry.log import Log
from trunkline.transport import advertise
from trunkline.transport.errors import CertificateError

_log = logging.getLogger("trunkline.edge")
_TICK = 1.0
_STOP = 30.0
"""Seconds that the end takes at most after the drain: requests to the API, the last rows, a locked database."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants to know of an edge that has just started."""

    addresses: tuple[str, ...]
    """`transport:host:port` of each SIP listener, as others reach it."""
    api_url: str
    number: str | None
    """The demonstration's number, and its key; None without it."""
    key: str | None


class Edge:
    """A running edge: `start`; `reload` and `drain` when asked; `stop`."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.duties = Duties()
        self._log = log
        self._notifier = Notifier()
        self._undo = AsyncExitStack()
        self._certificate: api_server.Certificate | None = None
        self._progress = Progress()

    async def start(self, *, demo: bool = False, seed: Path | None = None) -> Started:
        """Everything, or nothing: raises StoreError, ListenError, CertificateError, a Refusal or OSError, and has then
        closed what it had opened. `demo` and `seed`: the first records, as `control.bootstrap` makes them."""
        try:
            started = await self._start(demo, seed)
        except BaseException:
            await self._undo.aclose()
            raise
        self._notifier.ready(f"calls at {', '.join(started.addresses[:4])}; API at {started.api_url}")
        return started

    async def reload(self, read: Callable[[], Settings]) -> None:
        """Take over what may change while calls go on, and read the certificates again. `read` gives the settings as
        they are wanted now, or raises SettingsError: then nothing changes."""
        self._notifier.reloading()
        try:
            self._take(read())
        except SettingsError as error:
            _log.error("nothing was reloaded, the settings cannot be used: %s", "; ".join(error.problems))
        self._notifier.ready()

    async def drain(self, impatient: asyncio.Event) -> None:
        """Until no call is left, the limit has come, or `impatient` is set."""
        limit = self.settings.sip.drain_limit
        self._notifier.stopping(limit + _STOP, "draining: no new calls")
        await drain(self.engine, limit, impatient)

    async def stop(self) -> None:
        """Close everything, whatever goes on."""
        self._notifier.stopping(_STOP)
        await self._undo.aclose()

    # ── start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self, demo: bool, seed: Path | None) -> Started:
        settings, undo = self.settings, self._undo
        _make(settings.data_dir)
        # The locks come first: a second process must not so much as look at the records.
        self.journal = Journal.open(settings.journal_dir, fsync=settings.store.journal_fsync)
        undo.callback(self.journal.close)
        await self._open_porch()
        progress = self._progress
        undo.push_async_callback(self.duties.end)
        telling = self.duties.begin("the progress of the start", lambda: progress.tell(self._notifier))
        self.occupancy = await Occupancy.take(settings.store_url)
        undo.push_async_callback(self.occupancy.close)
        progress.say("opening the database, and bringing its tables up to date")
        self.store = await Store.open(settings.store_url, settings.key_file)
        undo.push_async_callback(self.store.close)
        _mention_key(self.store)
        await self._reseal()
        progress.say("bringing the journal into the database")
        replayed = await replay(self.journal, self.store, wall=time(), name=settings.worker)
        self.mover = Mover(self.journal, self.store, at=replayed.position, name=settings.worker)
        self.engine = Engine(plan_of(settings), self.journal, asyncio.get_running_loop())
        await self._restore_tolls()
        metrics = metrics_of(self.engine, self.mover, self._log, self.duties, self._api_expires)
        port = Port(self.engine, self.mover, self.occupancy, metrics.text)
        self.services = self._control(port)
        progress.say("reading the configuration")
        await self.services.load(progress.count)
        progress.say("opening the sockets")
        key = await self._first_records(demo, seed)

        undo.push_async_callback(self.duties.end)
        pulse = Pulse(self.engine, self._notifier)
        self.duties.begin("the pulse", lambda: _each_second(pulse.beat))
        moving = self.duties.begin("the mover", self.mover.run)
        self.duties.begin("the place in the database", self.occupancy.keep)
        undo.push_async_callback(self._last_rows, moving)
        # Closing may journal the end of nothing more: calls that still go on are the next start's.
        undo.push_async_callback(self.engine.close)
        await self.engine.open()
        await load_devices(self.store, self.engine)
        devices = self.engine.core.registrar.bindings
        self.duties.begin("writing registrations", lambda: keep_devices(self.store, devices))
        names = self.engine.names
        assert names is not None
        self.duties.begin("looking up names", names.keep)
        self.duties.begin("the report", lambda: _each_second(self.engine.report.write))
        refusals = self.engine.observer.refusals
        self.duties.begin(
            "housekeeping", lambda: keep_house(self.store, refusals, lambda: self.settings.store.records_kept_days)
        )
        self.duties.begin("tidying up", lambda: tidy_up(self.engine.resting, lambda: self.engine.pump.turns))
        self._close_interrupted(replayed)
        telling.cancel()
        self._open_door()
        self.duties.begin("the purchases", self.services.market.keep_reconciling)
        self.duties.begin("the provisioning", self.services.provisioning.keep_provisioning)
        self.duties.begin("the webhooks", self.services.dispatcher.keep_delivering)
        undo.callback(pulse.rest)
        for sentence in advertise.warnings(self.engine.transports.bound):
            _log.warning("%s", sentence)
        return self._started(key)

    def _control(self, port: Port) -> Services:
        """The control plane, with what it speaks to the outside with."""
        urls, webhooks = structs.asdict(self.settings.providers), self.settings.webhooks
        rest = Rest(urls.pop("timeout"))
        patience = urls.pop("patience")
        providers = Providers(Urls(**urls), rest, slow=2 * patience)
        post = Post(allow_private=webhooks.allow_private, timeout=webhooks.timeout)
        self._undo.push_async_callback(providers.close)
        self._undo.push_async_callback(post.close)
        services = Services(
            self.store,
            port,
            brand=self.settings.brand,
            imports_per_minute=self.settings.api.imports_per_minute,
            providers=providers,
            post=post,
            patience=patience,
        )
        self._undo.push_async_callback(services.provisioning.close)
        return services

    async def _first_records(self, demo: bool, seed: Path | None) -> str | None:
        if seed is not None:
            changed = await bootstrap.seed(self.services, seed)
            _log.info("%s: %d records new or changed", seed, changed)
        if demo:
            shown = await bootstrap.demo(self.services, self.settings.data_dir)
            if shown is not None:
                return shown.key.reveal()
            _log.warning("there are records of your own already: the demonstration was not set up")
        if await bootstrap.operator_key(self.services, self.settings.data_dir) is not None:
            path = self.settings.data_dir / bootstrap.OPERATOR_KEY_FILE
            _log.warning("the first API key was made, an operator's: it is in %s", path)
        return None

    async def _reseal(self) -> None:
        """A key file with several keys is being rotated: from now on the first is enough."""
        seal = self.store.seal
        if seal.several:
            self._progress.say("sealing the credentials anew")
            records = await self.store.reseal()
            _log.warning(
                "%d records are sealed with the first key of %s: its other lines are needed for old backups alone",
                records,
                seal.path,
            )

    async def _restore_tolls(self) -> None:
        """What outbound calls have cost today counts on."""
        wall, now = time(), monotonic()
        async with self.store.read() as unit:
            minutes = await unit.calls.outbound_minutes(wall - wall % DAY)
        self.engine.core.arrival.admission.tolls.restore(minutes, now)

    def _close_interrupted(self, replayed: Replayed) -> None:
        if replayed.interrupted:
            _log.warning("closed %d calls that the last run left open", len(replayed.interrupted))
        if replayed.dialogs:
            self.duties.begin("the end of interrupted calls", lambda: self._end_interrupted(replayed))

    async def _end_interrupted(self, replayed: Replayed) -> None:
        if not await end_interrupted(self.engine, replayed.dialogs):
            _log.warning("some of the interrupted calls' BYEs could not be sent in time")
        with contextlib.suppress(Unavailable):  # then the next start sends them again
            await replayed.settle(self.store)
            _log.info("both sides of %d calls of the last run were told that they have ended", len(replayed.answered))

    async def _open_porch(self) -> None:
        """Listen: who asks is told that this edge starts."""
        api = self.settings.api
        if api.certificate is not None:
            key = str(api.private_key) if api.private_key is not None else None
            self._certificate = api_server.Certificate(str(api.certificate), key)
        context = self._certificate.context if self._certificate is not None else None
        self._porch = Porch(lambda: self._progress.words, api_app.Options().body_limit)
        self.server = await api_server.start(self._porch.app, None, api.host, api.port, context)
        self._undo.push_async_callback(self.server.stop)

    def _open_door(self) -> None:
        api = self.settings.api
        options = api_app.Options(
            requests_per_hour=api.requests_per_hour,
            proxies=tuple([ip_network(text) for text in api.trusted_proxies]),
        )
        self._porch.open(api_app.answering(self.services, options))
        self.server.serve(self.services)
        # It closes first of all.
        self._undo.push_async_callback(self.server.stop)

    def _started(self, key: str | None) -> Started:
        bound = [listener for listener in self.engine.transports.bound if listener.accepts]
        host, port = self.server.addresses[0]
        scheme = "https" if self._certificate is not None else "http"
        return Started(
            addresses=tuple([f"{each.transport}:{host_port(each.advertised)}" for each in bound]),
            api_url=f"{scheme}://{host_port((host, port))}",
            number=bootstrap.DEMO_NUMBER if key else None,
            key=key,
        )

    # ── while it runs, and its end ────────────────────────────────────────────────────────────────────────────────────

    def _take(self, wanted: Settings) -> None:
        self.settings, taken, left = reread(self.settings, wanted)
        self._log.change(self.settings.log.format, self.settings.log.level)
        self.engine.adapt(plan_of(self.settings))
        faults = [*self.engine.transports.reload_certificates()]
        if self._certificate is not None:
            try:
                self._certificate.renew()
            except CertificateError as error:
                faults.append(str(error))
        for fault in faults:
            _log.error("a certificate stays as it was: %s", fault)
        _log.info("reloaded: the certificates%s", "".join([f", {name}" for name in taken]))
        if left:
            _log.warning("changed, but in force only after a restart: %s", ", ".join(left))

    async def _last_rows(self, moving: asyncio.Task[None]) -> None:
        """What the journal and the counts still hold goes into the database; what it does not take now, the next start
        brings there."""
        self.engine.report.write(monotonic())
        if not self.engine.core.legs:
            self.journal.rest()
        self.mover.stop()
        await asyncio.wait((moving,), timeout=_STOP / 2)
        with contextlib.suppress(StoreError):
            await write_refusals(self.store, self.engine.observer.refusals)
        with contextlib.suppress(StoreError):
            await write_devices(self.store, self.engine.core.registrar.bindings)

    def _api_expires(self) -> float | None:
        return self._certificate.expires_at if self._certificate is not None else None


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the data directory {directory} cannot be made: {error.strerror}") from None


def _mention_key(store: Store) -> None:
    seal = store.seal
    if seal.fresh:
        _log.warning(
            "the key file %s was made: keep a copy of it, credentials in the store are lost without", seal.path
        )
    if seal.exposed:
        _log.warning("the key file %s may be read by others than its owner: chmod 600 it", seal.path)


async def _each_second(work: Callable[[float], object]) -> None:
    while True:
        await asyncio.sleep(_TICK)
        work(monotonic())
