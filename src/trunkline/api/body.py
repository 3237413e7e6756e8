"""What bodies are made of, on every surface: fields in snake_case or camelCase, moments, ids with their prefixes."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body or a query: no field that is not known."""


class CamelRequest(Request, frozen=True, kw_only=True, rename="camel"):
    """One whose fields are written in camelCase."""


class CamelAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer whose fields are written in camelCase."""


def moment(at: float) -> datetime:
    """A time as it is shown: UTC, whole seconds."""
    return datetime.fromtimestamp(int(at), UTC)


def moment_or_none(at: float | None) -> datetime | None:
    return None if at is None else moment(at)


def exact(at: float | None) -> datetime | None:
    """A time of signalling as it is shown: UTC, milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(round(at * 1000) / 1000, UTC)


def shown(prefix: str, id: str | None) -> str | None:
    return None if id is None else f"{prefix}_{id}"
