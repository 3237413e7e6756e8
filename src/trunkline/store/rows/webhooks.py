"""Webhooks in the database, and their deliveries: what is to be sent, in which order, and what came of each attempt.

An event is written as a delivery for each webhook that wants it, in the transaction of the change that it tells of. Its
key makes it one however often that transaction is tried. `seq` is the order: of one webhook and one subject, only the
first that is still pending is ever due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from time import time
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import structs
from sqlalchemy import Row, and_, bindparam, delete, desc, exists, func, insert, select, update

from trunkline.model.webhook import Event, Webhook
from trunkline.store.database.database import Session
from trunkline.store.database.outside import ATTEMPTS, DELIVERIES, WEBHOOKS
from trunkline.store.database.paging import Page
from trunkline.store.database.seal import Seal
from trunkline.store.database.upsert import insert_missing

_WANTED = select(WEBHOOKS.c.id, WEBHOOKS.c.organization_id, WEBHOOKS.c.events).where(
    WEBHOOKS.c.organization_id.in_(bindparam("organizations", expanding=True)), WEBHOOKS.c.enabled
)
Wanted = dict[str, list[tuple[str, frozenset[str]]]]
"""Who wants to be told of what: by organization, the enabled webhooks and their events."""
DeliveryState = Literal["pending", "delivered", "failed"]
_EVENTS = msgspec.json.Decoder(tuple[str, ...])


class Delivery(NamedTuple):
    seq: int
    webhook_id: str
    organization_id: str
    event: str
    subject: str
    key: str
    body: str
    state: DeliveryState
    attempts: int
    due_at: float
    """Unix seconds of the next attempt."""
    created_at: float
    done_at: float | None


class Attempt(NamedTuple):
    delivery: int
    number: int
    at: float
    status: int | None
    """The HTTP status; None when there was no answer."""
    error: str | None
    answer: str | None
    """The beginning of the answer's body."""
    seconds: float


