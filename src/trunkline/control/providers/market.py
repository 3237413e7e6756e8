"""Numbers at providers: searched, priced, bought and given back.

A purchase is written down before the provider is asked, and moves on with each answer: `asked`, `bought`, `kept`. So
whatever dies, and whenever, there is a row that says what may have been paid for. An answer that was lost leaves it
`lost`; then the account's numbers are looked at, at once, at the next start and every minute, until they say whether it
was bought: then it becomes one of ours after all, or the purchase has failed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from trunkline.control import fields
from trunkline.control.configuration.state import BeginJob, MovePurchase, State
from trunkline.control.errors import Conflict, Invalid, NotFound, ProviderFailed, Refusal, Unavailable
from trunkline.control.providers.accounts import UNREACHED, Account, Accounts, refusal, taken
from trunkline.control.providers.prices import Prices
from trunkline.model import ids
from trunkline.model.number import Number, Supply
from trunkline.providers.plan import country_of, is_toll_free
from trunkline.providers.values import Line, Offer, Owned, Pricing, ProviderError, Search
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.jobs import Job
from trunkline.store.rows.purchases import Purchase, PurchaseState
from trunkline.store.store import Store

_log = logging.getLogger("trunkline.control")
_RECONCILE_EVERY = 60.0
_SETTLED_AFTER = 120.0
"""Seconds after which a purchase that nobody carries on is looked after by the duty."""


class Offered(NamedTuple):
    provider: str
    offer: Offer


class BuyWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a number that is bought shall be."""

    e164: str
    label: str | None = None
    agent_id: str | None = None
    supports_inbound: bool = True
    supports_outbound: bool = True
    metadata: dict[str, str] = {}


