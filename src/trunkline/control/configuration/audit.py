"""Who changed what: an entry for each record that a change makes, alters or removes, written with the change itself.

`control.state` makes the entries, from what was there and what comes in its place, so that no service can forget one.
Who asks is set by the door for the length of a request. It is a context variable and not an argument, because it says
nothing about what may be done: only this file reads it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal

import msgspec
from msgspec import structs

from trunkline.control.answers import store_answers
from trunkline.control.configuration.catalogue import Record
from trunkline.model.agent import Agent
from trunkline.model.connection import Connection
from trunkline.model.key import ApiKey
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.model.webhook import Webhook
from trunkline.store.database.paging import Page
from trunkline.store.rows.audit import AuditEntry
from trunkline.store.store import Store

Action = Literal["create", "update", "delete"]
Kind = str

HIDDEN = "•••"
_LONGEST = 200
_SILENT = frozenset(
    {"id", "organization_id", "created_at", "updated_at", "last_used_at", "credentials_changed_at", "digest"}
)
"""Fields that say nothing beside the entry's own."""
_CREDENTIALS = frozenset({"username", "sip_config"})
"""Fields that are no `Secret` but half of a pair that is."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    key_id: str | None = None
    name: str = "system"
    role: str | None = None
    source: str | None = None
    request_id: str | None = None


SYSTEM = Actor()
ACTOR: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)
"""Of the request that is being answered; what this system does by itself is its own."""


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    kind: str | None = None
    resource_id: str | None = None
    key_id: str | None = None
    start: float | None = None
    end: float | None = None
    page: int = 1
    per_page: int = 20


class AuditLog:
    """The log, to be read."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, organization_id: str | None, asked: AuditFilter) -> Page[AuditEntry]:
        """One page, newest first; every organization's when `organization_id` is None. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.audit.page(organization=organization_id, **structs.asdict(asked))


def entry(
    mint: Callable[[], str],
    wall: float,
    organization_id: str | None,
    action: Action,
    kind: Kind,
    resource_id: str,
    *,
    name: str | None = None,
    changes: dict[str, tuple[Any, Any]] | None = None,
    note: str | None = None,
) -> AuditEntry:
    """An entry in the name of whoever asks now. `changes` must hold no credential."""
    actor = ACTOR.get()
    return AuditEntry(
        id=mint(),
        at=wall,
        organization_id=organization_id,
        key_id=actor.key_id,
        actor=actor.name,
        role=actor.role,
        source=actor.source,
        request_id=actor.request_id,
        action=action,
        kind=kind,
        resource_id=resource_id,
        name=name,
        changes=changes or {},
        note=note,
    )


def told(
    mint: Callable[[], str], wall: float, before: Record | None, after: Record | None, note: str | None = None
) -> AuditEntry | None:
    """What became of one record; None when nothing did."""
    record = after if after is not None else before
    if record is None:
        return None
    # A removal says what is gone by its name; all that it was stands in the entries before.
    changes = {} if after is None else differences(before, after)
    if not changes and before is not None and after is not None:
        return None
    action: Action = "create" if before is None else "delete" if after is None else "update"
    return entry(
        mint,
        wall,
        record.id if isinstance(record, Organization) else record.organization_id,
        action,
        kind_of(record),
        record.id,
        name=_name(record),
        changes=changes,
        note=note,
    )


def differences(before: msgspec.Struct | None, after: msgspec.Struct | None) -> dict[str, tuple[Any, Any]]:
    """The fields that are other than they were, before and after, with no credential in them."""
    found: dict[str, tuple[Any, Any]] = {}
    sample = after if after is not None else before
    assert sample is not None
    for field in _fields(type(sample)):
        was = field.default if before is None else getattr(before, field.name)
        now = field.default if after is None else getattr(after, field.name)
        if was != now:
            hide = field.name in _CREDENTIALS
            found[field.name] = (_shown(was, hide), _shown(now, hide))
    return found


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[structs.FieldInfo, ...]:
    """Those that are told of. Finding them takes a millisecond, and a change may be of a hundred thousand records."""
    return tuple(field for field in structs.fields(kind) if field.name not in _SILENT)


def kind_of(record: Record) -> Kind:
    match record:
        case Trunk():
            return "trunk"
        case Agent():
            return "agent"
        case Number():
            return "number"
        case ApiKey():
            return "key"
        case Connection():
            return "connection"
        case Webhook():
            return "webhook"
        case Organization():
            return "organization"


def _name(record: Record) -> str:
    match record:
        case Number():
            return record.e164
        case Webhook():
            return record.url
    return record.name


def _shown(value: object, hide: bool) -> Any:
    if value is msgspec.NODEFAULT or value is None:
        return None
    plain = HIDDEN if hide else msgspec.to_builtins(value, enc_hook=_hidden)
    return f"{plain[:_LONGEST]}…" if isinstance(plain, str) and len(plain) > _LONGEST else plain


def _hidden(value: object) -> object:
    if isinstance(value, Secret):
        return HIDDEN
    raise NotImplementedError
