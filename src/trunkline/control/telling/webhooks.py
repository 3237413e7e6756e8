"""Webhooks: made, changed, removed, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.answers import store_answers
from trunkline.control.configuration.state import State
from trunkline.control.errors import Invalid, NotFound
from trunkline.model.secret import Secret
from trunkline.model.webhook import EVENTS, Webhook
from trunkline.store.database.paging import Page
from trunkline.store.rows.webhooks import Attempt, Delivery, DeliveryState
from trunkline.store.store import Store

_MOST = 50
"""Webhooks of an organization."""


class Targets(Protocol):
    """What may be posted to."""

    def refusal(self, url: str) -> str | None:
        """Why not; None when it may."""


class WebhookWanted(msgspec.Struct, frozen=True, kw_only=True):
    url: str | UnsetType = UNSET
    events: tuple[str, ...] | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Sent(NamedTuple):
    """A delivery, with each attempt and what came of it."""

    delivery: Delivery
    attempts: Sequence[Attempt]


class Webhooks:
    __slots__ = ("_state", "_store", "_targets")

    def __init__(self, state: State, store: Store, targets: Targets) -> None:
        self._state = state
        self._store = store
        self._targets = targets

    def all(self, organization_id: str) -> list[Webhook]:
        """Oldest first."""
        return self._state.catalogue.webhooks_of(organization_id)

    def get(self, organization_id: str, id: str) -> Webhook:
        """Raises `NotFound`."""
        webhook = self._state.catalogue.webhooks.get(id)
        if webhook is None or webhook.organization_id != organization_id:
            raise NotFound("webhook_not_found", "There is no webhook with this id.")
        return webhook

    async def create(self, organization_id: str, wanted: WebhookWanted) -> Webhook:
        """Raises `Invalid`."""
        for field in ("url", "events", "secret"):
            if getattr(wanted, field) is UNSET:
                raise Invalid("missing_required_field", f"{field} is required.", field=field)
        wall = self._state.wall()
        blank = Webhook(
            id=self._state.mint(),
            organization_id=organization_id,
            url="",
            events=(),
            secret=Secret(""),
            created_at=wall,
            updated_at=wall,
        )
        webhook = self._applied(blank, wanted)
        async with self._state.change() as draft:
            if len(self.all(organization_id)) >= _MOST:
                fields.refuse("url", f"There are at most {_MOST} webhooks.")
            draft.put(webhook)
        return webhook

    async def change(self, organization_id: str, id: str, wanted: WebhookWanted) -> Webhook:
        """Change what is said. Enabled again, it gets what has waited for it. Raises `NotFound` and `Invalid`."""
        async with self._state.change() as draft:
            before = self.get(organization_id, id)
            webhook = self._applied(before, wanted)
            if webhook == before:
                return before
            webhook = structs.replace(webhook, updated_at=self._state.wall())
            draft.put(webhook)
        return webhook

    async def disable(self, id: str, reason: str) -> bool:
        """Stop a webhook that fails lastingly; whether it was there and enabled."""
        async with self._state.change() as draft:
            webhook = self._state.catalogue.webhooks.get(id)
            if webhook is None or not webhook.enabled:
                return False
            draft.put(structs.replace(webhook, enabled=False, disabled_reason=reason, updated_at=self._state.wall()))
            draft.note(id, reason)
        return True

    async def delete(self, organization_id: str, id: str) -> None:
        """With its deliveries, those that wait too. Raises `NotFound`."""
        async with self._state.change() as draft:
            draft.remove("webhook", self.get(organization_id, id).id)

    async def deliveries(
        self,
        organization_id: str,
        id: str,
        *,
        event: str | None = None,
        state: DeliveryState | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Sent]:
        """Newest first. Raises `NotFound` and `Unavailable`."""
        webhook = self.get(organization_id, id)
        with store_answers():
            async with self._store.read() as unit:
                found = await unit.webhooks.deliveries(
                    webhook.id, event=event, state=state, page=page, per_page=per_page
                )
                attempts = await unit.webhooks.attempts([each.seq for each in found.rows])
        return Page([Sent(each, attempts.get(each.seq, ())) for each in found.rows], found.total)

    async def again(self, organization_id: str, id: str, seq: int) -> Sent:
        """Send a delivery once more, whatever came of it; its attempts are kept. Raises `NotFound` and
        `Unavailable`."""
        webhook = self.get(organization_id, id)
        with store_answers():
            async with self._store.write() as unit:
                known = await unit.webhooks.delivery(seq, organization=organization_id, webhook_id=webhook.id)
                if known is None:
                    raise NotFound("delivery_not_found", "There is no delivery with this id.")
                await unit.webhooks.again(seq, self._state.wall())
                known = await unit.webhooks.delivery(seq, organization=organization_id, webhook_id=webhook.id)
                attempts = await unit.webhooks.attempts([seq])
        assert known is not None
        return Sent(known, attempts.get(seq, ()))

    def _applied(self, webhook: Webhook, wanted: WebhookWanted) -> Webhook:
        changes: dict[str, Any] = {}
        if wanted.url is not UNSET:
            changes["url"] = self._target(wanted.url)
        if wanted.events is not UNSET:
            changes["events"] = _events(wanted.events)
        if wanted.secret is not UNSET:
            secret = wanted.secret.reveal()
            if not 1 <= len(secret) <= 500:
                fields.refuse("secret", "A secret has 1 to 500 characters.")
            changes["secret"] = wanted.secret
        if wanted.enabled is not UNSET:
            changes |= {"enabled": wanted.enabled, "disabled_reason": None}
        return structs.replace(webhook, **changes)

    def _target(self, url: str) -> str:
        if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
            fields.refuse("url", "This must be an http or https URL.", url)
        reason = self._targets.refusal(url)
        if reason is not None:
            raise Invalid("webhook_target_refused", f"Nothing is sent there: {reason}.", field="url")
        return url


def _events(given: Sequence[str]) -> tuple[str, ...]:
    if not given:
        fields.refuse("events", "Name at least one event.")
    for name in given:
        if name not in EVENTS:
            fields.refuse("events", f"Events are {', '.join(EVENTS)}.", name)
    return tuple(dict.fromkeys(given))