class Market:
    __slots__ = ("_accounts", "_busy", "_prices", "_state", "_store")

    def __init__(self, state: State, store: Store, accounts: Accounts) -> None:
        self._state = state
        self._store = store
        self._accounts = accounts
        self._prices = Prices(state.wall)
        self._busy: set[str] = set()

    def providers(self, organization_id: str) -> list[str]:
        """The providers with a connected account, in the order in which they were connected."""
        return list(dict.fromkeys(each.provider for each in self._accounts.connected(organization_id)))

    async def search(self, organization_id: str, wanted: Search, provider: str | None = None) -> list[Offered]:
        """Numbers that can be bought: at one provider, or at all that are connected, as many as `wanted.limit`. Of
        several, those that answer count. Raises `Invalid` when `provider` is not connected, and `ProviderFailed`."""
        if provider is None:
            accounts: dict[str, Account] = {}
            for account in self._accounts.connected(organization_id):
                accounts.setdefault(account.provider, account)
        else:
            accounts = {provider: self._accounts.account(organization_id, provider)}
        found = await asyncio.gather(*(self._offers(organization_id, each, wanted) for each in accounts.values()))
        offers = [offer for each in found if isinstance(each, list) for offer in each]
        faults = [each for each in found if isinstance(each, ProviderError)]
        if faults and len(faults) == len(found):
            raise refusal(faults[0])
        return offers[: wanted.limit]

    async def prices(
        self, organization_id: str, country: str = "US", provider: str | None = None
    ) -> tuple[str, Pricing]:
        """What numbers and minutes cost at a provider (None: the first that is connected), and which it is. Raises
        `Invalid` and `ProviderFailed`."""
        if provider is None:
            known = self.providers(organization_id)
            if not known:
                raise Invalid("provider_not_connected", "No account at a provider is connected.", field="provider")
            provider = known[0]
        account = self._accounts.account(organization_id, provider)
        try:
            return provider, await self._prices.of(organization_id, account, country)
        except ProviderError as error:
            raise refusal(error) from None

    # ── buying ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def buy(self, organization_id: str, provider: str, wanted: BuyWanted) -> Number:
        """Buy a number and make it one of ours; its calls come to us. Raises `Invalid`, `Conflict`, `NotFound` for the
        agent, `ProviderFailed` when it was not sold, or when that is not known yet."""
        e164 = fields.phone_number(wanted.e164, "e164")
        if wanted.label is not None:
            fields.line(100)(wanted.label, "label")
        account = self._accounts.account(organization_id, provider)
        self._agent(organization_id, wanted.agent_id)
        if self._state.catalogue.number_called(e164, organization_id) is not None:
            raise taken(e164)
        wall = self._state.wall()
        purchase = Purchase(
            id=self._state.mint(),
            organization_id=organization_id,
            connection_id="" if account.connection is None else account.connection.id,
            provider=provider,
            e164=e164,
            label=wanted.label,
            state="asked",
            wanted=msgspec.json.encode(wanted).decode(),
            created_at=wall,
            updated_at=wall,
        )
        try:
            async with self._store.write() as unit:
                await unit.purchases.insert(purchase)
        except store_errors.Conflict:
            raise Conflict(
                "purchase_in_progress", "This number is being bought already.", field="e164", provided=e164
            ) from None
        except store_errors.Unavailable:
            raise _unwritten() from None
        self._busy.add(purchase.id)
        try:
            # A caller who goes away must not leave it half-way.
            return await asyncio.shield(self._carried(purchase, account))
        finally:
            self._busy.discard(purchase.id)

    async def _carried(self, purchase: Purchase, account: Account) -> Number:
        try:
            owned = await account.client.buy(account.credentials, purchase.e164, purchase.id, purchase.label)
        except ProviderError as error:
            if error.fault != "uncertain":
                await self._moved(purchase, "failed", error=error.message)
                raise refusal(error) from None
            await self._moved(purchase, "lost", error=error.message)
            found = await self._looked(purchase, account)
            if found is None:
                raise ProviderFailed(
                    "provider_failed",
                    f"{error.message} Whether it was bought is being looked after: do not buy it again.",
                ) from None
            owned = found
        await self._moved(purchase, "bought", resource_id=owned.resource_id)
        return await self._kept(purchase, account, owned)

    async def _looked(self, purchase: Purchase, account: Account) -> Owned | None:
        """The number in the account, when it is there."""
        try:
            owned = await account.client.owned(account.credentials, purchase.e164)
        except ProviderError:
            return None
        return owned[0] if owned else None

    async def _kept(self, purchase: Purchase, account: Account, owned: Owned) -> Number:
        """Make it one of ours: the number, its trunk and the purchase's end in one transaction. What is left to do at
        the provider is done after it, and again by the provisioning until it succeeds."""
        organization_id = purchase.organization_id
        endpoint = await self._accounts.endpoint(organization_id)
        line: Line | None = None
        fault: str | None = None
        try:
            line = await self._accounts.line(account, endpoint)
            if endpoint is None:
                fault = UNREACHED
            else:
                await account.client.point(account.credentials, owned, endpoint, line)
        except ProviderError as error:
            fault = error.message
        monthly = await self._prices.monthly(organization_id, account, purchase.e164)
        async with self._state.change() as draft:
            trunk_id = None if account.connection is None else account.connection.trunk_id
            if line is not None:
                trunk_id = self._accounts.trunk(draft, organization_id, account, line).id
            number = self._number(purchase, account, owned, trunk_id, monthly)
            if fault is not None:
                number = structs.replace(number, state="provisioning", provisioned_at=None, provision_error=fault)
                wall = self._state.wall()
                draft.along.append(BeginJob(Job(number.id, organization_id, 0, wall, fault, wall)))
            draft.put(number)
            draft.note(number.id, f"bought at {purchase.provider}")
            draft.along.append(
                MovePurchase(purchase.id, "kept", self._state.wall(), {"number_id": number.id, "error": None})
            )
        return number

    def _number(
        self, purchase: Purchase, account: Account, owned: Owned, trunk_id: str | None, monthly: float | None
    ) -> Number:
        wanted = msgspec.json.decode(purchase.wanted, type=BuyWanted)
        wall = self._state.wall()
        try:
            agent_id = self._agent(purchase.organization_id, wanted.agent_id)
        except NotFound:
            agent_id = None  # it went while the number was being bought
        supply = Supply(
            provider=purchase.provider,
            managed=True,
            connection_id=None if account.connection is None else account.connection.serial,
            resource_id=owned.resource_id,
            country=owned.country or country_of(purchase.e164),
            features=owned.capabilities,
            toll_free=is_toll_free(purchase.e164),
            monthly_cost=monthly,
        )
        return Number(
            id=self._state.mint(),
            organization_id=purchase.organization_id,
            e164=purchase.e164,
            trunk_id=trunk_id,
            agent_id=agent_id,
            state="active",
            supports_inbound=wanted.supports_inbound,
            supports_outbound=wanted.supports_outbound,
            metadata=wanted.metadata,
            label=wanted.label,
            supply=supply,
            provisioned_at=wall,
            created_at=wall,
            updated_at=wall,
        )

    async def release(self, number: Number) -> bool:
        """Give a number back to its provider, before it is removed here; False when there is no account to give it back
        to. Raises `ProviderFailed`."""
        account = self._seller(number)
        if account is None or number.supply is None:
            return False
        try:
            owned = Owned(
                e164=number.e164,
                resource_id=number.supply.resource_id or "",
                country=number.supply.country,
            )
            if not owned.resource_id:
                found = await account.client.owned(account.credentials, number.e164)
                if not found:
                    return True
                owned = found[0]
            await account.client.release(account.credentials, owned)
        except ProviderError as error:
            raise ProviderFailed("provider_failed", error.message) from None
        return True

    def _seller(self, number: Number) -> Account | None:
        supply = number.supply
        if supply is None or supply.provider is None or supply.provider == "manual":
            return None
        accounts = self._accounts.connected(number.organization_id, supply.provider)
        for account in accounts:
            serial = None if account.connection is None else account.connection.serial
            if serial == supply.connection_id:
                return account
        return None

    # ── what was lost ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def keep_reconciling(self) -> None:
        """Without end: at once, and every minute."""
        first = True
        while True:
            try:
                await self.reconcile(all_of_them=first)
                first = False
            except (store_errors.StoreError, Refusal) as error:
                _log.warning("purchases could not be looked after: %s", error)
            await asyncio.sleep(_RECONCILE_EVERY)

    async def reconcile(self, *, all_of_them: bool = False) -> int:
        """Look after purchases that came to no end; how many did now. `all_of_them`: also those that were begun just
        now, as nobody carries on what an earlier process began."""
        async with self._store.read() as unit:
            open_ = await unit.purchases.unfinished()
        ended = 0
        for purchase in open_:
            fresh = self._state.wall() - purchase.updated_at < _SETTLED_AFTER
            if purchase.id in self._busy or (fresh and not all_of_them and purchase.state != "bought"):
                continue
            try:
                ended += await self._reconciled(purchase)
            except (store_errors.StoreError, Refusal) as error:
                _log.warning("purchase %s could not be looked after: %s", purchase.id, error)
            except Exception:  # noqa: BLE001 - a bug in one must not keep what was paid for elsewhere from being found
                _log.exception("purchase %s could not be looked after: this is a bug", purchase.id)
        return ended

    async def _reconciled(self, purchase: Purchase) -> bool:
        account = self._bought_with(purchase)
        if account is None:
            await self._moved(purchase, "failed", error="The account that it was bought with is connected no more.")
            return True
        try:
            owned = await account.client.owned(account.credentials, purchase.e164)
        except ProviderError as error:
            _log.warning("whether %s was bought is not known yet: %s", purchase.e164, error.message)
            return False
        known = self._state.catalogue.number_called(purchase.e164, purchase.organization_id)
        if owned and known is not None:
            # Somebody was quicker, as by an import: it is ours, and nothing is lost.
            await self._moved(purchase, "kept", number_id=known.id)
            return True
        if owned:
            number = await self._kept(purchase, account, owned[0])
            _log.warning(
                "the purchase of %s, whose answer was lost, was found: it is number %s", number.e164, number.id
            )
            return True
        if self._state.wall() - purchase.created_at < account.client.settles_within:
            return False
        await self._moved(purchase, "failed", error="It did not come into the account.")
        return True

    def _bought_with(self, purchase: Purchase) -> Account | None:
        if purchase.connection_id:
            connection = self._state.catalogue.connections.get(purchase.connection_id)
            return None if connection is None else self._accounts.of(connection)
        if self._state.live(purchase.organization_id):
            return None
        accounts = self._accounts.connected(purchase.organization_id, purchase.provider)
        return next((each for each in accounts if each.connection is None), None)

    async def _moved(self, purchase: Purchase, state: PurchaseState, **values: Any) -> None:
        try:
            async with self._store.write() as unit:
                await unit.purchases.move(purchase.id, state, self._state.wall(), **values)
        except store_errors.Unavailable:
            # The row says less than is known; looking after it finds that out again.
            _log.warning("purchase %s is %s, which could not be written", purchase.id, state)

    async def _offers(self, organization_id: str, account: Account, wanted: Search) -> list[Offered] | ProviderError:
        try:
            offers = await account.client.search(account.credentials, wanted)
        except ProviderError as error:
            return error
        monthly: float | None = None
        if any(offer.monthly_cost is None for offer in offers):
            try:
                pricing = await self._prices.of(organization_id, account, wanted.country)
                monthly = (pricing.toll_free if wanted.toll_free else pricing.local).monthly
            except ProviderError:
                monthly = None
        return [
            Offered(
                account.provider,
                offer if offer.monthly_cost is not None else structs.replace(offer, monthly_cost=monthly),
            )
            for offer in offers
        ]

    def _agent(self, organization_id: str, text: str | None) -> str | None:
        if text is None:
            return None
        id = ids.bare(text)
        agent = None if id is None else self._state.catalogue.agents.get(id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFound("agent_not_found", "There is no agent with this id.", field="agent_id", provided=text)
        return agent.id


def _unwritten() -> Unavailable:
    return Unavailable("store_unavailable", "The database does not answer now; nothing was bought.")
