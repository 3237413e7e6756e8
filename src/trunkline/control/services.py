"""All that can be asked of the control plane, as one value that the doors are given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from trunkline.control.access.bans import Bans
from trunkline.control.access.idempotency import Once
from trunkline.control.access.keys import Keys
from trunkline.control.access.organizations import Organizations
from trunkline.control.access.verification import Verifications
from trunkline.control.calls.calls import Calls
from trunkline.control.calls.dialling import Dialling
from trunkline.control.calls.live import Live
from trunkline.control.calls.readiness import ReadinessOf
from trunkline.control.calls.routes import Routes
from trunkline.control.calls.transcripts import Transcripts
from trunkline.control.calls.usage import UsageOf
from trunkline.control.configuration.audit import AuditLog
from trunkline.control.configuration.ledger import StoreLedger
from trunkline.control.configuration.state import State
from trunkline.control.ports import EnginePort, ProviderDirectory
from trunkline.control.providers.account_import import AccountImport
from trunkline.control.providers.accounts import Accounts
from trunkline.control.providers.connected import ConnectedNumbers
from trunkline.control.providers.connections import Connections
from trunkline.control.providers.market import Market
from trunkline.control.providers.openai_calls import OpenAiCalls
from trunkline.control.providers.provisioning import Provisioning
from trunkline.control.providers.releasing import Releasing
from trunkline.control.routing.agents import Agents
from trunkline.control.routing.importing import Importing
from trunkline.control.routing.numbers import IMPORTS, Numbers
from trunkline.control.routing.trunks import Trunks
from trunkline.control.status import Status
from trunkline.control.telling.deliveries import Dispatcher
from trunkline.control.telling.webhooks import Webhooks
from trunkline.providers.post import Post
from trunkline.store.store import Store


class Services:
    """Call `load` once before the first request, `flush` now and then and at the end."""

    __slots__ = (
        "accounts",
        "agents",
        "audit",
        "bans",
        "brand",
        "calls",
        "dialling",
        "clock",
        "connected",
        "connections",
        "dispatcher",
        "importing",
        "keys",
        "live",
        "market",
        "numbers",
        "once",
        "openai_calls",
        "organizations",
        "provisioning",
        "readiness",
        "releasing",
        "routes",
        "state",
        "status",
        "transcripts",
        "trunks",
        "webhooks",
        "usage",
        "verifications",
    )

    def __init__(
        self,
        store: Store,
        engine: EnginePort,
        *,
        providers: ProviderDirectory,
        brand: str = "trunkline",
        imports_per_minute: int = IMPORTS,
        post: Post | None = None,
        patience: float = 3.0,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`providers`: number providers and engines. `post`: what posts to webhooks. `patience`: seconds that a request
        waits for provisioning."""
        self.state = State(StoreLedger(store), engine, wall, chance)
        self.brand = brand
        self.clock = clock
        """Monotonic seconds now."""
        self.organizations = Organizations(self.state)
        self.keys = Keys(self.state, brand)
        self.trunks = Trunks(self.state, store)
        self.agents = Agents(self.state)
        self.numbers = Numbers(self.state, clock, imports_per_minute)
        self.audit = AuditLog(store)
        self.once = Once(store, wall)
        self.calls = Calls(self.state, store)
        self.live = Live(self.state, self.calls)
        self.transcripts = Transcripts(self.calls, store)
        self.bans = Bans(self.state, store)
        self.readiness = ReadinessOf(self.state, self.trunks, self.calls)
        self.verifications = Verifications(self.state, store)
        self.importing = Importing(self.state, self.trunks)
        self.dialling = Dialling(self.state, self.calls)
        self.routes = Routes(self.state)
        self.status = Status(self.state, store)
        post = post or Post()
        accounts = Accounts(self.state, providers)
        self.connections = Connections(self.state, store, accounts)
        self.connected = ConnectedNumbers(self.state, accounts, self.connections)
        self.market = Market(self.state, store, accounts)
        self.usage = UsageOf(self.state, self.calls, self.market)
        self.releasing = Releasing(self.state, self.numbers, self.market)
        self.accounts = AccountImport(self.state, self.numbers, self.agents, self.connected)
        self.provisioning = Provisioning(self.state, store, providers, accounts, patience)
        self.webhooks = Webhooks(self.state, store, post)
        self.openai_calls = OpenAiCalls(self.state, providers.openai, brand)
        self.dispatcher = Dispatcher(self.state, store, self.webhooks, post, brand=brand, clock=clock)

    async def load(self, seen: Callable[[int], None] = lambda numbers: None) -> None:
        """Read the configuration from the store into memory and into the engine's table. `seen` is told how many
        numbers have been read."""
        await self.state.load(seen)

    async def flush(self) -> None:
        """Write down what was only noted, when keys were last used, and forget what is old."""
        await self.keys.flush()
        await self.once.tidy()
