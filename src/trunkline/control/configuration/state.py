"""The one way in which configuration changes: rules, the store, the engine, the catalogue, one change at a time.

A change is drafted under a lock, so that what a rule saw is still so when it is written. The store commits first; the
engine then takes the change into its routing table; only when it has said so does the catalogue show it and the caller
get an answer. What the API shows is therefore what the next INVITE meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence, Set
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import structs

from trunkline.control.breath import PART, parts
from trunkline.control.configuration.audit import kind_of, told
from trunkline.control.configuration.catalogue import Catalogue, Record
from trunkline.control.configuration.happenings import events_of
from trunkline.control.errors import Conflict, Unavailable, evidence_used
from trunkline.control.ports import EnginePort
from trunkline.model import ids
from trunkline.model.change import Change, Put, Removed
from trunkline.model.connection import Connection
from trunkline.model.key import ApiKey
from trunkline.model.organization import Organization
from trunkline.model.webhook import Event, Webhook
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.audit import AuditEntry
from trunkline.store.rows.jobs import Job
from trunkline.store.rows.purchases import PurchaseState

_TAKEN: dict[str, tuple[str, str]] = {
    "name": ("trunk_name_exists", "A trunk with this name exists already."),
    "e164": ("phone_number_exists", "This phone number is imported already."),
    "reference": ("trunk_has_agents", "Something still refers to it."),
}
"""Fields that only one record may have, as the store names them: said by it when another process was quicker."""

_OUR_OWN = frozenset({"key", "connection", "webhook"})
"""Kinds of records that the engine has no use for."""

_LONGEST_WAIT = 10.0
"""Seconds that the engine has to take a change: a turn of its loop, or a hundred thousand numbers."""


class Writing(NamedTuple):
    """One step of a transaction."""

    verb: Literal["insert", "update", "delete"]
    what: Record | Removed
    sandbox: bool = False
    """Whether it is a test key's."""


class UseEvidence(NamedTuple):
    """Use up the evidence of a test; the change fails when somebody was quicker."""

    id: str
    wall: float


class MovePurchase(NamedTuple):
    """Say how far a purchase has come."""

    id: str
    state: PurchaseState
    wall: float
    values: dict[str, Any] = {}  # noqa: RUF012 - never changed


class BeginJob(NamedTuple):
    job: Job


class EndJob(NamedTuple):
    number_id: str


Along = UseEvidence | MovePurchase | BeginJob | EndJob
"""What is written in the transaction of a change, and is no record."""


class Told(NamedTuple):
    """What webhooks are told of a change."""

    events: Sequence[Event]
    wall: float


