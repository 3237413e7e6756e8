"""Sending what webhooks are to be told: at least once, in order for each subject, paced, and again for a day.

The database is the queue. Of one webhook and one subject only the first pending delivery is ever due, so a call's end
is not told before its beginning. An attempt that fails is repeated after growing pauses, for about a day; then the
delivery has failed, and what comes after it goes on. A webhook of which nothing has been taken for all that time is
disabled, with the reason.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Protocol

from trunkline.control.configuration.state import State
from trunkline.control.errors import Refusal
from trunkline.control.telling.webhooks import Webhooks
from trunkline.model.webhook import Webhook
from trunkline.providers.post import Posted
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.webhooks import Attempt, Delivery, DeliveryState
from trunkline.store.store import Store

_log = logging.getLogger("trunkline.control")
PAUSES = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 10800.0, 14400.0, 14400.0, 14400.0, 14400.0)
"""Seconds between the attempts: about 22 hours in all."""
PACE = 100
"""Attempts a minute, of one webhook."""
_LOOK_EVERY = 1.0
_BATCH = 200
_AT_ONCE = 64
"""Attempts on their way."""
OF_ONE = 8
"""Of one organization: receivers that hang keep nobody else's waiting."""
_PURGE_EVERY = 3600.0
KEPT = 30 * 86_400.0
"""Seconds that a delivery is kept after it is done with."""


class Poster(Protocol):
    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted: ...


