"""All that can be asked of the control plane, as one value that the doors are given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from trunkline.control.agents import Agents
from trunkline.control.audit import AuditLog
from trunkline.control.bans import Bans
from trunkline.control.calls import Calls
from trunkline.control.idempotency import Once
from trunkline.control.keys import Keys
from trunkline.control.ledger import StoreLedger
from trunkline.control.numbers import IMPORTS, Numbers
from trunkline.control.organizations import Organizations
from trunkline.control.ports import EnginePort
from trunkline.control.routes import Routes
from trunkline.control.state import State
from trunkline.control.status import Status
from trunkline.control.trunks import Trunks
from trunkline.store.store import Store


class Services:
    """Call `load` once before the first request, `flush` now and then and at the end."""

    __slots__ = (
        "agents",
        "audit",
        "bans",
        "calls",
        "clock",
        "keys",
        "numbers",
        "once",
        "organizations",
        "routes",
        "state",
        "status",
        "trunks",
    )

    def __init__(
        self,
        store: Store,
        engine: EnginePort,
        *,
        brand: str = "trunkline",
        imports_per_minute: int = IMPORTS,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.state = State(StoreLedger(store), engine, wall, chance)
        self.clock = clock
        """Monotonic seconds now."""
        self.organizations = Organizations(self.state)
        self.keys = Keys(self.state, brand)
        self.trunks = Trunks(self.state)
        self.agents = Agents(self.state)
        self.numbers = Numbers(self.state, clock, imports_per_minute)
        self.audit = AuditLog(store)
        self.once = Once(store, wall)
        self.calls = Calls(self.state, store)
        self.bans = Bans(self.state)
        self.routes = Routes(self.state)
        self.status = Status(self.state, store)

    async def load(self) -> None:
        """Read the configuration from the store into memory and into the engine's table."""
        await self.state.load()

    async def flush(self) -> None:
        """Write down what was only noted, when keys were last used, and forget what is old."""
        await self.keys.flush()
        await self.once.tidy()
