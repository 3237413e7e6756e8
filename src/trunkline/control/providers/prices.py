"""What numbers and minutes cost at providers, asked once an hour."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.control.providers.accounts import Account
from trunkline.providers.plan import country_of, is_toll_free
from trunkline.providers.values import Pricing, ProviderError

_KEPT = 3600.0
_MOST = 1000


class Prices:
    __slots__ = ("_known", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._known: dict[tuple[str, str, str], tuple[float, Pricing]] = {}

    async def of(self, organization_id: str, account: Account, country: str) -> Pricing:
        """Raises `ProviderError`."""
        key = (organization_id, account.provider, country)
        wall = self._wall()
        known = self._known.get(key)
        if known is not None and known[0] > wall:
            return known[1]
        pricing = await account.client.prices(account.credentials, country)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = wall + _KEPT, pricing
        return pricing

    async def monthly(self, organization_id: str, account: Account, e164: str) -> float | None:
        """What a number costs a month; None when its provider does not tell."""
        try:
            pricing = await self.of(organization_id, account, country_of(e164) or "US")
        except ProviderError:
            return None
        return (pricing.toll_free if is_toll_free(e164) else pricing.local).monthly
