"""The same request twice is carried out once, when it says by an Idempotency-Key that it is the same.

A row is written before the work and completed after it. So a request that is sent again while the first is being
carried out waits for it, one that is sent later is given the first one's answer, and one whose first was cut off in the
middle by the end of the process is told that nobody knows. A refusal changes nothing, so it is not remembered: the same
key may be tried again. One whose change stands all the same is no refusal here; `work` gives it as an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from trunkline.control.answers import store_answers
from trunkline.control.errors import Conflict, Invalid, Refusal, Unprocessable
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.idempotency import Given, Kept
from trunkline.store.store import Store

KEPT = 86_400.0
"""Seconds that an answer is kept."""

_LONGEST_KEY = 255
_LONGEST_WAIT = 30.0
_TIDY_EVERY = 3600.0


class Once:
    """Answers that are kept, and requests that are being carried out."""

    __slots__ = ("_going", "_store", "_tidied", "_wall")

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._tidied = wall()
        self._going: dict[tuple[str, str], asyncio.Event] = {}

    async def run(
        self, key_id: str, key: str, request: bytes, work: Callable[[], Awaitable[Given]]
    ) -> tuple[Given, bool]:
        """The answer, and whether it is an earlier one's. `request`: all that makes it this request.

        Raises what `work` raises, which must have changed nothing; `Invalid` for a key that is none; `Unprocessable`
        when the key was used for another request; `Conflict` while that is being carried out for longer than is waited,
        or when it was cut off.
        """
        if not 1 <= len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
            message = f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable ASCII characters."
            raise Invalid("invalid_parameter", message, field="Idempotency-Key")
        digest = hashlib.sha256(request).digest()
        place = key_id, key
        while (going := self._going.get(place)) is not None:
            try:
                await asyncio.wait_for(going.wait(), _LONGEST_WAIT)
            except TimeoutError:
                message = "The first request with this Idempotency-Key is still being carried out."
                raise Conflict("idempotency_in_progress", message) from None
        done = self._going[place] = asyncio.Event()
        try:
            kept = await self._kept(key_id, key)
            if kept is not None:
                return _again(kept, digest), True
            return await self._first(key_id, key, digest, work), False
        finally:
            del self._going[place]
            done.set()

    async def tidy(self) -> None:
        """Forget answers that were kept for long enough; at most once an hour, however often it is called."""
        wall = self._wall()
        if wall - self._tidied < _TIDY_EVERY:
            return
        self._tidied = wall
        with contextlib.suppress(store_errors.StoreError):
            async with self._store.write() as unit:
                await unit.idempotency.delete_until(wall - KEPT)

    async def _kept(self, key_id: str, key: str) -> Kept | None:
        with store_answers("; nothing was done"):
            async with self._store.read() as unit:
                kept = await unit.idempotency.get(key_id, key)
            if kept is not None and kept.at <= self._wall() - KEPT:
                async with self._store.write() as unit:
                    await unit.idempotency.forget(key_id, key)
                return None
        return kept

    async def _first(self, key_id: str, key: str, digest: bytes, work: Callable[[], Awaitable[Given]]) -> Given:
        with store_answers("; nothing was done"):
            async with self._store.write() as unit:
                await unit.idempotency.begin(key_id, key, digest, self._wall())
        try:
            given = await work()
        except Refusal:
            await self._forget(key_id, key)
            raise
        # When it cannot be kept: it is done, and whoever asked is told so; who asks again is told that it is not known.
        with contextlib.suppress(store_errors.Unavailable):
            async with self._store.write() as unit:
                await unit.idempotency.answer(key_id, key, given)
        return given

    async def _forget(self, key_id: str, key: str) -> None:
        with contextlib.suppress(store_errors.Unavailable):
            async with self._store.write() as unit:
                await unit.idempotency.forget(key_id, key)


def _again(kept: Kept, digest: bytes) -> Given:
    if kept.digest != digest:
        raise Unprocessable("idempotency_key_reused", "This Idempotency-Key was used for another request.")
    if kept.given is None:
        message = (
            "The first request with this Idempotency-Key was cut off, and whether it was carried out is not known: "
            "look, then ask again with another key."
        )
        raise Conflict("idempotency_unfinished", message)
    return kept.given
