"""What the control plane asks of others: of the engine, of number providers, of voice engines' own interfaces.

Of the engine as values: changes down, questions and commands down, answers up. Nothing here knows whether it lives in
this process: every question and every answer is a msgspec value, and a question's type says what its answer is.

Number providers and engines are clients of their REST; for test keys, the sandbox in their place. What they are asked
and answer is in `providers.values`; they raise `ProviderError` and nothing else.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from trunkline.call.decision.explain import Explanation, Hypothetical
from trunkline.call.inputs import AddBan, HangUp, LiftBan
from trunkline.model.binding import Binding
from trunkline.model.call import CallRecord, Direction
from trunkline.model.change import Change
from trunkline.model.trunk import Trunk
from trunkline.providers.values import (
    Account,
    Check,
    Credentials,
    Endpoint,
    EngineNumber,
    Line,
    Offer,
    Owned,
    Pricing,
    Search,
)
from trunkline.telemetry.shown import CallTrace

A = TypeVar("A")


class Query(msgspec.Struct, Generic[A], frozen=True):
    """A question that is answered by an `A`."""


class LivePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the calls that go on."""

    calls: tuple[CallRecord, ...]
    total: int
    """How many there are of the kind that was asked for."""


class LiveCalls(Query[LivePage], frozen=True, kw_only=True, tag="live-calls"):
    """Calls going on now that are all of this, newest first: at most `limit`, after the first `skip`."""

    organization_id: str
    phone_number: str | None = None
    direction: Direction | None = None
    start: float | None = None
    """Unix seconds: calls that started then or later."""
    end: float | None = None
    """Unix seconds: calls that started before."""
    sip_call_id: str | None = None
    """The Call-ID of any leg."""
    skip: int = 0
    limit: int = 20


class LiveCall(Query[CallRecord | None], frozen=True, kw_only=True, tag="live-call"):
    call_id: str