class Webhooks:
    __slots__ = ("_backend", "_seal", "_session")

    def __init__(self, session: Session, seal: Seal, backend: str) -> None:
        self._session = session
        self._seal = seal
        self._backend = backend

    async def all(self) -> list[Webhook]:
        return [self._webhook(row) for row in await self._session.rows(select(WEBHOOKS).order_by(WEBHOOKS.c.id))]

    async def insert(self, webhook: Webhook) -> None:
        await self._session.execute(insert(WEBHOOKS).values(**self._row(webhook)))

    async def update(self, webhook: Webhook) -> bool:
        statement = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook.id).values(self._row(webhook))
        return (await self._session.execute(statement)).rowcount > 0

    async def delete(self, id_: str) -> bool:
        """With all its deliveries."""
        of_it = select(DELIVERIES.c.seq).where(DELIVERIES.c.webhook_id == id_)
        await self._session.execute(delete(ATTEMPTS).where(ATTEMPTS.c.delivery.in_(of_it)))
        await self._session.execute(delete(DELIVERIES).where(DELIVERIES.c.webhook_id == id_))
        return (await self._session.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == id_))).rowcount > 0

    async def reseal(self) -> int:
        found = await self.all()
        for webhook in found:
            await self.update(webhook)
        return len(found)

    async def wanted(self, organizations: Collection[str]) -> Wanted:
        """Who of these organizations wants to be told of what."""
        found: Wanted = {}
        for row in await self._session.rows(_WANTED, {"organizations": list(organizations)}):
            found.setdefault(row.organization_id, []).append((row.id, frozenset(_EVENTS.decode(row.events))))
        return found

    async def note(self, events: Iterable[Event], wanted: Wanted | None = None, wall: float | None = None) -> int:
        """Write a delivery of each event for each webhook that wants it, due at `wall` (Unix seconds; None: now); how
        many. What is there already stays. `wanted`, when it is known already: as `wanted` says."""
        told = list(events)
        if not told:
            return 0
        wanted = await self.wanted({event.organization_id for event in told}) if wanted is None else wanted
        wall = time() if wall is None else wall
        rows = [
            {
                "webhook_id": webhook_id,
                "organization_id": event.organization_id,
                "event": event.name,
                "subject": event.subject,
                "key": event.key,
                "body": event.body,
                "state": "pending",
                "attempts": 0,
                "due_at": wall,
                "created_at": wall,
            }
            for event in told
            for webhook_id, names in wanted.get(event.organization_id, ())
            if event.name in names
        ]
        if rows:
            await self._session.many(insert_missing(self._backend, DELIVERIES), rows, dict)
        return len(rows)

    async def due(self, wall: float, limit: int, except_: Sequence[str] = ()) -> list[Delivery]:
        """What may be sent now: due, of an enabled webhook that is not among `except_`, and with nothing pending before
        it of the same subject."""
        before = DELIVERIES.alias("before")
        first = ~exists().where(
            and_(
                before.c.webhook_id == DELIVERIES.c.webhook_id,
                before.c.subject == DELIVERIES.c.subject,
                before.c.state == "pending",
                before.c.seq < DELIVERIES.c.seq,
            )
        )
        statement = (
            select(DELIVERIES)
            .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
            .where(DELIVERIES.c.state == "pending", DELIVERIES.c.due_at <= wall, WEBHOOKS.c.enabled, first)
            .where(DELIVERIES.c.webhook_id.not_in(except_))
            .order_by(DELIVERIES.c.due_at, DELIVERIES.c.seq)
            .limit(limit)
        )
        return [_delivery(row) for row in await self._session.rows(statement)]

    async def attempted(self, attempt: Attempt, state: DeliveryState, due_at: float) -> bool:
        """Write down what came of an attempt, and what is to be done next; nothing, and False, when the delivery has
        gone with its webhook meanwhile. Raises `Conflict` for an attempt that is there already."""
        done = None if state == "pending" else attempt.at + attempt.seconds
        statement = update(DELIVERIES).where(DELIVERIES.c.seq == attempt.delivery)
        values = {"state": state, "attempts": attempt.number, "due_at": due_at, "done_at": done}
        if not (await self._session.execute(statement.values(**values))).rowcount:
            return False
        await self._session.execute(insert(ATTEMPTS).values(**attempt._asdict()))
        return True

    async def again(self, seq: int, wall: float) -> bool:
        """Send it once more, from now on, whatever came of it; its attempts are kept and counted on."""
        statement = update(DELIVERIES).where(DELIVERIES.c.seq == seq)
        values = {"state": "pending", "due_at": wall, "created_at": wall, "done_at": None}
        return (await self._session.execute(statement.values(**values))).rowcount > 0

    async def delivered_since(self, webhook_id: str, wall: float) -> bool:
        """Whether anything has been delivered since then (Unix seconds)."""
        statement = select(func.count()).select_from(DELIVERIES)
        where = (DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.state == "delivered", DELIVERIES.c.done_at >= wall)
        return bool(await self._session.scalar(statement.where(*where)))

    async def delivery(self, seq: int, *, organization: str, webhook_id: str) -> Delivery | None:
        row = await self._session.first(
            select(DELIVERIES).where(
                DELIVERIES.c.seq == seq,
                DELIVERIES.c.organization_id == organization,
                DELIVERIES.c.webhook_id == webhook_id,
            )
        )
        return None if row is None else _delivery(row)

    async def deliveries(
        self,
        webhook_id: str,
        *,
        event: str | None = None,
        state: DeliveryState | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Delivery]:
        """Newest first."""
        where = [DELIVERIES.c.webhook_id == webhook_id]
        if event is not None:
            where.append(DELIVERIES.c.event == event)
        if state is not None:
            where.append(DELIVERIES.c.state == state)
        total = await self._session.scalar(select(func.count()).select_from(DELIVERIES).where(*where))
        statement = select(DELIVERIES).where(*where).order_by(desc(DELIVERIES.c.seq))
        rows = await self._session.rows(statement.limit(per_page).offset((page - 1) * per_page))
        return Page([_delivery(row) for row in rows], total)

    async def attempts(self, deliveries: Sequence[int]) -> dict[int, list[Attempt]]:
        """The attempts of these deliveries, in their order."""
        found: dict[int, list[Attempt]] = {}
        statement = select(ATTEMPTS).where(ATTEMPTS.c.delivery.in_(deliveries))
        for row in await self._session.rows(statement.order_by(ATTEMPTS.c.delivery, ATTEMPTS.c.number)):
            found.setdefault(row.delivery, []).append(Attempt(**row._mapping))
        return found

    async def delete_done_before(self, wall: float, *, limit: int = 500) -> int:
        """Delete up to `limit` deliveries that were done with before `wall`; how many went."""
        old = select(DELIVERIES.c.seq).where(DELIVERIES.c.done_at < wall).order_by(DELIVERIES.c.done_at).limit(limit)
        seqs = [row.seq for row in await self._session.rows(old)]
        if seqs:
            await self._session.execute(delete(ATTEMPTS).where(ATTEMPTS.c.delivery.in_(seqs)))
            await self._session.execute(delete(DELIVERIES).where(DELIVERIES.c.seq.in_(seqs)))
        return len(seqs)

    def _row(self, webhook: Webhook) -> dict[str, Any]:
        row = structs.asdict(webhook)
        row["events"] = msgspec.json.encode(webhook.events).decode()
        row["secret"] = self._seal.shut(webhook.secret)
        return row

    def _webhook(self, row: Row[Any]) -> Webhook:
        fields = dict(row._mapping)
        fields["events"] = _EVENTS.decode(fields["events"])
        fields["secret"] = self._seal.open_token(fields["secret"])
        return Webhook(**fields)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._mapping)
