"""Providers that fail: each of them, at each request of a purchase and of a release, in each way there is.

Nothing is lost and nothing is done twice: what was sold is ours, what is ours was sold once, and what was given back is
gone on both sides.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from tests.control.conftest import Clock, build, clock, engine, store
from tests.control.engine import Engine
from tests.providers.carrier import KEY, SID, TOKEN, Carrier
from tests.providers.conftest import at_once, carrier, hurried, urls
from trunkline.control.errors import ProviderFailed
from trunkline.control.providers.connection_rules import ConnectionWanted
from trunkline.control.providers.market import BuyWanted
from trunkline.control.services import Services
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.providers.registry import Providers
from trunkline.providers.rest import Rest
from trunkline.store.store import Store

__all__ = ["carrier", "clock", "engine", "store"]

ACCOUNTS = {
    "twilio": {"account_sid": Secret(SID), "auth_token": Secret(TOKEN)},
    "telnyx": {"api_key": Secret(KEY)},
    "vonage": {"api_key": Secret(SID), "api_secret": Secret(TOKEN)},
    "signalwire": {"space": Secret("acme"), "project_id": Secret(SID), "api_token": Secret(TOKEN)},
}
FAULTS = ("silence", "cut", "500", "garbage", "done-silence", "done-cut", "done-500", "done-garbage")
_NUMBERS = itertools.count(12_025_550_100)


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock, carrier: Carrier) -> AsyncIterator[Services]:
    providers = Providers(urls(carrier.base), Rest(timeout=0.2, sleep=at_once), slow=0.2)
    made = build(store, engine, clock, providers=providers, patience=0.2)
    await made.load()
    hurried(providers)
    yield made
    await made.provisioning.close()
    await providers.close()


async def fresh(services: Services, carrier: Carrier, provider: str) -> str:
    """An organization with an account at which nothing has been made yet."""
    for kept in (carrier.owned, carrier.trunks, carrier.originations, carrier.orders, carrier.engine):
        kept.clear()
    organization = (await services.organizations.create(f"{provider} {next(_NUMBERS)}")).id
    evidence = await services.connections.test(organization, provider, ACCOUNTS[provider])
    wanted = ConnectionWanted(provider=provider, credentials=ACCOUNTS[provider], evidence_id=evidence.id)
    await services.connections.create(organization, wanted)
    carrier.asked.clear()
    return organization


async def settled(services: Services, store: Store, carrier: Carrier, clock: Clock) -> None:
    """What was lost is looked after until it is known, and what is left to do is done."""
    carrier.faults_at.clear()
    for order in carrier.orders.values():
        carrier.fill(order)
    for seconds in (0.0, 8 * 86_400.0, 0.0, 0.0):
        clock.pass_(seconds)
        await services.market.reconcile(all_of_them=True)
        await services.provisioning._begin_due()
        await asyncio.gather(*services.provisioning._running.values())
    async with store.read() as unit:
        assert await unit.purchases.unfinished() == []


async def buy(services: Services, organization: str, provider: str, e164: str) -> Number | None:
    try:
        return await services.market.buy(organization, provider, BuyWanted(e164=e164))
    except ProviderFailed:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_whatever_fails_in_a_purchase_it_is_made_once_or_not_at_all(
    services: Services, store: Store, carrier: Carrier, clock: Clock, provider: str
) -> None:
    organization = await fresh(services, carrier, provider)
    assert await buy(services, organization, provider, f"+{next(_NUMBERS)}") is not None
    steps = len(carrier.asked)
    made = 0
    for step, fault in itertools.product(range(1, steps + 1), FAULTS):
        organization = await fresh(services, carrier, provider)
        e164 = f"+{next(_NUMBERS)}"
        carrier.faults_at[step] = fault
        await buy(services, organization, provider, e164)
        await settled(services, store, carrier, clock)
        ours = list(services.state.catalogue.numbers_of(organization))
        told = (step, fault, [each.e164 for each in ours], carrier.sold[-2:], list(carrier.owned))
        assert carrier.sold.count(e164) == len(ours) == len(carrier.owned), told
        assert [(each.e164, each.state) for each in ours] == [(e164, "active")] * len(ours), told
        assert len(carrier.trunks) <= 1, told
        assert len(carrier.originations) == len(set(carrier.originations)), told
        made += len(ours)
    assert made > steps, "next to nothing was bought: the faults were not met"


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_whatever_fails_in_a_release_it_is_repeated_until_the_number_is_gone(
    services: Services, carrier: Carrier, provider: str
) -> None:
    organization = await fresh(services, carrier, provider)
    for fault in FAULTS:
        number = await buy(services, organization, provider, f"+{next(_NUMBERS)}")
        assert number is not None
        carrier.asked.clear()
        for step in (1, 2):
            carrier.faults_at[step] = fault
        for _ in range(4):
            try:
                assert await services.market.release(number) is True
                break
            except ProviderFailed:
                assert services.state.catalogue.number_called(number.e164, organization) is not None
        assert carrier.owned == {}, fault
        carrier.faults_at.clear()
        assert await services.market.release(number) is True
