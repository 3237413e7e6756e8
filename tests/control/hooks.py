"""A webhook, its receiver, and what happens that it is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.control.conftest import Clock, build
from tests.control.engine import Engine
from tests.control.receiver import Receiver, receiving
from trunkline.control.services import Services
from trunkline.control.telling.webhooks import WebhookWanted
from trunkline.model import ids
from trunkline.model.call import CallRecord
from trunkline.model.journal import Began, JournalEntry
from trunkline.model.secret import Secret
from trunkline.model.webhook import EVENTS, Webhook
from trunkline.providers.post import Post
from trunkline.store.group import write_group
from trunkline.store.store import Store, Unit

SECRET = "your_webhook_secret"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def services(store: Store, engine: Engine, clock: Clock) -> AsyncIterator[Services]:
    post = Post(allow_private=True, timeout=0.4)
    made = build(store, engine, clock, post=post)
    await made.load()
    yield made
    await post.close()


@pytest.fixture
async def organization(services: Services) -> str:
    return (await services.organizations.create("Acme")).id


async def hooked(services: Services, organization: str, url: str, *events: str) -> Webhook:
    wanted = WebhookWanted(url=url, events=events or EVENTS, secret=Secret(SECRET))
    return await services.webhooks.create(organization, wanted)


async def all_sent(services: Services, clock: Clock) -> None:
    """Send all that is due; time passes where the pace asks for it."""
    while await services.dispatcher.deliver():
        pass


def call(organization: str, place: int = 0, *, answered: bool = True, status: Any = "completed") -> CallRecord:
    return CallRecord(
        id=ids.mint(1000.0 + place, bytes(10)),
        organization_id=organization,
        direction="inbound",
        phone_number="+12125551234",
        caller="+13035559876",
        callee="+12125551234",
        status=status,
        cause="normal",
        started_at=1_705_759_193.0 + place,
        answered_at=1_705_759_200.0 + place if answered else None,
        ended_at=1_705_759_327.0 + place,
    )


def began(record: CallRecord) -> Began:
    return Began(msgspec.structs.replace(record, status="in-progress", answered_at=None, ended_at=None, cause=None))


async def journalled(store: Store, entries: list[JournalEntry], *, fresh: bool = True) -> None:
    async def place(unit: Unit) -> None:
        return

    await write_group(store, "main", entries, place, fresh=fresh)
