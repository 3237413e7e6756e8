"""Configuration in the database: read whole at the start, written change by change, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.control.catalogue import Record
from trunkline.control.state import Along, BeginJob, EndJob, MovePurchase, Told, UseEvidence, Writing
from trunkline.model.agent import Agent
from trunkline.model.change import Put, Removed
from trunkline.model.connection import Connection
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.model.webhook import Webhook
from trunkline.store.audit import AuditEntry
from trunkline.store.errors import Conflict
from trunkline.store.store import Store, Unit


class StoreLedger:
    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> list[Record]:
        found: list[Record] = []
        for sandbox in (False, True):
            changes = await self._store.load_snapshot(sandbox=sandbox)
            found += [change.record for change in changes if isinstance(change, Put)]
        async with self._store.read() as unit:
            found += await unit.keys.all()
            found += await unit.connections.all()
            return [*found, *await unit.webhooks.all()]

    async def write(
        self, steps: Sequence[Writing], audit: Sequence[AuditEntry], along: Sequence[Along], told: Told
    ) -> None:
        async with self._store.write() as unit:
            loaded: list[Number] = []
            within = False
            for verb, what, sandbox in steps:
                if verb == "insert" and isinstance(what, Number) and (within == sandbox or not loaded):
                    # A load of numbers is one statement.
                    loaded.append(what)
                    within = sandbox
                    continue
                await unit.numbers.insert_all(loaded, sandbox=within)
                loaded = []
                if isinstance(what, Removed):
                    await _delete(unit, what)
                elif verb == "insert":
                    await _insert(unit, what, sandbox)
                else:
                    await _update(unit, what)
            await unit.numbers.insert_all(loaded, sandbox=within)
            await unit.audit.add(audit)
            for each in along:
                await _do(unit, each)
            await unit.webhooks.note(told.events, wall=told.wall)

    async def touch(self, used: dict[str, float]) -> None:
        async with self._store.write() as unit:
            await unit.keys.touch(used)


async def _do(unit: Unit, along: Along) -> None:
    match along:
        case UseEvidence():
            if not await unit.connections.use_evidence(along.id, along.wall):
                raise Conflict("evidence")
        case MovePurchase():
            await unit.purchases.move(along.id, along.state, along.wall, **along.values)
        case BeginJob():
            await unit.jobs.put(along.job)
        case EndJob():
            await unit.jobs.remove(along.number_id)


async def _insert(unit: Unit, record: Record, sandbox: bool) -> None:
    match record:
        case Trunk():
            await unit.trunks.insert(record, sandbox=sandbox)
        case Agent():
            await unit.agents.insert(record, sandbox=sandbox)
        case Number():
            await unit.numbers.insert(record, sandbox=sandbox)
        case ApiKey():
            await unit.keys.insert(record)
        case Connection():
            await unit.connections.insert(record)
        case Webhook():
            await unit.webhooks.insert(record)
        case Organization():
            await unit.organizations.insert(record)


async def _update(unit: Unit, record: Record) -> None:
    match record:
        case Trunk():
            await unit.trunks.update(record)
        case Agent():
            await unit.agents.update(record)
        case Number():
            await unit.numbers.update(record)
        case ApiKey():
            await unit.keys.update(record)
        case Connection():
            await unit.connections.update(record)
        case Webhook():
            await unit.webhooks.update(record)
        case Organization():
            await unit.organizations.update(record)


async def _delete(unit: Unit, removed: Removed) -> None:
    match removed.kind:
        case "trunk":
            await unit.trunks.delete(removed.id)
        case "agent":
            await unit.agents.delete(removed.id)
        case "number":
            await unit.numbers.delete(removed.id)
        case "key":
            await unit.keys.delete(removed.id)
        case "connection":
            await unit.connections.delete(removed.id)
        case "webhook":
            await unit.webhooks.delete(removed.id)
        case "organization":
            await unit.organizations.delete(removed.id)
        case unknown:
            raise ValueError(unknown)
