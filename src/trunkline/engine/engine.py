"""One worker's engine: the core, the pump, the transports, the media and the journal, built and ended in order.

What it is made of comes in as values (`Plan`); the composition root knows where they come from.
"""

from __future__ import annotations

import asyncio
import logging
import os
from time import monotonic, time

import msgspec

from trunkline.call.core import Core
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.verdict import Policy
from trunkline.call.inputs import Drain, Input
from trunkline.call.leg.extensions import Extensions
from trunkline.call.leg.gate import Stateless
from trunkline.call.leg.user_agent import UserAgent
from trunkline.engine.anchors import anchors_in
from trunkline.engine.names import Names
from trunkline.engine.perform import Performer
from trunkline.engine.pump import Pump
from trunkline.guard.bans import Terms
from trunkline.guard.nonce import Nonces
from trunkline.guard.overload import Overload
from trunkline.guard.toll import Tolls
from trunkline.media.ports import PortPool
from trunkline.media.room import MediaRoom
from trunkline.routing.table import Table
from trunkline.sip.flow import Address, Flow
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens
from trunkline.store.journal.journal import Journal
from trunkline.telemetry.observe import Observer
from trunkline.telemetry.report import Report
from trunkline.telemetry.trace import Traces
from trunkline.transport.fetch import Fetcher
from trunkline.transport.finder import Finder
from trunkline.transport.layer import TransportLayer
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec, families
from trunkline.transport.resolver import Resolver

