"""Carriers to speak with, and clients that do not wait between their tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.providers.carrier import Carrier, open_for_business
from trunkline.providers.registry import Providers, Urls
from trunkline.providers.rest import Rest


async def at_once(_: float) -> None:
    return


def urls(base: str) -> Urls:
    return Urls(
        twilio=base,
        twilio_trunking=base,
        twilio_pricing=base,
        telnyx=f"{base}/v2",
        vonage=base,
        signalwire=base,
        elevenlabs=base,
        openai=base,
    )


def hurried(providers: Providers) -> None:
    """None of its clients waits before it asks again."""
    for client in providers._numbers.values():
        if hasattr(client, "_sleep"):
            client._sleep = lambda _: asyncio.sleep(0)


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with open_for_business() as carrier:
        yield carrier


@pytest.fixture
async def providers(carrier: Carrier) -> AsyncIterator[Providers]:
    """The real clients, at the carrier."""
    made = Providers(urls(carrier.base), Rest(timeout=0.4, sleep=at_once), slow=0.3)
    yield made
    await made.close()
