"""Giving a number up: back to its provider where it was bought there, and away from here."""

from __future__ import annotations

from trunkline.control.configuration.state import State
from trunkline.control.providers.market import Market
from trunkline.control.routing.numbers import Numbers

NOT_RELEASED = "not released at provider"


class Releasing:
    __slots__ = ("_market", "_numbers", "_state")

    def __init__(self, state: State, numbers: Numbers, market: Market) -> None:
        self._state = state
        self._numbers = numbers
        self._market = market

    async def release(self, organization_id: str, id: str) -> str | None:
        """Release it at the provider and remove it here. What is to be told where there is no account to release it in;
        None when it was released. Raises `NotFound`, and `ProviderFailed`: then the number is kept."""
        number = self._numbers.get(organization_id, id)
        released = await self._market.release(number)
        note = f"released at {number.supply.provider}" if released and number.supply is not None else NOT_RELEASED
        async with self._state.change() as draft:
            draft.remove("number", self._numbers.get(organization_id, id).id)
            draft.note(id, note)
        return None if released else NOT_RELEASED
