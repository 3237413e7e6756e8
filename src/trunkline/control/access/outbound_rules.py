"""What an organization's outbound calls may do: how a wanted change is applied to the rules."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.model.organization import OutboundRules


class OutboundWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules shall be, as far as is said: unset leaves a value; None takes a limit away, and puts the default
    of anything else back."""

    allow: tuple[str, ...] | UnsetType | None = UNSET
    premium: bool | UnsetType | None = UNSET
    emergency: bool | UnsetType | None = UNSET
    calls_per_second: float | UnsetType | None = UNSET
    concurrent_calls: int | UnsetType | None = UNSET
    minute_price: float | UnsetType | None = UNSET
    daily_limit: float | UnsetType | None = UNSET
    max_duration: int | UnsetType | None = UNSET


LIMITS = frozenset({"calls_per_second", "concurrent_calls", "daily_limit", "max_duration"})
"""What None takes away."""


def ruled(rules: OutboundRules, wanted: OutboundWanted | None) -> OutboundRules:
    """The rules with what is wanted; None puts all defaults back. Raises `Invalid`."""
    if wanted is None:
        return OutboundRules()
    changes: dict[str, Any] = {}
    for field, value in fields.said(wanted):
        if value is None:
            changes[field] = None if field in LIMITS else getattr(_DEFAULT, field)
        else:
            check = _CHECKS.get(field)
            changes[field] = value if check is None else check(value, f"outbound.{field}")
    return structs.replace(rules, **changes)


def _amount(value: float, field: str) -> float:
    if not 0 <= value <= 1_000_000:
        fields.refuse(field, "An amount is 0 to 1000000.", value)
    return float(value)


_DEFAULT = OutboundRules()
_CHECKS: dict[str, Any] = {
    "allow": fields.destinations,
    "calls_per_second": fields.rate,
    "concurrent_calls": fields.count(0, 1_000_000),
    "minute_price": _amount,
    "daily_limit": _amount,
    "max_duration": fields.count(1, 86_400),
}