class Ledger(Protocol):
    """Where configuration is kept: all of it is read at the start, and each change is one transaction."""

    async def load(self, seen: Callable[[int], None]) -> list[Record]:
        """What refers to another record comes after it. `seen` is told how many numbers have been read."""

    async def write(
        self, steps: Sequence[Writing], audit: Sequence[AuditEntry], along: Sequence[Along], told: Told
    ) -> None:
        """In this order, all or nothing, with what the audit log and webhooks are told of it. Raises
        `store.errors.Conflict` and `Unavailable`."""

    async def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used (id: Unix seconds)."""


class Draft:
    """The records and removals of one change, in the order that references between them ask for."""

    __slots__ = ("along", "audited", "changes", "notes")

    def __init__(self, *, audited: bool = True) -> None:
        self.changes: list[Record | Removed] = []
        self.along: list[Along] = []
        """What goes into the same transaction; it is written only beside a change."""
        self.audited = audited
        self.notes: dict[str, str] = {}

    def put(self, *records: Record) -> None:
        self.changes.extend(records)

    def remove(self, kind: str, id: str) -> None:
        """`kind`: organization, trunk, agent, number, key, connection or webhook."""
        self.changes.append(Removed(kind, id))

    def note(self, id: str, words: str) -> None:
        """What the audit log shall say of this record beside what changed."""
        self.notes[id] = words


class State:
    __slots__ = ("_chance", "_ledger", "_lock", "catalogue", "engine", "wall")

    def __init__(
        self,
        ledger: Ledger,
        engine: EnginePort,
        wall: Callable[[], float] = time.time,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._ledger = ledger
        self._lock = asyncio.Lock()
        self._chance = chance
        self.engine = engine
        self.catalogue = Catalogue()
        self.wall = wall
        """Unix seconds now."""

    def mint(self) -> str:
        """A new id."""
        return ids.mint(self.wall(), self._chance(10))

    def chance(self, size: int) -> bytes:
        return self._chance(size)

    async def load(self, seen: Callable[[int], None] = lambda numbers: None) -> None:
        """Read everything from the store, into the catalogue and the engine's table. `seen` is told how many numbers
        have been read."""
        async with self._lock:
            records = await self._ledger.load(seen)
            self.catalogue = Catalogue()
            async for part in parts(records):
                for record in part:
                    self.catalogue.put(record)
            async for part in parts(records):
                await self.engine.apply(self._routed(part, frozenset()))

    @contextlib.asynccontextmanager
    async def change(self, *, audited: bool = True) -> AsyncIterator[Draft]:
        """Draft a change inside; it is made when the block ends, and not at all when it raises. `audited` is off for
        loads of records that a file has already.

        Raises `Conflict` and `Unavailable`. When the engine cannot be reached after the store has committed, the change
        is kept and stands from the next start on; `engine_unavailable` says so.
        """
        async with self._lock:
            draft = Draft(audited=audited)
            yield draft
            if draft.changes:
                await self._commit(draft)

    def live(self, organization_id: str) -> bool:
        """Whether an organization's providers and engines are real ones; False for a test key's sandbox."""
        return not self.catalogue.is_sandbox(organization_id)

    async def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used. What the store does not take now is lost: it is a hint, not a record."""
        async with self._lock:
            try:
                await self._ledger.touch(used)
            except store_errors.Unavailable:
                return
            for id, at in used.items():
                key = self.catalogue.keys.get(id)
                if key is not None:
                    self.catalogue.put(structs.replace(key, last_used_at=at))

    async def _commit(self, draft: Draft) -> None:
        changes, wall = draft.changes, self.wall()
        # A sandbox may be made, or go, with what is in it: what is in one is asked of the draft and the catalogue.
        drafted = {each.id for each in changes if isinstance(each, Organization) and each.sandbox_of is not None}
        steps: list[Writing] = []
        routed: list[Change] = []
        async for part in parts(changes):
            steps += [self._step(each, drafted) for each in part]
            routed += self._routed(part, drafted)
        try:
            await self._ledger.write(
                steps,
                await self._audit(draft) if draft.audited else [],
                draft.along,
                Told(await self._events(changes, wall) if draft.audited else [], wall),
            )
        except store_errors.Conflict as conflict:
            if conflict.field == "evidence":
                raise evidence_used() from None
            code, message = _TAKEN.get(conflict.field, _TAKEN["reference"])
            raise Conflict(code, message, field=conflict.field) from None
        except store_errors.Unavailable:
            raise Unavailable("store_unavailable", "The database does not answer now; nothing was changed.") from None
        try:
            if routed:
                async with asyncio.timeout(_LONGEST_WAIT):
                    await self.engine.apply(tuple(routed))
        except (ConnectionError, TimeoutError):
            raise Unavailable(
                "engine_unavailable",
                "The change is stored, but the engine did not take it; it will at its next start.",
                stands=True,
            ) from None
        finally:
            await self._show(changes)

    async def _show(self, changes: Sequence[Record | Removed]) -> None:
        """What was made becomes visible, all of it even when nobody waits for it any more."""
        shown = 0
        try:
            async for part in parts(changes):
                shown += len(part)
                self._take(part)
        except asyncio.CancelledError:
            self._take(changes[shown:])
            raise

    def _take(self, changes: Iterable[Record | Removed]) -> None:
        for change in changes:
            if isinstance(change, Removed):
                self.catalogue.remove(change.kind, change.id)
            else:
                self.catalogue.put(change)

    def _routed(self, changes: Sequence[Record | Removed], drafted: Set[str]) -> tuple[Change, ...]:
        """What the engine is told of these."""
        return tuple([_told(each) for each in changes if not _kept(each) and not self._sandboxed(each, drafted)])

    async def _events(self, changes: Sequence[Record | Removed], wall: float) -> list[Event]:
        """What webhooks are told."""
        told: list[Event] = []
        for seen, event in enumerate(events_of(changes, self.catalogue, self.mint, wall), 1):
            told += [] if event is None else [event]
            if seen % PART == 0:
                await asyncio.sleep(0)
        return told

    def _step(self, change: Record | Removed, drafted: Set[str]) -> Writing:
        if isinstance(change, Removed):
            return Writing("delete", change)
        verb: Literal["insert", "update"] = "insert" if self.catalogue.known(change) is None else "update"
        return Writing(verb, change, self._sandboxed(change, drafted))

    async def _audit(self, draft: Draft) -> list[AuditEntry]:
        wall = self.wall()
        # The last word on each record counts: a draft may put one twice.
        last: dict[tuple[str, str], Record | None] = {}
        for change in draft.changes:
            if isinstance(change, Removed):
                last[change.kind, change.id] = None
            else:
                last[kind_of(change), change.id] = change
        found: list[AuditEntry] = []
        for seen, ((kind, id), after) in enumerate(last.items(), 1):
            entry = told(self.mint, wall, self.catalogue.record(kind, id), after, draft.notes.get(id))
            if entry is not None:
                found.append(entry)
            if seen % PART == 0:
                await asyncio.sleep(0)
        return found

    def _sandboxed(self, change: Record | Removed, drafted: Set[str] = frozenset()) -> bool:
        """Whether the engine must not hear of it."""
        record = self.catalogue.record(change.kind, change.id) if isinstance(change, Removed) else change
        if isinstance(record, Organization):
            return record.sandbox_of is not None
        owner = None if record is None else record.organization_id
        return owner in drafted or self.catalogue.is_sandbox(owner)


def _kept(change: Record | Removed) -> bool:
    """Whether the engine has no use for it: it never leaves the control plane."""
    kind = change.kind if isinstance(change, Removed) else kind_of(change)
    return kind in _OUR_OWN


def _told(change: Record | Removed) -> Change:
    assert not isinstance(change, ApiKey | Connection | Webhook)
    return change if isinstance(change, Removed) else Put(change)