class NotPlaced(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call does not begin."""

    cause: str
    """A word of `call.refusals.CAUSES`, or `draining`, `overload`."""
    detail: str
    mend: str


class Place(Query[CallRecord | NotPlaced | None], frozen=True, kw_only=True, tag="place"):
    """Begin a call of our own: its record, once it has begun; None when it has ended again and is in the log."""

    call_id: str
    organization_id: str
    calling: str
    to: str
    agent_id: str
    timeout: float
    metadata: dict[str, str]


class Trace(Query[CallTrace | None], frozen=True, kw_only=True, tag="trace"):
    """The raw messages of a live or recent call; None when they are gone."""

    call_id: str


class Explain(Query[Explanation], frozen=True, tag="explain"):
    """What an INVITE that was not sent would meet now, decided by the same code that decides for calls."""

    hypothetical: Hypothetical


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The reachability of a trunk or an agent, as its probes see it."""

    state: Literal["unknown", "reachable", "unreachable"] = "unknown"
    since: float | None = None
    """Unix seconds of the last change of state."""
    checked_at: float | None = None
    latency: float | None = None
    """Seconds that the last answered probe took."""
    detail: str | None = None


class TrunkHealth(Query[dict[str, Health]], frozen=True, kw_only=True, tag="trunk-health"):
    """The health of these trunks, and of agents that are probed by themselves; what is not probed may be absent."""

    trunk_ids: tuple[str, ...]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What our registration with one carrier has come to."""

    state: Literal["unregistered", "registering", "registered", "failed"]
    since: float
    """Unix seconds, as all times here."""
    expires_at: float | None = None
    """Until when the registrar keeps our Contact."""
    next_at: float | None = None
    """When the next REGISTER is due; None while one is under way."""
    status: int | None = None
    """The last final answer; 0 when none came, None before the first."""
    detail: str | None = None
    registrar: str | None = None
    contact: str | None = None


class Registrations(Query[dict[str, Registration]], frozen=True, kw_only=True, tag="registrations"):
    """Those of these trunks that register, by id."""

    trunk_ids: tuple[str, ...]


class TrunkTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What trying a trunk once came to."""

    status: Literal["reachable", "unreachable", "auth_failed"]
    latency: float | None
    """Seconds that the OPTIONS took."""
    registration: Literal["verified", "unsupported", "failed", "skipped"]
    """Of a REGISTER that changes no binding. `unsupported`: the peer takes none; `skipped`: there was nothing to show,
    or nobody to show it to."""
    detail: str | None = None
    """Why not."""


class TryTrunk(Query[TrunkTrial], frozen=True, tag="try-trunk"):
    """OPTIONS and REGISTER to the trunk's peer, now; answered within ten seconds. The trunk may be one that is not
    configured."""

    trunk: Trunk


class Devices(Query[tuple[Binding, ...]], frozen=True, kw_only=True, tag="devices"):
    """The bindings of the devices that registered for these trunks, in the order they are called."""

    trunk_ids: tuple[str, ...]


class Commanded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command on a live call."""

    done: bool
    cause: str = ""
    """A stable word for why not; empty when it was done."""
    detail: str = ""
    status: int = 0
    """The SIP answer that it got; 0 for none."""


class TransferOf(Query[Commanded | None], frozen=True, kw_only=True, tag="transfer-of"):
    """Exchange a party of a live call for another; None when that goes on after `wait` seconds."""

    call_id: str
    to: str
    stays: Literal["caller", "agent"]
    mode: Literal["auto", "invite", "refer"]
    timeout: float
    """Seconds that the new party may ring."""
    wait: float


class DigitsTo(Query[Commanded | None], frozen=True, kw_only=True, tag="digits-to"):
    """Send digits on one leg of a live call; answered when the peer has taken them."""

    call_id: str
    digits: str
    to: Literal["caller", "agent"]
    duration: int
    """Milliseconds of each."""


class Tables(Query[dict[str, int]], frozen=True, tag="tables"):
    """How many entries each table of the engine has: transactions, dialogs, calls, limits, timers, connections, …"""


class BanSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A source that is not heard now. Times are Unix seconds."""

    id: str
    source: str
    reason: str
    since: float
    until: float
    transports: Literal["all", "udp"]
    by: Literal["edge", "operator"]


class Bans(Query[tuple[BanSeen, ...]], frozen=True, tag="bans"):
    """Every ban that holds, the newest first."""


class Settle(Query[None], frozen=True, tag="settle"):
    """Answered when every call that has ended is in the call log, or after a second: what is asked of the log next then
    holds what its caller has just seen happen."""


class Readiness(Query[tuple[str, ...]], frozen=True, tag="readiness"):
    """Why new calls should not be sent here now; empty when they should."""


class Metrics(Query[str], frozen=True, tag="metrics"):
    """The Prometheus text of the whole process."""


class Endpoints(Query[tuple[Endpoint, ...]], frozen=True, tag="endpoints"):
    """Where peers send calls to us, as they reach us: a listener each, in the order of the settings."""


class EnginePort(Protocol):
    """The engine as the control plane sees it. A method raises `ConnectionError` when the engine cannot be asked."""

    async def apply(self, changes: tuple[Change, ...]) -> None:
        """Take these into the routing table. Returns when the next INVITE meets them."""

    async def ask(self, query: Query[A]) -> A: ...

    async def command(self, command: HangUp | AddBan | LiftBan) -> bool:
        """Whether there was something to do it to. A ban is not made of a source that a trunk's requests come from."""


AnyQuery = (
    LiveCalls
    | Place
    | LiveCall
    | Trace
    | Explain
    | TrunkHealth
    | Bans
    | Tables
    | Settle
    | Readiness
    | Metrics
    | Endpoints
    | Registrations
    | TryTrunk
    | TransferOf
    | DigitsTo
    | Devices
)
"""Every question there is: what an engine must answer, and what a queue between processes carries."""


class NumberProvider(Protocol):
    """An account's numbers at a provider. Every method raises `ProviderError`."""

    name: str
    fields: tuple[tuple[str, bool], ...]
    """The credentials it takes, each with whether it must be there."""
    settles_within: float
    """Seconds after which a number that was asked for and is not in the account was not bought."""

    def wrong(self, credentials: Credentials) -> tuple[str, str] | None:
        """By its shape alone: the credential that cannot be, and why."""

    async def test(self, credentials: Credentials) -> Account:
        """Whose account it is. Changes nothing."""

    async def search(self, credentials: Credentials, wanted: Search) -> list[Offer]:
        """Numbers that can be bought."""

    async def buy(self, credentials: Credentials, e164: str, handle: str, label: str | None = None) -> Owned:
        """Buy it, once for each `handle` where the provider has such a thing. `uncertain`: it may have been bought, and
        `owned` will tell."""

    async def owned(self, credentials: Credentials, e164: str | None = None) -> list[Owned]:
        """The account's numbers, or this one of them."""

    async def release(self, credentials: Credentials, number: Owned) -> None:
        """Give it back; one that is not there any more is released."""

    async def prices(self, credentials: Credentials, country: str) -> Pricing:
        """What numbers and minutes cost, as far as the provider tells."""

    async def line(self, credentials: Credentials, endpoint: Endpoint | None, wanted: Line) -> Line:
        """The SIP side of the account, made where it is lacking, led to `endpoint`. May be asked again."""

    async def point(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> None:
        """Lead a number's calls to us."""

    async def pointed(self, credentials: Credentials, number: Owned, endpoint: Endpoint, line: Line) -> Check:
        """Whether they are."""

    async def outbound(self, credentials: Credentials, line: Line) -> Check:
        """Whether we may send it calls to the telephone network, as far as the provider tells."""


class EngineProvisioning(Protocol):
    """A voice engine's own interface. Every method raises `ProviderError`."""

    name: str

    async def check(self, credentials: Credentials) -> None:
        """Whether the credentials are good."""

    async def put(self, credentials: Credentials, number: EngineNumber) -> str | None:
        """Tell it of a number, or of what changed about it; its id there. May be asked again."""

    async def remove(self, credentials: Credentials, resource_id: str) -> None: ...


class EngineCalls(Protocol):
    """OpenAI's answers to calls that it told of. Both raise `ProviderError`."""

    async def accept(self, credentials: Credentials, path: str, session: dict[str, Any]) -> None: ...

    async def reject(self, credentials: Credentials, path: str, status: int) -> None: ...


class ProviderDirectory(Protocol):
    """Who speaks for whom."""

    @property
    def openai(self) -> EngineCalls: ...

    def numbers(self, provider: str, *, live: bool) -> NumberProvider:
        """The provider; for test keys (`live` False) the sandbox in its place."""

    def engine(self, engine: str, *, live: bool) -> EngineProvisioning | None:
        """The engine's interface; None when it has none."""