_log = logging.getLogger("trunkline.engine")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is made."""

    worker: str = "w0"
    brand: str = "Trunkline"
    realm: str = "trunkline"
    listeners: tuple[ListenerSpec, ...]
    limits: Limits = Limits()
    timing: Timing = Timing()
    extensions: Extensions = Extensions()
    attempt: float = 4.0
    """Seconds without an answer after which an INVITE goes elsewhere."""
    mtu: int = 1300
    """Bytes of the largest request that goes by UDP."""
    name_servers: tuple[str, ...] = ()
    """`address` or `address:port`; empty: those of the system."""
    policy: Policy = Policy()
    overload: tuple[float, float, float] = (0.02, 0.1, 0.5)
    """Target, interval and limit, seconds."""
    abuse: Terms = Terms()
    trust_store: str | None = None
    """A PEM file, or a directory of such: whom we trust to vouch for callers."""
    identity_timeout: float = 2.0
    identity_networks: tuple[str, ...] = ()
    """CIDR blocks that certificates may come from beside public addresses."""
    media_host: str | None = None
    media_address: str | None = None
    media_ports: tuple[int, int] = (20000, 20999)
    silence: float = 30.0
    traced_calls: int = 1000
    traced_messages: int = 200
    traced_bytes: int = 131_072


class Engine:
    """Made, then `open`ed; `close` ends everything in the right order."""

    def __init__(self, plan: Plan, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        seed = os.urandom(32)
        self._plan = plan
        self.transports = TransportLayer(plan.limits)
        self.advertised: dict[tuple[str, Address], Address] = {}
        tokens = Tokens(plan.worker, seed)
        ua = UserAgent(
            tokens,
            plan.timing,
            self.advertised,
            plan.brand,
            time() - monotonic(),
            plan.extensions,
            plan.attempt,
            plan.mtu,
        )
        self._digest = digest = Digest(plan.realm, Nonces(os.urandom(32)))
        arrival = Arrival(Table(), Admission(tolls=Tolls(ua.epoch)), digest, plan.policy)
        self.core = Core(ua, arrival, digest, Stateless(os.urandom(32)), Overload(*plan.overload), plan.abuse)
        self.traces = Traces(plan.traced_calls, plan.traced_messages, plan.traced_bytes)
        self.report = Report()
        self.observer = Observer(ua.epoch, self.traces, self.report)
        low, high = plan.media_ports
        self.media = MediaRoom(
            self._post,
            PortPool(low, high),
            silence=plan.silence,
            host=plan.media_host,
            advertise=self._media_address,
        )
        self._resolver: Resolver | None = None
        self._finder: Finder | None = None
        self.names: Names | None = None
        """Once the sockets are open."""
        self.performer = Performer(self.transports, journal, self.media, self, self.observer, self)
        self.pump = Pump(loop, self.core, self.performer)
        self._fetcher = Fetcher(self.pump.give)
        self._trust(plan)

    def _trust(self, plan: Plan) -> None:
        """Know whom to trust; what cannot be read leaves it as it was."""
        try:
            anchors = anchors_in(plan.trust_store)
        except (OSError, ValueError) as error:
            _log.error("the trust store %s cannot be read: %s", plan.trust_store, error)
        else:
            self.core.reception.verifier.trust(anchors, plan.identity_timeout)
        self._fetcher.allow(plan.identity_networks)

    async def open(self) -> None:
        """Open the sockets. Raises `ListenError` and `CertificateError`."""
        await self.transports.open(self._plan.listeners, self.pump)
        for listener in self.transports.bound:
            self.advertised[listener.transport, listener.address] = listener.advertised
            if not listener.accepts:
                self.core.ua.deaf.add((listener.transport, listener.address))
        self._resolver = Resolver(families(self.transports.bound), name_servers=self._plan.name_servers)
        self._finder = Finder(self._resolver, self.transports, self.pump.give)
        self.names = Names(self.core.arrival.table, self._resolver, led=self._led)
        self.pump.start()

    def adapt(self, plan: Plan) -> None:
        """Take over what can change while calls go on: policy, realm, when calls go elsewhere, overload, bans, traces,
        how media is known outside and how long it may be silent. The next call meets it; the rest of `plan` is passed
        over."""
        self._plan = plan
        core = self.core
        core.arrival.policy = plan.policy
        core.ua.attempt, core.ua.mtu = plan.attempt, plan.mtu
        core.registrar.bindings.terms = plan.policy.registrar
        self._digest.realm = plan.realm
        core.overload.target, core.overload.interval, core.overload.limit = plan.overload
        core.door.adapt(plan.abuse)
        self._trust(plan)
        self.traces.bound(plan.traced_calls, plan.traced_messages, plan.traced_bytes)
        self.media.silence = plan.silence

    @property
    def local(self) -> Address:
        """An address that calls may come to: what `explain` supposes."""
        bound = self.transports.bound
        return bound[0].address if bound else ("127.0.0.1", 5060)

    def _led(self) -> None:
        """A trunk's name leads elsewhere: nobody there stays banned."""
        self.core.door.reconsider(monotonic())
        self.pump.start()

    @property
    def here(self) -> Flow:
        """A flow of ours that leads nowhere: where the media of a call that begins here is."""
        bound = self.transports.bound
        transport = bound[0].transport if bound else "udp"
        return Flow(transport, self.local, self.local)

    def drain(self, on: bool) -> None:
        self.pump.give(Drain(on))

    def fetch(self, url: str, call: str) -> Input | None:
        """`perform.Library`."""
        return self._fetcher.fetch(url, call)

    def find(self, question: object) -> Input | None:
        """`perform.Finder`: the resolver, once the sockets are open."""
        assert self._finder is not None
        return self._finder.find(question)  # type: ignore[arg-type]

    def tables(self) -> dict[str, int]:
        """The size of every table that calls fill; zero, one and all, when nothing goes on."""
        counts = self.core.counts()
        wire = self.transports.counts()
        return {
            **counts,
            "media": len(self.media),
            "media_ports": self.media.ports.in_use,
            "waiting_messages": self.pump.waiting,
            "waiting_lookups": self._finder.waiting if self._finder is not None else 0,
            "waiting_certificates": len(self._fetcher),
            "connections": wire.get("connections_accepted", 0) + wire.get("connections_outbound", 0),
            "buffered_bytes": wire.get("buffered", 0),
        }

    def standing(self) -> dict[str, float]:
        """What stands beside the calls: open sockets, what is remembered, how much of new calls is refused."""
        counts = self.transports.counts() | self._names()
        kept = ("listeners", "descriptors", "banned_sources", "streams_untrusted", "names_kept")
        registrations = self.core.registering.states()
        return {
            **{name: float(counts.get(name, 0)) for name in kept},
            **{f"registrations_{state}": float(count) for state, count in registrations.items()},
            "nonces_used": float(len(self._digest.nonces.replays)),
            "bindings": float(len(self.core.registrar.bindings)),
            "overload_share": self.core.overload.share,
        }

    def resting(self) -> bool:
        """Whether neither a call nor a transaction is there."""
        layer = self.core.ua.layer
        return not (self.core.legs or layer.clients or layer.servers or self.pump.waiting)

    def counters(self) -> dict[str, float]:
        """What has been since the start."""
        counts = self.transports.counts() | self._names()
        kept = ("udp_", "streams_", "dns_", "descriptors_exhausted")
        standing = ("streams_untrusted",)
        return {
            **{name: float(count) for name, count in counts.items() if name.startswith(kept) and name not in standing},
            "certificates_fetched": float(self._fetcher.fetched),
            "certificates_failed": float(self._fetcher.failed),
            "bans_begun": float(self.core.door.bans.begun),
            "invites_dropped": float(self.pump.dropped),
            "turns": float(self.pump.turns),
            "faults": float(self.pump.faults),
        }

    async def close(self) -> None:
        self.pump.stop()
        self.media.stop()
        await self._fetcher.close()
        if self._finder is not None:
            await self._finder.close()
        if self._resolver is not None:
            await self._resolver.close()
        await self.transports.close()

    def _names(self) -> dict[str, int]:
        return self._resolver.counts() if self._resolver is not None else {}

    def _post(self, given: Input) -> None:
        if not self.performer.post(given):
            self.pump.give(given)

    def _media_address(self, flow: Flow) -> str:
        """What SDP of ours names: the address that media is known by outside, else that of the call's signalling."""
        configured = self._plan.media_address
        if configured is not None and (":" in configured) == (":" in flow.local[0]):
            return configured
        return self.core.ua.origin(flow)