class Dispatcher:
    __slots__ = (
        "_brand",
        "_chance",
        "_clock",
        "_going",
        "_paces",
        "_post",
        "_purged_at",
        "_state",
        "_store",
        "_troubled",
        "_webhooks",
    )

    def __init__(
        self,
        state: State,
        store: Store,
        webhooks: Webhooks,
        post: Poster,
        *,
        brand: str,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._state = state
        self._store = store
        self._webhooks = webhooks
        self._post = post
        self._brand = brand[:1].upper() + brand[1:]
        self._clock = clock
        self._chance = chance
        self._paces: dict[str, Pace] = {}
        self._purged_at = float("-inf")
        self._going: dict[asyncio.Task[None], Delivery] = {}
        """The attempts that are on their way."""
        self._troubled = False

    async def keep_delivering(self) -> None:
        """Without end."""
        try:
            while True:
                try:
                    # Again without those that are full now: they may have filled the whole look.
                    while await self.begin():
                        pass
                    await self._purge()
                except (store_errors.StoreError, Refusal) as error:
                    self._trouble(error)
                idle = not self._going
                if not idle:
                    await asyncio.wait(self._going, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
                if idle or self._troubled:
                    self._troubled = False
                    await asyncio.sleep(_LOOK_EVERY)
        finally:
            going = tuple(self._going)
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)

    async def deliver(self) -> int:
        """Send what is due now and has room, and wait for it; how many were sent. Raises `StoreError`."""
        sent = 0
        while begun := await self.begin():
            sent += begun
        if self._going:
            await asyncio.wait(self._going)
        return sent

    async def begin(self) -> int:
        """Begin to send what is due now, each webhook within its pace and each organization within its room; how many
        were begun. Raises `StoreError`."""
        catalogue = self._state.catalogue
        if not catalogue.webhooks or len(self._going) >= _AT_ONCE:
            return 0
        # As it is before the look: what comes to its end during it may still look due.
        on_their_way = {delivery.seq for delivery in self._going.values()}
        async with self._store.read() as unit:
            due = await unit.webhooks.due(self._state.wall(), _BATCH, self._waiting())
        taken = Counter(delivery.organization_id for delivery in self._going.values())
        begun = 0
        for delivery in due:
            webhook = catalogue.webhooks.get(delivery.webhook_id)
            if delivery.seq in on_their_way or webhook is None or not webhook.enabled:
                continue
            if len(self._going) >= _AT_ONCE or taken[delivery.organization_id] >= OF_ONE:
                continue
            if not self._paces.setdefault(webhook.id, Pace()).take(self._clock()):
                continue
            taken[delivery.organization_id] += 1
            task = asyncio.create_task(self._send(webhook, delivery), name=f"delivery {delivery.seq}")
            self._going[task] = delivery
            task.add_done_callback(lambda ended: self._going.pop(ended, None))
            begun += 1
        return begun

    def _waiting(self) -> list[str]:
        """Webhooks that have sent as much as they may for now, or whose organization has: what is due of others must
        not wait behind them."""
        now, webhooks = self._clock(), self._state.catalogue.webhooks
        gone = [id for id in self._paces if id not in webhooks]
        for id in gone:
            del self._paces[id]
        taken = Counter(delivery.organization_id for delivery in self._going.values())
        full = [id for id, pace in self._paces.items() if pace.full(now)]
        return [*full, *[id for id, each in webhooks.items() if taken[each.organization_id] >= OF_ONE]]

    async def _send(self, webhook: Webhook, delivery: Delivery) -> None:
        try:
            await self._attempt(webhook, delivery)
        except (store_errors.StoreError, Refusal) as error:
            self._trouble(error)
        except Exception:  # noqa: BLE001 - a bug, whatever it is
            self._troubled = True
            _log.exception("delivery %d could not be sent: this is a bug", delivery.seq)

    def _trouble(self, error: Exception) -> None:
        """What came of an attempt could not be written, so it is due again: not at once."""
        self._troubled = True
        _log.warning("webhooks could not be delivered: %s", error)

    async def _attempt(self, webhook: Webhook, delivery: Delivery) -> None:
        body = delivery.body.encode()
        posted = await self._post.send(webhook.url, body, self._headers(webhook, delivery, body))
        wall = self._state.wall()
        number = delivery.attempts + 1
        state: DeliveryState = "delivered"
        due = wall
        if not posted.ok:
            round_ = (number - 1) % (len(PAUSES) + 1)
            state = "pending" if round_ < len(PAUSES) else "failed"
            if state == "pending":
                due = wall + PAUSES[round_] * (0.9 + 0.2 * self._chance())
        attempt = Attempt(
            delivery=delivery.seq,
            number=number,
            at=wall,
            status=posted.status,
            error=posted.error,
            answer=posted.answer,
            seconds=round(posted.seconds, 3),
        )
        try:
            lasting = await self._noted(webhook, delivery, attempt, state, due)
        except store_errors.Conflict:
            return  # another process has made this attempt too, and what came of that one stands
        if lasting:
            reason = f"Nothing was taken for a day; the last attempt: {posted.error}."
            if await self._webhooks.disable(webhook.id, reason):
                _log.warning("webhook %s is disabled: %s", webhook.id, reason)

    async def _noted(
        self, webhook: Webhook, delivery: Delivery, attempt: Attempt, state: DeliveryState, due: float
    ) -> bool:
        """Write down what came of it; whether nothing has been taken for so long that the webhook is to be disabled."""
        async with self._store.write() as unit:
            there = await unit.webhooks.attempted(attempt, state, due)
            failed = there and state == "failed"
            return failed and not await unit.webhooks.delivered_since(webhook.id, delivery.created_at)

    def _headers(self, webhook: Webhook, delivery: Delivery, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": self._brand,
            f"X-{self._brand}-Signature": signature(webhook.secret.reveal(), body),
            f"X-{self._brand}-Event": delivery.event,
            f"X-{self._brand}-Delivery": f"delivery_{delivery.seq}",
        }

    async def _purge(self) -> None:
        if self._clock() - self._purged_at < _PURGE_EVERY:
            return
        self._purged_at = self._clock()
        while True:
            async with self._store.write() as unit:
                gone = await unit.webhooks.delete_done_before(self._state.wall() - KEPT)
            if not gone:
                return


class Pace:
    """At most `PACE` in any minute."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: deque[float] = deque(maxlen=PACE)

    def full(self, now: float) -> bool:
        return len(self._taken) == PACE and now - self._taken[0] < 60.0

    def take(self, now: float) -> bool:
        """Whether one more may go now; it then counts."""
        if self.full(now):
            return False
        self._taken.append(now)
        return True


def signature(secret: str, body: bytes) -> str:
    """64 lower-case hex digits of HMAC-SHA256 over the bytes that are sent."""
    return hmac.new(secret.encode("utf-8", "surrogateescape"), body, hashlib.sha256).hexdigest()
