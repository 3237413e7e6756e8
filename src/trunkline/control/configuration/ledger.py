"""Configuration in the database: read whole at the start, written change by change, each in one transaction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from trunkline.control.breath import parts
from trunkline.control.configuration.catalogue import Record
from trunkline.control.configuration.state import Along, BeginJob, EndJob, MovePurchase, Told, UseEvidence, Writing
from trunkline.model.agent import Agent
from trunkline.model.change import Put, Removed
from trunkline.model.connection import Connection
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.model.webhook import Webhook
from trunkline.store.database.errors import Conflict
from trunkline.store.rows.audit import AuditEntry
from trunkline.store.store import Store, Unit


class StoreLedger:
    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, seen: Callable[[int], None]) -> list[Record]:
        found: list[Record] = []
        for sandbox in (False, True):
            changes = await self._store.load_snapshot(sandbox=sandbox, seen=seen)
            found += [change.record for change in changes if isinstance(change, Put)]
        async with self._store.read() as unit:
            found += await unit.keys.all()
            found += await unit.connections.all()
            return [*found, *await unit.webhooks.all()]

    async def write(
        self, steps: Sequence[Writing], audit: Sequence[AuditEntry], along: Sequence[Along], told: Told
    ) -> None:
        async with self._store.write() as unit:
            async for part in parts(steps):
                for (verb, sandbox, plain), group in itertools.groupby(part, _run):
                    if plain:
                        for step in group:
                            await _step(unit, step)
                    else:
                        await _numbers(unit, verb, [step.what for step in group], sandbox)
            await unit.audit.add(audit)
            for each in along:
                await _do(unit, each)
            await unit.webhooks.note(told.events, wall=told.wall)

    async def touch(self, used: dict[str, float]) -> None:
        async with self._store.write() as unit:
            await unit.keys.touch(used)


def _run(step: Writing) -> tuple[str, bool, bool]:
    """Alike for steps that one statement can take: a hundred thousand numbers are loaded, moved or removed in one. The
    last says that it is no such step."""
    what = step.what
    number = what.kind == "number" if isinstance(what, Removed) else isinstance(what, Number)
    return step.verb, step.sandbox, not number


async def _numbers(unit: Unit, verb: str, what: Sequence[Record | Removed], sandbox: bool) -> None:
    numbers = [each for each in what if isinstance(each, Number)]
    if verb == "insert":
        await unit.numbers.insert_all(numbers, sandbox=sandbox)
    elif verb == "update":
        await unit.numbers.update_all(numbers)
    else:
        await unit.numbers.delete_all([each.id for each in what])


async def _step(unit: Unit, step: Writing) -> None:
    if isinstance(step.what, Removed):
        await _delete(unit, step.what)
    elif step.verb == "insert":
        await _insert(unit, step.what, step.sandbox)
    else:
        await _update(unit, step.what)


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
