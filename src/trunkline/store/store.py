"""The store: what is configured and what was called, behind transactions.

    async with store.write() as unit:
        await unit.trunks.insert(trunk)
        await unit.numbers.insert_all([number])

A unit is one transaction with the repositories in it. Writing units run one after the other, so what is read in one
still holds when it is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from trunkline.model.change import Change, Put
from trunkline.store.database.database import Database, Session
from trunkline.store.database.seal import Seal
from trunkline.store.migrate import migrate
from trunkline.store.rows.agents import Agents
from trunkline.store.rows.audit import Audit
from trunkline.store.rows.bindings import Bindings
from trunkline.store.rows.calls import Calls
from trunkline.store.rows.connections import Connections
from trunkline.store.rows.idempotency import Idempotency
from trunkline.store.rows.jobs import Jobs
from trunkline.store.rows.keys import Keys
from trunkline.store.rows.numbers import Numbers
from trunkline.store.rows.open_calls import OpenCalls
from trunkline.store.rows.organizations import Organizations
from trunkline.store.rows.positions import Positions
from trunkline.store.rows.purchases import Purchases
from trunkline.store.rows.refusals import Refusals
from trunkline.store.rows.transcripts import Transcripts
from trunkline.store.rows.trunk_tests import TrunkTests
from trunkline.store.rows.trunks import Trunks
from trunkline.store.rows.verifications import Verifications
from trunkline.store.rows.webhooks import Webhooks


class Unit:
    """One transaction. Every write in it is kept, or none."""

    __slots__ = (
        "agents",
        "audit",
        "bindings",
        "calls",
        "idempotency",
        "connections",
        "jobs",
        "keys",
        "numbers",
        "open_calls",
        "organizations",
        "positions",
        "purchases",
        "refusals",
        "session",
        "transcripts",
        "trunk_tests",
        "trunks",
        "verifications",
        "webhooks",
    )

    def __init__(self, session: Session, seal: Seal, backend: str) -> None:
        self.session = session
        self.organizations = Organizations(session)
        self.trunks = Trunks(session, seal)
        self.agents = Agents(session)
        self.numbers = Numbers(session, seal)
        self.keys = Keys(session)
        self.audit = Audit(session)
        self.trunk_tests = TrunkTests(session, backend)
        self.verifications = Verifications(session, backend)
        self.transcripts = Transcripts(session)
        self.bindings = Bindings(session)
        self.idempotency = Idempotency(session, seal)
        self.calls = Calls(session, backend)
        self.open_calls = OpenCalls(session, backend)
        self.positions = Positions(session, backend)
        self.refusals = Refusals(session, backend)
        self.connections = Connections(session, seal)
        self.purchases = Purchases(session)
        self.jobs = Jobs(session, backend)
        self.webhooks = Webhooks(session, seal, backend)

    def attempt(self) -> contextlib.AbstractAsyncContextManager[None]:
        """A part that may fail alone, as one item of a bulk import: what it wrote is undone, the unit goes on."""
        return self.session.attempt()


class Store:
    __slots__ = ("database", "seal")

    def __init__(self, database: Database, seal: Seal) -> None:
        self.database = database
        self.seal = seal

    @classmethod
    async def open(cls, url: str, key_file: Path) -> Self:
        """Open the database, bring its tables up to date, and read the key file, which is made when it is absent.
        Raises `Unavailable`, `WrongKey`, `SchemaMismatch`."""
        seal = Seal.open(key_file)
        database = Database.open(url)
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, seal)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """One consistent view. Raises `Unavailable`."""
        async with self.database.read() as session:
            yield Unit(session, self.seal, self.database.backend)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        """Committed at the end, undone when anything raises. Raises `Conflict`, `Unavailable`."""
        async with self.database.write() as session:
            yield Unit(session, self.seal, self.database.backend)

    async def load_snapshot(
        self, *, sandbox: bool = False, seen: Callable[[int], None] = lambda numbers: None
    ) -> list[Change]:
        """What is configured, as changes to an empty table: owners before what they own. All that routing needs; with
        `sandbox`, what test keys made instead. `seen` is told how many numbers have been read. Raises `WrongKey` when a
        credential cannot be opened."""
        async with self.read() as unit:
            return [
                *[Put(each) for each in await unit.organizations.all() if (each.sandbox_of is not None) == sandbox],
                *map(Put, await unit.trunks.everything(sandbox=sandbox)),
                *map(Put, await unit.agents.everything(sandbox=sandbox)),
                *map(Put, await unit.numbers.everything(sandbox=sandbox, seen=seen)),
            ]

    async def reseal(self) -> int:
        """Seal all credentials with the first key of the key file, so that the others may go; how many records were
        rewritten."""
        async with self.write() as unit:
            return (
                await unit.trunks.reseal()
                + await unit.numbers.reseal()
                + await unit.connections.reseal()
                + await unit.webhooks.reseal()
                + await unit.idempotency.reseal()
            )

    async def close(self) -> None:
        await self.database.close()
